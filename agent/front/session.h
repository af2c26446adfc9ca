// SPDX-License-Identifier: Apache-2.0
/*
 * One connection: bytes in, requests to dispatch, frames out, in whichever
 * language the peer speaks (speech.h). Phases: handshake (TLS only) → detect
 * (first bytes) → open → closing (output is drained) → gone. A session is
 * known to the rest of the house by its number. It is freed in its own event
 * callbacks only, so a pointer stays good for the length of a call. I/O thread
 * only.
 */
#pragma once

#include <event2/event.h>
#include <stdint.h>

#include "agent/common/json.h"
#include "agent/front/speech.h"

#define SESSION_PEER 128 /* bytes of a peer's identity, with the NUL */

struct session;

/* What a session asks of who owns it (front/server, front/dispatch). */
struct session_owner {
    /* A request or batch of them. Everything is borrowed. */
    void (*request)(void *ctx, struct session *session, const char *text,
                    size_t len, const struct speech_from *from);
    /* It wants VDSM's events from now on, or no more. */
    void (*events)(void *ctx, struct session *session, bool wanted);
    /* The peer sends no more, but may wait for answers: the owner closes the
     * session when the last one is queued. */
    void (*ended)(void *ctx, struct session *session);
    /* The session has ended and is freed after this call. */
    void (*gone)(void *ctx, struct session *session);
    /* There is room for events again, after session_send_event had none. */
    void (*drained)(void *ctx, struct session *session);
};

struct session_setup {
    int fd;                /* taken */
    struct tls_conn *conn; /* taken; NULL: plain */
    const char *peer; /* the identity; of a TLS connection its address, until
                         the handshake gives the identity */
    uint64_t id;
    bool local; /* unix socket */
    /* For a peer that speaks as the engine's client does: the pause between
     * two frames, and the least between two heart-beats. */
    long pacing_us;
    long floor_ms;
};

struct session *session_new(struct event_base *base,
                            const struct session_setup *setup,
                            const struct session_owner *owner, void *ctx);

uint64_t session_id(const struct session *session);
const char *session_peer(const struct session *session); /* "uid:0", "cn:…" */
/* Who it is; NULL until the handshake is over. Borrowed. */
const struct identity *session_identity(const struct session *session);
/* Of a connection without TLS, before it is read from; takes who. */
void session_set_identity(struct session *session, struct identity *who);
bool session_local(const struct session *session);       /* unix socket */

/* Whether it speaks as VDSM's clients do: a batch of one is answered by an
 * object, errors without a verb are plain. */
bool session_vdsm(const struct session *session);

/* Queue an answer; reply_to is that of the request. The session ends, with a
 * log line, when more than LIMIT_OUTPUT bytes wait; above LIMIT_OUTPUT_PAUSE
 * it reads no more until the peer has taken some. */
void session_send(struct session *session, const char *reply_to,
                  const char *text, size_t len);

/* As session_send, for what may be left out: false when the session is behind
 * (more than LIMIT_OUTPUT_EVENTS wait), until drained is called. */
bool session_send_event(struct session *session, const char *text, size_t len);

/* Stop and resume reading (a big parse under way). */
void session_pause(struct session *session);
void session_resume(struct session *session);

/* End after what is queued has been written, or after LIMIT_CLOSE_MS. */
void session_close(struct session *session);

/* End now; gone is called. Not from within a call of the owner's. */
void session_free(struct session *session);
