// SPDX-License-Identifier: Apache-2.0
/*
 * A growing byte buffer, always NUL-terminated after its data. One owner.
 */
#pragma once

#include <stddef.h>

#include "agent/common/cleanup.h"

struct buf {
    char *data; /* NULL while empty */
    size_t len; /* bytes without the NUL */
    size_t cap;
};

#define BUF_INIT {NULL, 0, 0}
#define CLEANUP_BUF CLEANUP(buf_free)

void buf_free(struct buf *b);  /* releases data, leaves b empty */
void buf_clear(struct buf *b); /* keeps the memory */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Drop the first len bytes. */
void buf_consume(struct buf *b, size_t len);

/* Hand out the data (never NULL); b is empty afterwards. Returns owned. */
char *buf_steal(struct buf *b);
