// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of one connection, the same whether TLS lies between or not, and
 * the frames that wait to be written: a queue of complete frames, one write
 * per frame. Non-blocking. I/O thread only.
 */
#pragma once

#include "agent/front/tls.h"

struct wire_frame;

struct wire {
    int fd;
    struct tls_conn *conn;    /* NULL: plain */
    struct wire_frame *first; /* frames that wait, in order */
    struct wire_frame *last;
    size_t waiting; /* bytes of them */
};

/* Takes both; the wire starts with no frames. */
void wire_init(struct wire *wire, int fd, struct tls_conn *conn);

/* Drop what waits, say goodbye (TLS), close. */
void wire_close(struct wire *wire);

/* TLS_CLOSED: the peer sends no more; TLS_FAILED: the connection is lost. */
enum tls_io wire_read(struct wire *wire, void *to, size_t size, size_t *done);

/* Whether the peer that sends no more hears nothing either: a unix socket
 * tells, TCP does not. */
bool wire_gone(const struct wire *wire);

/* Queue text and the LF that ends it. */
void wire_add(struct wire *wire, const char *text, size_t len);

/* Write what waits: TLS_DONE when nothing is left, TLS_WANT_* when the
 * socket is full, else the connection is over. */
enum tls_io wire_flush(struct wire *wire);

/* The peer reads EOF from now on; what it still sends can be read. */
void wire_end_output(struct wire *wire);
