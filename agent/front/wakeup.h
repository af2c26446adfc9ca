// SPDX-License-Identifier: Apache-2.0
/*
 * When a connection is looked at: its socket is ready, a moment has passed, or
 * something outside changed. One function is called for all of them. I/O
 * thread only.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

struct wakeup {
    struct event *readable, *writable;
    struct event *again;
    struct event *tick;
    bool reading, writing; /* what is added */
    bool resting;          /* until the tick */
    void (*fn)(void *ctx);
    void *ctx;
};

void wakeup_init(struct wakeup *wakeup, struct event_base *base, int fd,
                 void (*fn)(void *ctx), void *ctx);
void wakeup_end(struct wakeup *wakeup);

/* Which of the socket's events are of interest from now on. */
void wakeup_want(struct wakeup *wakeup, bool reading, bool writing);

void wakeup_soon(struct wakeup *wakeup); /* in this turn of the loop */

/* In us microseconds; resting until then. */
void wakeup_rest(struct wakeup *wakeup, int64_t us);
