// SPDX-License-Identifier: Apache-2.0
/* Errors: what is set, cut, wrapped, and named. */
#include "tests/unit/unit.h"

#include "agent/common/utf8.h"

static void
set_clears_and_formats(void **state)
{
    struct err err = {.virt_code = 9, .param = "old"};

    (void)state;
    assert_int_equal(err_set(&err, ERR_BUSY, "%d of %s", 3, "x"), -1);
    unit_err(&err, ERR_BUSY, "3 of x");
    assert_int_equal(err.virt_code, 0);
    assert_string_equal(err.param, "");
    assert_int_equal(err_set(NULL, ERR_BUSY, "x"), -1);
}

static void
set_may_quote_itself(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    err_set(&err, ERR_BUSY, "first");
    err_set(&err, ERR_TIMEOUT, "after %s", err.message);
    assert_string_equal(err.message, "after first");
}

static void
wrap_keeps_kind_and_parameter(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    err_param(&err, ERR_INVALID, "memory", "-1", "a number of bytes");
    assert_string_equal(
        err.message,
        "memory: \"-1\" is not accepted; expected a number of bytes");
    assert_int_equal(err_wrap(&err, "While reading %s", "x"), -1);
    unit_err(&err, ERR_INVALID, "While reading x: memory: ");
    assert_string_equal(err.param, "memory");
    err_param(&err, ERR_INVALID, "vm", NULL, "a name");
    assert_string_equal(err.message, "vm is missing; expected a name");
    assert_string_equal(err.value, "");
}

static void
long_text_is_cut_between_characters(void **state)
{
    char text[4096];
    struct err err = ERR_INIT;

    (void)state;
    text[0] = 'x'; /* makes every border of a field fall inside a character */
    for (size_t i = 1; i < sizeof(text) - 2; i += 2)
        memcpy(text + i, "é", 3);
    err_param(&err, ERR_INVALID, text, text, text);
    assert_true(utf8_ok(err.message, strlen(err.message)));
    assert_true(utf8_ok(err.param, strlen(err.param)));
    assert_true(utf8_ok(err.value, strlen(err.value)));
    assert_true(utf8_ok(err.expected, strlen(err.expected)));
    err_set(&err, ERR_INVALID, "%s", text);
    for (int i = 0; i < 8; i++)
        err_wrap(&err, "%s", text);
    assert_true(utf8_ok(err.message, strlen(err.message)));
    assert_true(strlen(err.message) > 1000);
}

static void
every_kind_has_its_name(void **state)
{
    (void)state;
    for (int kind = ERR_NONE + 1; kind < ERR_KINDS; kind++)
        assert_int_equal(err_kind_parse(err_kind_name((enum err_kind)kind)),
                         kind);
    assert_int_equal(err_kind_parse("NOPE"), ERR_NONE);
    assert_string_equal(err_kind_name((enum err_kind)9999), "INTERNAL");
}

static void
utf8_is_strict(void **state)
{
    static const char *const bad[] = {
        "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xc3", "a\xe2\x82"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char *clean = utf8_clean(bad[i]);

        assert_false(utf8_ok(bad[i], strlen(bad[i])));
        assert_true(utf8_ok(clean, strlen(clean)));
        free(clean);
    }
    assert_true(utf8_ok("aé€\xf0\x9f\x98\x80", 10));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(set_clears_and_formats),
        cmocka_unit_test(set_may_quote_itself),
        cmocka_unit_test(wrap_keeps_kind_and_parameter),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(every_kind_has_its_name),
        cmocka_unit_test(utf8_is_strict),
    };

    return CASES(cases);
}
