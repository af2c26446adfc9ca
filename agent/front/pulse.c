// SPDX-License-Identifier: Apache-2.0
/*
 * A timer each way, which looks when something last happened instead of being
 * moved at every byte. What is promised is sent at three quarters of the time,
 * since the peer counts without grace; what a peer promised has twice its time.
 */
#include "agent/front/pulse.h"

#include "agent/common/clock.h"
#include "agent/common/mem.h"

#define GRACE 2

struct pulse {
    struct event *in;
    struct event *out;
    int64_t in_ms, out_ms; /* 0: not asked for */
    int64_t heard, sent;   /* CLOCK_MONOTONIC ms */
    const struct pulse_owner *owner;
    void *ctx;
};

static void
set(struct event *event, int64_t ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000,
                               .tv_usec = ms % 1000 * 1000};

    event_add(event, &tv);
}

static void
on_out(evutil_socket_t fd, short what, void *arg)
{
    struct pulse *pulse = arg;
    int64_t left = pulse->sent + pulse->out_ms - clock_mono_ms();

    (void)fd;
    (void)what;
    if (left <= 0) {
        pulse->owner->beat(pulse->ctx);
        left = pulse->out_ms;
    }
    set(pulse->out, left);
}

static void
on_in(evutil_socket_t fd, short what, void *arg)
{
    struct pulse *pulse = arg;
    int64_t left = pulse->heard + pulse->in_ms - clock_mono_ms();

    (void)fd;
    (void)what;
    if (left > 0)
        set(pulse->in, left);
    else
        pulse->owner->silent(pulse->ctx);
}

struct pulse *
pulse_new(struct event_base *base, const struct speech_terms *terms,
          const struct pulse_owner *owner, void *ctx)
{
    struct pulse *pulse;

    if (!terms->sends_ms && !terms->expects_ms)
        return NULL;
    pulse = mem_zalloc(1, sizeof(*pulse));
    pulse->in_ms = terms->sends_ms * GRACE;
    pulse->out_ms = terms->expects_ms * 3 / 4;
    pulse->heard = pulse->sent = clock_mono_ms();
    pulse->owner = owner;
    pulse->ctx = ctx;
    pulse->in = event_new(base, -1, 0, on_in, pulse);
    pulse->out = event_new(base, -1, 0, on_out, pulse);
    if (pulse->in_ms)
        set(pulse->in, pulse->in_ms);
    if (pulse->out_ms)
        set(pulse->out, pulse->out_ms);
    return pulse;
}

void
pulse_free(struct pulse *pulse)
{
    if (!pulse)
        return;
    event_free(pulse->in);
    event_free(pulse->out);
    free(pulse);
}

void
pulse_heard(struct pulse *pulse)
{
    if (pulse)
        pulse->heard = clock_mono_ms();
}

void
pulse_sent(struct pulse *pulse)
{
    if (pulse)
        pulse->sent = clock_mono_ms();
}
