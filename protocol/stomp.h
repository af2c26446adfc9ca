// SPDX-License-Identifier: Apache-2.0
/*
 * STOMP 1.2: bytes ⇄ frames, as the bytes come: each byte is looked at a fixed
 * number of times, whatever the pieces. Lenient in what is read: CR LF,
 * colons in values, unknown escapes. What a frame means is not known here.
 * Pure; one owner.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/buf.h"
#include "agent/common/err.h"
#include "protocol/limits.h"

struct stomp {
    struct buf buf;
    size_t start;   /* of the frame that is next */
    size_t scanned; /* looked at, in the head or a body of unknown length */
    size_t head;    /* bytes of the head with its blank line; 0: not all there */
    size_t body;    /* content-length; STOMP_UNTIL_NUL when it is not given */
};

#define STOMP_UNTIL_NUL ((size_t)-1)

struct stomp_header {
    const char *name, *value;
};

struct stomp_frame {
    const char *command;
    struct stomp_header headers[LIMIT_STOMP_HEADERS];
    size_t nheaders;
    const char *body; /* a NUL follows it */
    size_t len;
};

enum stomp_state {
    STOMP_MORE,  /* no whole frame is there */
    STOMP_FRAME, /* *frame is filled */
    STOMP_BAD,   /* framing is lost; err: PARSE, LIMIT */
};

void stomp_add(struct stomp *stomp, const char *bytes, size_t len);

/* The next frame; what it points to is borrowed until the next call for the
 * same stomp. Line ends between frames (heart-beats) are skipped. */
enum stomp_state stomp_next(struct stomp *stomp, struct stomp_frame *frame,
                            struct err *err);

/* Whether bytes of an unfinished frame are there. */
bool stomp_pending(const struct stomp *stomp);

void stomp_free(struct stomp *stomp);

/* The value of the first header of that name; NULL when there is none. */
const char *stomp_header(const struct stomp_frame *frame, const char *name);

/* "cx,cy" of a heart-beat header in milliseconds; false when it is not two
 * numbers. STOMP 1.2 section "Heart-beating". */
bool stomp_beats(const char *text, long *cx, long *cy);

/* Whether version stands in a list "1.0,1.1,1.2". */
bool stomp_speaks(const char *accept, const char *version);

/*
 * Write the head of a frame, LF only, with its blank line; values are escaped.
 * A header whose value is NULL is left out. Returns its length, 0 when it is
 * longer than LIMIT_STOMP_OUT: whoever sends it bounds what it is made of.
 * The body and a NUL follow it.
 */
size_t stomp_head(char out[LIMIT_STOMP_OUT], const char *command,
                  const struct stomp_header *headers, size_t n);
