// SPDX-License-Identifier: Apache-2.0
/*
 * Small allocations of our own: they abort on failure, so callers need no
 * error path. A size that a peer chose must be bounded before it comes here.
 * Any thread.
 */
#pragma once

#include <stddef.h>

/*
 * Keep a few megabytes of what was freed: an answer of some hundred kilobytes
 * makes and drops that much, which would go back to the kernel and be asked
 * for again each time. Once, in main.
 */
void mem_init(void);

/* Zeroed memory for n objects of size bytes; returns owned, never NULL. */
void *mem_zalloc(size_t n, size_t size);

/* Copy of text; returns owned, NULL for NULL. */
char *mem_dup(const char *text);

/* Copy of the first len bytes, NUL-terminated; returns owned. */
char *mem_ndup(const char *text, size_t len);

/* As asprintf; returns owned, never NULL. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Make room for one more element in a vector of count elements.
 * vec may be NULL. Grows by doubling; the new element is zeroed.
 * Returns the vector (maybe moved): v = mem_more(v, n, sizeof(*v)).
 */
void *mem_more(void *vec, size_t count, size_t size);
