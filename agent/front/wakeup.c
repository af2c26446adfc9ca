// SPDX-License-Identifier: Apache-2.0
/*
 * Events of one connection. What is to run soon has an event of its own,
 * without a descriptor: libevent does not insert an event that is active, so
 * those of the socket would be lost by an event_add that comes while they are.
 */
#include "agent/front/wakeup.h"

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
    const struct wakeup *wakeup = arg;

    (void)fd;
    (void)what;
    wakeup->fn(wakeup->ctx);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct wakeup *wakeup = arg;

    wakeup->resting = false;
    on_event(fd, what, wakeup);
}

void
wakeup_init(struct wakeup *wakeup, struct event_base *base, int fd,
            void (*fn)(void *ctx), void *ctx)
{
    *wakeup = (struct wakeup){
        .readable = event_new(base, fd, EV_READ | EV_PERSIST, on_event, wakeup),
        .writable =
            event_new(base, fd, EV_WRITE | EV_PERSIST, on_event, wakeup),
        .again = event_new(base, -1, 0, on_event, wakeup),
        .tick = event_new(base, -1, 0, on_tick, wakeup),
        .fn = fn,
        .ctx = ctx,
    };
}

void
wakeup_end(struct wakeup *wakeup)
{
    event_free(wakeup->readable);
    event_free(wakeup->writable);
    event_free(wakeup->again);
    event_free(wakeup->tick);
}

static void
want(struct event *event, bool on, bool *added)
{
    if (on == *added)
        return;
    *added = on;
    if (on)
        event_add(event, NULL);
    else
        event_del(event);
}

void
wakeup_want(struct wakeup *wakeup, bool reading, bool writing)
{
    want(wakeup->readable, reading, &wakeup->reading);
    want(wakeup->writable, writing, &wakeup->writing);
}

void
wakeup_soon(struct wakeup *wakeup)
{
    event_active(wakeup->again, 0, 0);
}

void
wakeup_rest(struct wakeup *wakeup, int64_t us)
{
    const struct timeval tv = {.tv_sec = us / 1000000,
                               .tv_usec = us % 1000000};

    wakeup->resting = true;
    event_add(wakeup->tick, &tv);
}
