// SPDX-License-Identifier: Apache-2.0
/* Heart-beats both ways: what is due comes, what is heard gives time. */
#include "tests/unit/unit.h"

#include "agent/common/clock.h"
#include "agent/front/pulse.h"

struct fixture {
    struct event_base *base;
    struct pulse *pulse;
    int beats;
    int64_t silent; /* when it was told, CLOCK_MONOTONIC ms */
};

static void
on_beat(void *ctx)
{
    struct fixture *f = ctx;

    f->beats++;
    pulse_sent(f->pulse);
    if (f->beats == 3)
        event_base_loopbreak(f->base);
}

static void
on_silent(void *ctx)
{
    struct fixture *f = ctx;

    f->silent = clock_mono_ms();
    event_base_loopbreak(f->base);
}

static const struct pulse_owner owner = {on_beat, on_silent};

static void
no_terms_no_pulse(void **state)
{
    struct fixture f = {.base = event_base_new()};

    (void)state;
    assert_null(pulse_new(f.base, &(struct speech_terms){0}, &owner, &f));
    pulse_heard(NULL);
    pulse_sent(NULL);
    pulse_free(NULL);
    event_base_free(f.base);
}

static void
beats_come_while_nothing_is_sent(void **state)
{
    const struct speech_terms terms = {.expects_ms = 20};
    struct fixture f = {.base = event_base_new()};

    (void)state;
    f.pulse = pulse_new(f.base, &terms, &owner, &f);
    event_base_dispatch(f.base);
    assert_int_equal(f.beats, 3);
    assert_int_equal(f.silent, 0);
    pulse_free(f.pulse);
    event_base_free(f.base);
}

static void
still_there(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pulse_heard(*(struct pulse **)arg);
}

/* Twice the time that was promised, from the last byte on. */
static void
silence_has_its_grace(void **state)
{
    const struct speech_terms terms = {.sends_ms = 100};
    const struct timeval later = {.tv_usec = 120 * 1000};
    struct fixture f = {.base = event_base_new()};
    int64_t start = clock_mono_ms();
    struct event *sign;

    (void)state;
    f.pulse = pulse_new(f.base, &terms, &owner, &f);
    sign = event_new(f.base, -1, 0, still_there, &f.pulse);
    event_add(sign, &later);
    event_base_dispatch(f.base);
    assert_true(f.silent - start >= 120 + 200);
    event_free(sign);
    pulse_free(f.pulse);
    event_base_free(f.base);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(no_terms_no_pulse),
        cmocka_unit_test(beats_come_while_nothing_is_sent),
        cmocka_unit_test(silence_has_its_grace),
    };

    return CASES(cases);
}
