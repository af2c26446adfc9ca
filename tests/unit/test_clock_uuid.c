// SPDX-License-Identifier: Apache-2.0
/* Stamps and identities. */
#include "tests/unit/unit.h"

#include "agent/common/clock.h"
#include "agent/common/uuid.h"

static void
stamp_is_rfc3339(void **state)
{
    char out[CLOCK_STAMP];

    (void)state;
    clock_stamp(1769860800123, out);
    assert_string_equal(out, "2026-01-31T12:00:00.123Z");
    clock_stamp(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    clock_stamp(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
}

static void
clocks_advance(void **state)
{
    int64_t us = clock_mono_us();

    (void)state;
    assert_true(clock_mono_us() >= us);
    assert_true(clock_mono_ms() >= us / 1000);
    assert_true(clock_wall_ms() > 1700000000000);
}

static void
uuid_is_version_4(void **state)
{
    char a[UUID_TEXT], b[UUID_TEXT], canon[UUID_TEXT];

    (void)state;
    uuid_new(a);
    uuid_new(b);
    assert_string_not_equal(a, b);
    assert_true(uuid_canon(a, canon));
    assert_string_equal(a, canon);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

static void
uuid_canon_refuses_the_rest(void **state)
{
    static const char *const bad[] = {
        "",
        "2b77",
        "2b77c0de-0000-4000-8000-00000000000",
        "2b77c0de-0000-4000-8000-0000000000000",
        "2b77c0de00000-4000-8000-000000000000",
        "2b77c0dg-0000-4000-8000-000000000000",
        "{2b77c0de-0000-4000-8000-00000000000}"};
    char out[UUID_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(uuid_canon(bad[i], out));
    assert_true(uuid_canon("2B77C0DE-0000-4000-8000-00000000ABCD", out));
    assert_string_equal(out, "2b77c0de-0000-4000-8000-00000000abcd");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(stamp_is_rfc3339),
        cmocka_unit_test(clocks_advance),
        cmocka_unit_test(uuid_is_version_4),
        cmocka_unit_test(uuid_canon_refuses_the_rest),
    };

    return CASES(cases);
}
