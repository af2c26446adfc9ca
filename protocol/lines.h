// SPDX-License-Identifier: Apache-2.0
/*
 * Lines of a byte stream, taken apart as the bytes come: each byte is looked
 * at once, whatever the pieces. Blank lines are skipped, a CR before the LF
 * stays with the line (white space to JSON). Pure; one owner.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/buf.h"

struct lines {
    struct buf buf;
    size_t start;   /* of the line that is next */
    size_t scanned; /* no LF between start and here */
};

enum lines_state {
    LINES_MORE, /* no whole line is there */
    LINES_LINE, /* *text and *len are the line without its LF */
    LINES_OVER, /* a line is longer than LIMIT_LINE: framing is lost */
};

void lines_add(struct lines *lines, const char *bytes, size_t len);

/* The next line; borrowed until the next call for the same lines. */
enum lines_state lines_next(struct lines *lines, const char **text,
                            size_t *len);

/* The stream has ended: what is left counts as a line. */
enum lines_state lines_last(struct lines *lines, const char **text,
                            size_t *len);

void lines_free(struct lines *lines);
