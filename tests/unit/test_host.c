// SPDX-License-Identifier: Apache-2.0
/* Facts and figures of the machine the test runs on. */
#include "tests/unit/unit.h"

#include <sys/utsname.h>

#include "agent/common/clock.h"
#include "agent/host/host.h"

static void
facts_are_those_of_the_kernel(void **state)
{
    CLEANUP_JSON json_t *facts = host_facts();
    struct utsname name;

    (void)state;
    assert_int_equal(uname(&name), 0);
    assert_string_equal(json_get_text(facts, "hostname", ""), name.nodename);
    assert_string_equal(json_get_text(facts, "kernel", ""), name.release);
    assert_true(json_get_int(facts, "cpus", 0) >= 1);
    assert_true(json_get_int(facts, "memory", 0) > 1 << 20);
    assert_true(
        json_is_integer(json_object_get(json_object_get(facts, "hugepages"),
                                        "total")));
}

static void
figures_are_there(void **state)
{
    CLEANUP_JSON json_t *stats = host_stats();
    const json_t *memory = json_object_get(stats, "memory");

    (void)state;
    assert_true(json_get_int(json_object_get(stats, "cpu"), "idle_ms", -1) >=
                0);
    assert_int_equal(json_array_size(json_object_get(stats, "load")), 3);
    assert_true(json_get_int(memory, "available", -1) > 0);
    assert_true(json_get_int(memory, "available", 0) <=
                json_get_int(memory, "total", 0));
    assert_true(json_get_int(stats, "uptime_ms", 0) > 0);
}

/* Whatever the answer is here, it comes in time and is the same twice. */
static void
the_trial_of_kvm_ends(void **state)
{
    int64_t begin = clock_mono_ms();
    bool first = host_kvm_works();

    (void)state;
    assert_int_equal(host_kvm_works(), first);
    assert_true(clock_mono_ms() - begin < 20000);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(facts_are_those_of_the_kernel),
        cmocka_unit_test(figures_are_there),
        cmocka_unit_test(the_trial_of_kvm_ends),
    };

    return CASES(cases);
}
