// SPDX-License-Identifier: Apache-2.0
/* Typed fields: what each type takes, and that a refusal names the field. */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/spec/field.h"

static const struct field rows[] = {
    {.name = "text", .type = FIELD_TEXT, .max = 8},
    {.name = "name", .type = FIELD_NAME},
    {.name = "uuid", .type = FIELD_UUID},
    {.name = "ref", .type = FIELD_REF},
    {.name = "path", .type = FIELD_PATH},
    {.name = "int", .type = FIELD_INT, .min = -2, .max = 7, .deflt = "3"},
    {.name = "size", .type = FIELD_SIZE},
    {.name = "bool", .type = FIELD_BOOL},
    {.name = "enum", .type = FIELD_ENUM, .range = "none|some|all",
     .deflt = "\"some\""},
    {.name = "object", .type = FIELD_OBJECT},
    {.name = "array", .type = FIELD_ARRAY, .max = 2},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static json_t *
parse(const char *text)
{
    struct err err = ERR_INIT;
    json_t *value = json_parse(text, strlen(text), NULL, &err);

    if (!value)
        fail_msg("%s: %s", text, err.message);
    return value;
}

static void
takes(const char *text)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *obj = parse(text);

    if (field_check(rows, NROWS, "", obj, &err) < 0)
        fail_msg("%s: %s", text, err.message);
}

static void
refuses(const char *text, const char *param)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *obj = parse(text);

    if (field_check(rows, NROWS, "a.", obj, &err) == 0)
        fail_msg("%s was taken", text);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.param, param);
    assert_true(*err.expected != '\0');
}

static void
good_values(void **state)
{
    (void)state;
    takes("{}");
    takes("{\"text\": null, \"int\": null}");
    takes("{\"text\": \"<&\\\"']]>\", \"name\": \"db-01_a+b.c\"}");
    takes("{\"uuid\": \"2B77C1AA-0000-4000-8000-0123456789AB\"}");
    takes("{\"ref\": \"2b77\", \"path\": \"/images/ü €/a b.raw\"}");
    takes("{\"int\": -2, \"size\": 512, \"bool\": false, \"enum\": \"all\"}");
    takes("{\"object\": {}, \"array\": [1, 2]}");
}

static void
bad_values(void **state)
{
    (void)state;
    refuses("{\"text\": \"\"}", "a.text");
    refuses("{\"text\": \"123456789\"}", "a.text");
    refuses("{\"text\": \"a\\nb\"}", "a.text");
    refuses("{\"text\": \"a\\u007fb\"}", "a.text");
    refuses("{\"text\": \"a\\uffff\"}", "a.text");
    refuses("{\"text\": 1}", "a.text");
    refuses("{\"name\": \"a/b\"}", "a.name");
    refuses("{\"name\": \"<a>\"}", "a.name");
    refuses("{\"uuid\": \"2b77\"}", "a.uuid");
    refuses("{\"path\": \"a/b\"}", "a.path");
    refuses("{\"int\": 8}", "a.int");
    refuses("{\"int\": -3}", "a.int");
    refuses("{\"int\": 1.5}", "a.int");
    refuses("{\"int\": \"1\"}", "a.int");
    refuses("{\"size\": 0}", "a.size");
    refuses("{\"size\": -512}", "a.size");
    refuses("{\"size\": 513}", "a.size");
    refuses("{\"bool\": 1}", "a.bool");
    refuses("{\"enum\": \"som\"}", "a.enum");
    refuses("{\"enum\": \"none|some\"}", "a.enum");
    refuses("{\"enum\": \"\"}", "a.enum");
    refuses("{\"object\": []}", "a.object");
    refuses("{\"array\": [1, 2, 3]}", "a.array");
    refuses("{\"other\": 1}", "a.other");
}

static void
long_values_are_bounded(void **state)
{
    CLEANUP_FREE char *text = mem_zalloc(1, 6000);
    CLEANUP_JSON json_t *obj = json_object();
    struct err err = ERR_INIT;

    (void)state;
    memset(text, 'a', 5000);
    text[0] = '/';
    json_put_text(obj, "path", text);
    assert_int_equal(field_check(rows, NROWS, "", obj, &err), -1);
    assert_string_equal(err.param, "path");
    json_object_clear(obj);
    json_put_int(obj, text, 1);
    assert_int_equal(field_check(rows, NROWS, "", obj, &err), -1);
    unit_err(&err, ERR_INVALID, "not known");
}

static void
required_and_not_an_object(void **state)
{
    static const struct field one[] = {
        {.name = "vm", .type = FIELD_REF, .required = true}};
    CLEANUP_JSON json_t *empty = json_object();
    CLEANUP_JSON json_t *null = parse("{\"vm\": null}");
    CLEANUP_JSON json_t *list = json_array();
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(field_check(one, 1, "", empty, &err), -1);
    unit_err(&err, ERR_INVALID, "vm is missing");
    assert_int_equal(field_check(one, 1, "", null, &err), -1);
    unit_err(&err, ERR_INVALID, "vm");
    assert_int_equal(field_check(one, 1, "disk.", list, &err), -1);
    unit_err(&err, ERR_INVALID, "an object");
    assert_int_equal(field_check(one, 1, "", NULL, NULL), -1);
}

static void
defaults_are_filled(void **state)
{
    CLEANUP_JSON json_t *obj = parse("{\"int\": null, \"bool\": true}");
    CLEANUP_JSON json_t *full = field_defaults(rows, NROWS, obj);

    (void)state;
    assert_int_equal(json_get_int(full, "int", 0), 3);
    assert_string_equal(json_get_text(full, "enum", ""), "some");
    assert_true(json_get_bool(full, "bool", 0));
    assert_true(json_is_null(json_object_get(obj, "int")));
}

static void
rows_and_names(void **state)
{
    (void)state;
    assert_ptr_equal(field_find(rows, NROWS, "enum")->range, rows[8].range);
    assert_null(field_find(rows, NROWS, "enu"));
    for (int type = 0; type < FIELD_TYPES; type++)
        assert_non_null(field_type_name((enum field_type)type));
    assert_true(field_word("a|bc|d", "bc"));
    assert_false(field_word("a|bc|d", "b"));
    assert_false(field_word("a|bc|d", "c"));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(good_values),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(long_values_are_bounded),
        cmocka_unit_test(required_and_not_an_object),
        cmocka_unit_test(defaults_are_filled),
        cmocka_unit_test(rows_and_names),
    };

    return CASES(cases);
}
