// SPDX-License-Identifier: Apache-2.0
/*
 * Allocations that abort instead of failing. A daemon that cannot get a few
 * hundred bytes cannot keep a promise either: the journal takes over after
 * the restart. Sizes that a peer chose never come here unbounded.
 */
#include "agent/common/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
check(void *p)
{
    if (!p) {
        fputs("berth: out of memory\n", stderr);
        abort();
    }
    return p;
}

#define KEEP (4 << 20)      /* bytes at the end of the heap */
#define MAP_ABOVE (1 << 20) /* a larger block is no part of the heap */

void
mem_init(void)
{
    mallopt(M_TRIM_THRESHOLD, KEEP);
    mallopt(M_MMAP_THRESHOLD, MAP_ABOVE);
}

void *
mem_zalloc(size_t n, size_t size)
{
    /* calloc(0) may be NULL, which would read as a failure. */
    return check(calloc(n ? n : 1, size ? size : 1));
}

char *
mem_dup(const char *text)
{
    return text ? check(strdup(text)) : NULL;
}

char *
mem_ndup(const char *text, size_t len)
{
    char *copy = check(malloc(len + 1));

    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *
mem_printf(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    return check(text);
}

/*
 * Capacity is not stored: it is the power of two at or above count, so the
 * vector moves exactly when count is zero or a power of two.
 */
void *
mem_more(void *vec, size_t count, size_t size)
{
    size_t bytes;

    if (count == 0 || (count & (count - 1)) == 0) {
        if (__builtin_mul_overflow(count ? count * 2 : 1, size, &bytes))
            check(NULL);
        vec = check(realloc(vec, bytes ? bytes : 1));
    }
    memset((char *)vec + count * size, 0, size);
    return vec;
}
