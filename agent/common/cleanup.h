// SPDX-License-Identifier: Apache-2.0
/*
 * Cleanup attributes: an owned local is released when its scope ends, so
 * functions need no goto. Each owned type defines its own macro beside it
 * (CLEANUP_JSON in json.h, CLEANUP_DISK in disk.h, ...).
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free_(void *p)
{
    free(*(void **)p);
}

static inline void
cleanup_fd_(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define CLEANUP_FREE CLEANUP(cleanup_free_)
#define CLEANUP_FD CLEANUP(cleanup_fd_)

/* Hand an owned pointer out of its scope: return STEAL(p). */
#define STEAL(p)                                                               \
    __extension__({                                                            \
        __typeof__(p) stolen_ = (p);                                           \
        (p) = NULL;                                                            \
        stolen_;                                                               \
    })

/* A cleanup function for a type whose release takes the pointer. */
#define CLEANUP_DEFINE(name, type, release)                                    \
    static inline void name(type **p)                                          \
    {                                                                          \
        if (*p)                                                                \
            release(*p);                                                       \
    }
