// SPDX-License-Identifier: Apache-2.0
/* Lines of a byte stream, however the bytes come. */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "protocol/limits.h"
#include "protocol/lines.h"

#define CLEANUP_LINES CLEANUP(lines_free)

static void
expect_line(struct lines *lines, const char *wanted)
{
    const char *text = NULL;
    size_t len = 0;

    assert_int_equal(lines_next(lines, &text, &len), LINES_LINE);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(text, wanted, len);
}

static void
expect_none(struct lines *lines)
{
    const char *text;
    size_t len;

    assert_int_equal(lines_next(lines, &text, &len), LINES_MORE);
}

static void
lines_come_out_in_order(void **state)
{
    CLEANUP_LINES struct lines lines = {0};

    (void)state;
    lines_add(&lines, "one\ntwo\r\nthr", 12);
    expect_line(&lines, "one");
    expect_line(&lines, "two\r");
    expect_none(&lines);
    lines_add(&lines, "ee\n", 3);
    expect_line(&lines, "three");
    expect_none(&lines);
}

static void
bytes_may_come_one_by_one(void **state)
{
    CLEANUP_LINES struct lines lines = {0};

    (void)state;
    for (int round = 0; round < 100; round++) {
        for (const char *c = "{\"a\":1}"; *c; c++) {
            lines_add(&lines, c, 1);
            expect_none(&lines);
        }
        lines_add(&lines, "\n", 1);
        expect_line(&lines, "{\"a\":1}");
    }
}

static void
blank_lines_are_skipped(void **state)
{
    CLEANUP_LINES struct lines lines = {0};

    (void)state;
    lines_add(&lines, "\n\r\n \t\nx\n\n", 9);
    expect_line(&lines, "x");
    expect_none(&lines);
}

static void
the_end_of_the_stream_ends_a_line(void **state)
{
    CLEANUP_LINES struct lines lines = {0};
    const char *text = NULL;
    size_t len = 0;

    (void)state;
    lines_add(&lines, "a\nb", 3);
    assert_int_equal(lines_last(&lines, &text, &len), LINES_LINE);
    assert_memory_equal(text, "a", len);
    assert_int_equal(lines_last(&lines, &text, &len), LINES_LINE);
    assert_memory_equal(text, "b", len);
    assert_int_equal(lines_last(&lines, &text, &len), LINES_MORE);
}

static void
a_line_of_the_longest_length_passes(void **state)
{
    CLEANUP_LINES struct lines lines = {0};
    CLEANUP_FREE char *big = mem_zalloc(1, LIMIT_LINE + 2);
    const char *text = NULL;
    size_t len = 0;

    (void)state;
    memset(big, 'x', LIMIT_LINE + 1);
    big[LIMIT_LINE] = '\n';
    lines_add(&lines, big, LIMIT_LINE + 1);
    assert_int_equal(lines_next(&lines, &text, &len), LINES_LINE);
    assert_int_equal(len, LIMIT_LINE);
    big[LIMIT_LINE] = 'x';
    big[LIMIT_LINE + 1] = '\n';
    lines_add(&lines, big, LIMIT_LINE + 2);
    assert_int_equal(lines_next(&lines, &text, &len), LINES_OVER);
}

static void
a_line_without_end_is_over(void **state)
{
    CLEANUP_LINES struct lines lines = {0};
    char chunk[16384];
    const char *text;
    size_t len, sent = 0;

    (void)state;
    memset(chunk, ' ', sizeof(chunk));
    for (; sent < LIMIT_LINE; sent += sizeof(chunk)) {
        lines_add(&lines, chunk, sizeof(chunk));
        expect_none(&lines);
    }
    lines_add(&lines, chunk, 1);
    assert_int_equal(lines_next(&lines, &text, &len), LINES_OVER);
}

static void
an_idle_stream_keeps_little(void **state)
{
    CLEANUP_LINES struct lines lines = {0};
    CLEANUP_FREE char *big = mem_zalloc(1, 1 << 20);

    (void)state;
    memset(big, 'x', 1 << 20);
    big[(1 << 20) - 1] = '\n';
    lines_add(&lines, big, 1 << 20);
    big[(1 << 20) - 1] = '\0';
    expect_line(&lines, big);
    expect_none(&lines);
    assert_true(lines.buf.cap <= 4096);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(lines_come_out_in_order),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(blank_lines_are_skipped),
        cmocka_unit_test(the_end_of_the_stream_ends_a_line),
        cmocka_unit_test(a_line_of_the_longest_length_passes),
        cmocka_unit_test(a_line_without_end_is_over),
        cmocka_unit_test(an_idle_stream_keeps_little),
    };

    return CASES(cases);
}
