// SPDX-License-Identifier: Apache-2.0
/* JSON from a hostile peer, and JSON of our own. */
#include "tests/unit/unit.h"

#include "agent/common/json.h"
#include "agent/common/mem.h"

static json_t *
parse(const char *text, struct err *err)
{
    return json_parse(text, strlen(text), NULL, err);
}

static void
refused(const char *text, enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;

    assert_null(parse(text, &err));
    unit_err(&err, kind, part);
}

static void
values_of_any_kind(void **state)
{
    static const char *const good[] = {"1",      "-0.5",     "null", "true",
                                       "\"é\"",  "[]",       "{}",   " [1] ",
                                       "[{},1]", "\"\\u00e9\""};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct err err = ERR_INIT;
        CLEANUP_JSON json_t *value = parse(good[i], &err);

        assert_non_null(value);
        assert_int_equal(err.kind, ERR_NONE);
    }
}

static void
syntax_is_named_with_its_place(void **state)
{
    (void)state;
    refused("{\n \"a\": }", ERR_PARSE, "line 2, column 7");
    refused("", ERR_PARSE, "line 1");
    refused("{} {}", ERR_PARSE, "end of file expected");
    refused("{}x", ERR_PARSE, "end of file expected");
    refused("[1,]", ERR_PARSE, "column 4");
    refused("'a'", ERR_PARSE, "invalid token");
    refused("\"a", ERR_PARSE, "premature end");
    refused("[", ERR_PARSE, "line 1");
    refused("]", ERR_PARSE, "unexpected token");
}

static void
duplicate_keys_are_refused(void **state)
{
    (void)state;
    refused("{\"a\":1,\"a\":2}", ERR_PARSE, "duplicate object key");
    refused("[{\"x\":{\"a\":1,\"\\u0061\":2}}]", ERR_PARSE, "duplicate");
}

static void
bad_text_is_refused(void **state)
{
    (void)state;
    refused("\"\xff\"", ERR_PARSE, "unable to decode byte");
    refused("\"\xc0\xaf\"", ERR_PARSE, "unable to decode byte");
    refused("\"\xed\xa0\x80\"", ERR_PARSE, "unable to decode byte");
    refused("\"\\ud800\"", ERR_PARSE, "Unicode");
    refused("\"a\\u0000b\"", ERR_PARSE, "\\u0000");
    refused("\"a\nb\"", ERR_PARSE, "unexpected newline");
    refused("\xef\xbb\xbf{}", ERR_PARSE, "line 1");
}

static void
bytes_after_a_nul_count(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_null(json_parse("{}\0x", 4, NULL, &err));
    assert_int_equal(err.kind, ERR_PARSE);
}

static void
numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    refused("9223372036854775808", ERR_PARSE, "too big integer");
    refused("-9223372036854775809", ERR_PARSE, "too big negative integer");
    refused("1e400", ERR_PARSE, "real number overflow");
    refused("NaN", ERR_PARSE, "invalid token");
    refused("-Infinity", ERR_PARSE, "invalid token");
    refused("01", ERR_PARSE, "line 1");
}

static void
a_number_of_a_million_digits_is_refused(void **state)
{
    const size_t len = 1000000;
    char *text = mem_zalloc(1, len + 1);
    struct err err = ERR_INIT;

    (void)state;
    memset(text, '9', len);
    assert_null(json_parse(text, len, NULL, &err));
    assert_int_equal(err.kind, ERR_PARSE);
    free(text);
}

/* n levels of [ or {"a": and their ends; returns owned. */
static char *
nested(int n, const char *open, const char *close)
{
    char *text = mem_zalloc((size_t)n + 1, strlen(open) + strlen(close));
    char *at = text;

    for (int i = 0; i < n; i++)
        at = stpcpy(at, open);
    if (*open == '{')
        at = stpcpy(at, "0");
    for (int i = 0; i < n; i++)
        at = stpcpy(at, close);
    return text;
}

