// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of one connection, the same whether TLS lies between or not, and
 * the frames that wait to be written: a queue of complete frames, one write
 * per frame. Non-blocking. I/O thread only.
 */
#pragma once

#include "agent/front/tls.h"

struct wire_frame;

struct wire_part { /* of a frame; borrowed */
    const void *data;
    size_t len;
};

struct wire {
    int fd;
    struct tls_conn *conn;    /* NULL: plain */
    struct wire_frame *first; /* frames that wait, in order */
    struct wire_frame *last;
    size_t waiting; /* bytes of them */
    bool reset;     /* ends by RST */
    long pacing_us; /* between two frames; 0: none */
    int64_t rested_us; /* CLOCK_MONOTONIC: when the next may go */
};

/* Takes both; the wire starts with no frames. */
void wire_init(struct wire *wire, int fd, struct tls_conn *conn);

/* Drop what waits, say goodbye (TLS, unless it ends by a reset), close. */
void wire_close(struct wire *wire);

/* The connection ends by RST, however it ends, and berthd's death counts:
 * for a peer that does not notice a FIN. TCP only. */
void wire_reset_at_end(struct wire *wire);

/* Whether bytes that were written have not reached the peer. */
bool wire_unsent(const struct wire *wire);

/* TLS_CLOSED: the peer sends no more; TLS_FAILED: the connection is lost. */
enum tls_io wire_read(struct wire *wire, void *to, size_t size, size_t *done);

/* Whether the peer that sends no more hears nothing either: a unix socket
 * tells, TCP does not. */
bool wire_gone(const struct wire *wire);

/* Whether anything waits to be written. */
bool wire_busy(const struct wire *wire);

/* Whether the socket was full: what waits goes as soon as it is not, even
 * between paced frames. */
bool wire_stuck(const struct wire *wire);

/* Queue a frame. */
void wire_add(struct wire *wire, const struct wire_part *parts, size_t n);

/*
 * Write what waits: TLS_DONE when nothing is left, or when the rest must wait
 * for *pause_us (pacing: the engine's client takes in one frame per wake-up,
 * and what comes at once waits for its next turn, a second later); TLS_WANT_*
 * when the socket is full, else the connection is over.
 */
enum tls_io wire_flush(struct wire *wire, int64_t *pause_us);

/* The peer reads EOF from now on; what it still sends can be read. */
void wire_end_output(struct wire *wire);
