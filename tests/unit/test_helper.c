// SPDX-License-Identifier: Apache-2.0
/* A thread for one job at a time, and one that is left behind in its job. */
#include "tests/unit/unit.h"

#include <stdatomic.h>

#include "agent/common/clock.h"
#include "agent/work/helper.h"

struct work {
    atomic_bool go; /* the job may end */
    atomic_int ran, dropped, ended;
};

static void
run(void *arg)
{
    struct work *work = arg;

    while (!atomic_load(&work->go))
        usleep(1000);
    atomic_fetch_add(&work->ran, 1);
}

static void
drop(void *arg)
{
    struct work *work = arg;

    atomic_fetch_add(&work->dropped, 1);
}

static void
end(void *ctx)
{
    struct work *work = ctx;

    atomic_fetch_add(&work->ended, 1);
}

static int64_t
in(int64_t ms)
{
    return clock_mono_ms() + ms;
}

static void
one_job_after_the_other(void **state)
{
    struct work work = {.go = true};
    const struct helper_job job = {run, drop, &work};
    struct helper *helper = helper_start("test", end, &work, NULL);

    (void)state;
    assert_non_null(helper);
    assert_true(helper_wait(helper, in(0)));
    for (int i = 1; i <= 3; i++) {
        assert_true(helper_give(helper, &job));
        assert_true(helper_wait(helper, in(5000)));
        assert_int_equal(atomic_load(&work.ran), i);
        assert_int_equal(atomic_load(&work.dropped), i);
    }
    assert_int_equal(atomic_load(&work.ended), 0);
    assert_true(helper_leave(helper));
    assert_int_equal(atomic_load(&work.ended), 1);
}

static void
a_busy_one_is_left_behind(void **state)
{
    struct work work = {.go = false};
    const struct helper_job job = {run, drop, &work};
    struct helper *helper = helper_start("test", end, &work, NULL);
    int64_t until = in(5000);

    (void)state;
    assert_true(helper_give(helper, &job));
    assert_false(helper_give(helper, &job));
    assert_false(helper_wait(helper, in(20)));
    assert_false(helper_leave(helper));
    assert_int_equal(atomic_load(&work.ended), 0);
    atomic_store(&work.go, true);
    while (!atomic_load(&work.ended) && clock_mono_ms() < until)
        usleep(1000);
    assert_int_equal(atomic_load(&work.ran), 1);
    assert_int_equal(atomic_load(&work.dropped), 1);
    assert_int_equal(atomic_load(&work.ended), 1);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(one_job_after_the_other),
        cmocka_unit_test(a_busy_one_is_left_behind),
    };

    return CASES(cases);
}
