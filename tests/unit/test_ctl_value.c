// SPDX-License-Identifier: Apache-2.0
/* Sizes, durations and disk fields as people write them. */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/ctl/value.h"

static void
sizes_are_read(void **state)
{
    const struct {
        const char *text;
        int64_t bytes;
    } rows[] = {
        {"0", 0},
        {"4096", 4096},
        {"1K", 1024},
        {"512M", 512LL << 20},
        {"1GiB", 1LL << 30},
        {"2t", 2LL << 40},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct err err = ERR_INIT;
        int64_t bytes;

        assert_int_equal(value_size(rows[i].text, &bytes, &err), 0);
        assert_int_equal(bytes, rows[i].bytes);
        assert_int_equal(err.kind, ERR_NONE);
    }
}

static void
bad_sizes_are_refused(void **state)
{
    static const char *const rows[] = {
        "",         "G",    "-1G",
        "1X",       "1.5G", "0x10",
        " 1G",      "1 G",  "9999999999999999999",
        "8388608T", "1GG",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct err err = ERR_INIT;
        int64_t bytes;

        assert_int_equal(value_size(rows[i], &bytes, &err), -1);
        unit_err(&err, ERR_INVALID, "no size");
    }
}

static void
durations_need_a_unit(void **state)
{
    struct err err = ERR_INIT;
    int64_t ms;

    (void)state;
    assert_int_equal(value_duration("30s", &ms, &err), 0);
    assert_int_equal(ms, 30000);
    assert_int_equal(value_duration("250ms", &ms, &err), 0);
    assert_int_equal(ms, 250);
    assert_int_equal(value_duration("2m", &ms, &err), 0);
    assert_int_equal(ms, 120000);
    assert_int_equal(value_duration("1h", &ms, &err), 0);
    assert_int_equal(ms, 3600000);
    assert_int_equal(value_duration("30", &ms, &err), -1);
    unit_err(&err, ERR_INVALID, "such as 30s");
}

static void
check_field(const char *text, const char *expected)
{
    CLEANUP_JSON json_t *obj = json_object();
    CLEANUP_FREE char *got = NULL;
    struct err err = ERR_INIT;

    if (value_field(text, obj, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    got = json_canonical(obj);
    assert_string_equal(got, expected);
}

static void
fields_take_the_types_of_their_rows(void **state)
{
    (void)state;
    check_field("serial=123", "{\"serial\":\"123\"}");
    check_field("cache=writeback", "{\"cache\":\"writeback\"}");
    check_field("read_only=yes", "{\"read_only\":true}");
    check_field("boot_order=2", "{\"boot_order\":2}");
    check_field("boot_order=null", "{\"boot_order\":null}");
    check_field("size=1G", "{\"size\":1073741824}");
    check_field("iotune.total_iops_sec=500",
                "{\"iotune\":{\"total_iops_sec\":500}}");
    check_field("iotune={\"read_iops_sec\":1}",
                "{\"iotune\":{\"read_iops_sec\":1}}");
    check_field("serial=a=b", "{\"serial\":\"a=b\"}");
    check_field("colour=red", "{\"colour\":\"red\"}");
}

static void
bad_fields_are_refused(void **state)
{
    static const char *const rows[] = {
        "cache",       "=x",           "read_only=maybe", "boot_order=first",
        "iotune=fast", "iotune.a.b=1", "size=big",        "serial=\xff",
        "\xff=1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CLEANUP_JSON json_t *obj = json_object();
        struct err err = ERR_INIT;

        if (value_field(rows[i], obj, &err) == 0)
            fail_msg("%s was taken", rows[i]);
        assert_int_not_equal(err.kind, ERR_NONE);
    }
}

static void
check_text(void (*write)(int64_t, struct buf *), int64_t number,
           const char *expected)
{
    CLEANUP_BUF struct buf b = BUF_INIT;

    write(number, &b);
    assert_string_equal(b.data, expected);
}

static void
numbers_are_written_with_units(void **state)
{
    (void)state;
    check_text(value_size_text, 300, "300 B");
    check_text(value_size_text, 1 << 30, "1 GiB");
    check_text(value_size_text, 3 << 19, "1.5 MiB");
    check_text(value_size_text, INT64_MAX, "8388608.0 TiB");
    check_text(value_ms_text, 12, "12 ms");
    check_text(value_ms_text, 12300, "12.3 s");
    check_text(value_ms_text, 185000, "3 min 5 s");
    check_text(value_ms_text, 7500000, "2 h 5 min");
    check_text(value_ms_text, 183600000, "2 d 3 h");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(fields_take_the_types_of_their_rows),
        cmocka_unit_test(bad_fields_are_refused),
        cmocka_unit_test(numbers_are_written_with_units),
    };

    return CASES(cases);
}