static void
depth_is_bounded(void **state)
{
    static const char *const open[] = {"[", "{\"a\":"};
    static const char *const close[] = {"]", "}"};
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < 2; i++) {
        CLEANUP_FREE char *fits = nested(64, open[i], close[i]);
        CLEANUP_FREE char *over = nested(65, open[i], close[i]);
        CLEANUP_FREE char *far = nested(100000, open[i], close[i]);
        CLEANUP_JSON json_t *value = parse(fits, &err);

        assert_non_null(value);
        refused(over, ERR_LIMIT, "deeper than 64");
        refused(far, ERR_LIMIT, "deeper than 64");
    }
}

static void
brackets_in_text_are_no_depth(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP_FREE char *many = nested(500, "[", "]");
    CLEANUP_FREE char *text = mem_printf("[\"\\\"%s\\\\\",1]", many);
    CLEANUP_JSON json_t *value = parse(text, &err);

    (void)state;
    assert_non_null(value);
}

static void
memory_is_bounded(void **state)
{
    const size_t len = 16 << 20; /* needs 1.2 GB when nothing stops it */
    char *text = mem_zalloc(1, len + 1);
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 1; i + 3 < len; i += 3)
        memcpy(text + i, "{},", 3);
    text[0] = '[';
    memcpy(text + len - 4, "{}] ", 4);
    assert_null(json_parse(text, len, NULL, &err));
    unit_err(&err, ERR_LIMIT, "memory");
    free(text);
}

static void
the_budget_ends_with_the_parse(void **state)
{
    const struct json_limits tight = {8, 200};
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *value = NULL;
    char big[4096];

    (void)state;
    assert_null(json_parse("[1,2,3,4,5,6,7,8,9]", 19, &tight, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    value = json_string(big);
    assert_non_null(value);
}

static void
text_keeps_order_and_canonical_sorts(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *a = parse("{\"b\":1,\"a\":{\"d\":[],\"c\":null}}", &err);
    CLEANUP_JSON json_t *b = parse("{\"a\":{\"c\":null,\"d\":[]},\"b\":1}", &err);
    CLEANUP_TEXT char *text = NULL, *one = NULL, *two = NULL, *pretty = NULL;
    size_t len = 0;

    (void)state;
    text = json_text(a, &len);
    assert_string_equal(text, "{\"b\":1,\"a\":{\"d\":[],\"c\":null}}");
    assert_int_equal(len, strlen(text));
    one = json_canonical(a);
    two = json_canonical(b);
    assert_string_equal(one, two);
    pretty = json_pretty(b);
    assert_non_null(strstr(pretty, "\n  \"b\": 1"));
}

static void
fields_have_fallbacks(void **state)
{
    CLEANUP_JSON json_t *obj = json_object();

    (void)state;
    json_put_text(obj, "t", "x");
    json_put_text(obj, "n", NULL);
    json_put_int(obj, "i", 7);
    json_put_bool(obj, "b", 1);
    json_put(obj, "o", json_array());
    json_put(obj, "z", NULL);
    assert_string_equal(json_get_text(obj, "t", "-"), "x");
    assert_string_equal(json_get_text(obj, "n", "-"), "-");
    assert_int_equal(json_get_int(obj, "i", 1), 7);
    assert_int_equal(json_get_int(obj, "t", 1), 1);
    assert_int_equal(json_get_bool(obj, "b", 0), 1);
    assert_int_equal(json_get_bool(obj, "i", 5), 5);
    assert_true(json_is_null(json_object_get(obj, "z")));
}

static void
foreign_bytes_become_question_marks(void **state)
{
    CLEANUP_JSON json_t *obj = json_object();

    (void)state;
    json_put_text(obj, "path", "/a\xff/é");
    assert_string_equal(json_get_text(obj, "path", "-"), "/a?/é");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(values_of_any_kind),
        cmocka_unit_test(syntax_is_named_with_its_place),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(bytes_after_a_nul_count),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(a_number_of_a_million_digits_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(brackets_in_text_are_no_depth),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(the_budget_ends_with_the_parse),
        cmocka_unit_test(text_keeps_order_and_canonical_sorts),
        cmocka_unit_test(fields_have_fallbacks),
        cmocka_unit_test(foreign_bytes_become_question_marks),
    };

    json_init();
    return CASES(cases);
}
