// SPDX-License-Identifier: Apache-2.0
/*
 * What is spoken on a connection: bytes in → requests out, answers → frames.
 * The face of the languages (speech_lines, speech_stomp), which know neither
 * sockets nor timers. I/O thread only.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/err.h"
#include "agent/front/wire.h"

/* How a request came; texts are borrowed, NULL when there is none. */
struct speech_from {
    const char *reply_to; /* comes back with the answer */
    const char *flow_id;
};

/* What a peer and we have agreed on (STOMP's CONNECT). */
struct speech_terms {
    long sends_ms;   /* a byte comes at least so often; 0: no promise */
    long expects_ms; /* it wants one from us so often; 0: it does not */
    bool engine;     /* it speaks as the engine's client does */
};

/* What a language asks of the session. */
struct speech_owner {
    /* Queue one frame, whole. */
    void (*send)(void *ctx, const struct wire_part *parts, size_t n);
    /* A request came; text is borrowed. */
    void (*request)(void *ctx, const char *text, size_t len,
                    const struct speech_from *from);
    void (*agreed)(void *ctx, const struct speech_terms *terms);
    void (*events)(void *ctx, bool wanted); /* those of VDSM's queue */
    void (*ended)(void *ctx); /* the peer sends no more */
};

struct speech {
    const struct speech_kind *kind;
    const struct speech_owner *owner;
    void *ctx;
    long floor_ms; /* the least between two heart-beats of the engine's */
};

struct speech_kind {
    const char *name;
    const char *first; /* bytes that it begins with */
    bool vdsm;         /* spoken by VDSM's clients: plain errors */
    struct speech *(*start)(void); /* owned; the members above are unset */
    void (*stop)(struct speech *speech); /* takes */
    void (*add)(struct speech *speech, const char *bytes, size_t len);
    /* Take the next message: 1; 0 when none is whole; -1 + err (PARSE, LIMIT)
     * when it is not known where the next one begins. last: the stream has
     * ended. */
    int (*next)(struct speech *speech, bool last, struct err *err);
    void (*answer)(struct speech *speech, const char *reply_to,
                   const char *text, size_t len);
    void (*event)(struct speech *speech, const char *text, size_t len);
    void (*refuse)(struct speech *speech, const struct err *err);
};

extern const struct speech_kind speech_lines;
extern const struct speech_kind speech_stomp;

/* The language that these first bytes belong to; NULL while there are none but
 * line ends. -1 + err (PARSE) when it is not spoken here. */
int speech_detect(const char *bytes, size_t len,
                  const struct speech_kind **kind, struct err *err);

/* Returns owned; stop ends it. */
struct speech *speech_new(const struct speech_kind *kind,
                          const struct speech_owner *owner, void *ctx);
