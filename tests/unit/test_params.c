// SPDX-License-Identifier: Apache-2.0
/* Parameters against the rows of a verb. */
#include "tests/unit/unit.h"

#include "agent/common/clock.h"
#include "agent/verbs/params.h"

static const struct field rows[] = {
    {.name = "vm", .type = FIELD_REF, .required = true, .doc = "A VM."},
    {.name = "count",
     .type = FIELD_INT,
     .deflt = "8",
     .min = 1,
     .max = 10,
     .range = "1..10",
     .doc = "How many."},
    {.name = "force", .type = FIELD_BOOL, .doc = "Whether."},
};
static const struct field op_row[] = {
    {.name = "op_id", .type = FIELD_UUID, .required = true, .doc = "Which."},
};
static const struct verb change = {
    .name = "Change", .mutating = true, VERB_PARAMS(rows)};
static const struct verb question = {.name = "Question", VERB_PARAMS(rows)};
static const struct verb about_op = {.name = "AboutOp", VERB_PARAMS(op_row)};
static const struct verb bare = {.name = "Bare"};

#define OP "2b77a3c0-6f4e-4c5b-9a66-0123456789ab"

static json_t *
parse(const char *text)
{
    json_t *value = json_parse(text, strlen(text), NULL, NULL);

    assert_non_null(value);
    return value;
}

static int
check(const struct verb *verb, const char *text, json_t **out,
      struct request *request, struct err *err)
{
    CLEANUP_JSON json_t *raw = text ? parse(text) : NULL;

    *out = NULL;
    return params_check(verb, raw, out, request, err);
}

static void
accepts(const struct verb *verb, const char *text, const char *expected,
        struct request *request)
{
    CLEANUP_JSON json_t *out = NULL;
    CLEANUP_JSON json_t *want = parse(expected);
    struct err err = ERR_INIT;

    if (check(verb, text, &out, request, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    if (!json_equal(out, want)) {
        CLEANUP_TEXT char *got = json_text(out, NULL);

        fail_msg("%s became %s", text, got);
    }
}

static void
refuses(const struct verb *verb, const char *text, const char *param,
        const char *part)
{
    json_t *out;
    struct request request = {.peer = "uid:0"};
    struct err err = ERR_INIT;

    assert_int_equal(check(verb, text, &out, &request, &err), -1);
    assert_null(out);
    unit_err(&err, ERR_INVALID, part);
    assert_string_equal(err.param, param);
}

static void
by_name_with_defaults(void **state)
{
    struct request request = {.peer = "uid:0"};

    (void)state;
    accepts(&question, "{\"vm\": \"db\"}", "{\"vm\": \"db\", \"count\": 8}",
            &request);
    accepts(&question, "{\"vm\": \"db\", \"count\": null, \"force\": true}",
            "{\"vm\": \"db\", \"count\": 8, \"force\": true}", &request);
    accepts(&bare, NULL, "{}", &request);
    accepts(&bare, "[]", "{}", &request);
    assert_string_equal(request.peer, "uid:0");
    assert_string_equal(request.verb, "Bare");
}

static void
by_position(void **state)
{
    struct request request = {.peer = "uid:0"};

    (void)state;
    accepts(&question, "[\"db\"]", "{\"vm\": \"db\", \"count\": 8}", &request);
    accepts(&question, "[\"db\", 3, false]",
            "{\"vm\": \"db\", \"count\": 3, \"force\": false}", &request);
    refuses(&question, "[\"db\", 3, false, 4]", "", "takes 3 at most");
    refuses(&question, "[]", "vm", "vm is missing");
}

static void
what_is_wrong_is_named(void **state)
{
    (void)state;
    refuses(&question, NULL, "vm", "missing");
    refuses(&question, "{\"vm\": \"db\", \"cuont\": 3}", "cuont", "count");
    refuses(&question, "{\"vm\": \"db\", \"count\": 11}", "count", "1..10");
    refuses(&question, "{\"vm\": \"db\", \"count\": \"3\"}", "count", "1..10");
    refuses(&question, "{\"vm\": 7}", "vm", "7");
    refuses(&bare, "{\"vm\": \"db\"}", "vm", "not known");
    /* A scalar is no request at all; the parser refuses it before. */
    refuses(&bare, "7", "params", "an object or an array");
}

static void
common_ones_go_into_the_request(void **state)
{
    struct request request = {.peer = "uid:0"};
    int64_t before = clock_mono_ms();

    (void)state;
    accepts(&change,
            "{\"vm\": \"db\", \"op_id\": \"2B77A3C0-6F4E-4C5B-9A66-"
            "0123456789AB\", \"dry_run\": true, \"deadline_ms\": 5000,"
            " \"flow_id\": \"night build\"}",
            "{\"vm\": \"db\", \"count\": 8}", &request);
    assert_string_equal(request.op_id, OP);
    assert_string_equal(request.flow_id, "night build");
    assert_true(request.dry_run);
    assert_true(request.deadline_ms >= before + 5000 &&
                request.deadline_ms <= clock_mono_ms() + 5000);

    accepts(&change, "[\"db\"]", "{\"vm\": \"db\", \"count\": 8}", &request);
    assert_int_equal(strlen(request.op_id), UUID_TEXT - 1);
    assert_string_not_equal(request.op_id, OP);
    assert_string_equal(request.flow_id, "night build"); /* as it was */
    assert_false(request.dry_run);
    assert_int_equal(request.deadline_ms, 0);
}

static void
common_ones_are_checked(void **state)
{
    char text[256], flow[102];

    (void)state;
    refuses(&change, "{\"vm\": \"db\", \"op_id\": \"one\"}", "op_id", "UUID");
    refuses(&change, "{\"vm\": \"db\", \"deadline_ms\": 0}", "deadline_ms",
            "1..86400000");
    refuses(&change, "{\"vm\": \"db\", \"deadline_ms\": 86400001}",
            "deadline_ms", "1..86400000");
    refuses(&change, "{\"vm\": \"db\", \"dry_run\": 1}", "dry_run", "true");
    refuses(&change, "{\"vm\": \"db\", \"flow_id\": \"a\\nb\"}", "flow_id",
            "100 bytes");
    memset(flow, 'f', 101);
    flow[101] = '\0';
    snprintf(text, sizeof(text), "{\"vm\": \"db\", \"flow_id\": \"%s\"}", flow);
    refuses(&change, text, "flow_id", "100 bytes");
}

static void
a_question_takes_flow_id_alone(void **state)
{
    struct request request = {.peer = "uid:0"};

    (void)state;
    accepts(&bare, "{\"flow_id\": \"f1\"}", "{}", &request);
    assert_string_equal(request.flow_id, "f1");
    refuses(&bare, "{\"dry_run\": true}", "dry_run", "not known");
    /* A row of the verb's own stays with the verb. */
    accepts(&about_op, "{\"op_id\": \"" OP "\"}", "{\"op_id\": \"" OP "\"}",
            &request);
    assert_string_not_equal(request.op_id, OP);
}

static void
hash_of(const struct verb *verb, const char *text, char out[33])
{
    struct request request = {.peer = "uid:0"};
    struct err err = ERR_INIT;
    json_t *params;

    assert_int_equal(check(verb, text, &params, &request, &err), 0);
    json_decref(params);
    memcpy(out, request.body_hash, 33);
}

static void
hash_tells_bodies_apart(void **state)
{
    static const struct verb other = {
        .name = "Other", .mutating = true, VERB_PARAMS(rows)};
    char a[33], b[33];

    (void)state;
    hash_of(&change, "{\"vm\": \"db\", \"count\": 8}", a);
    hash_of(&change, "{\"flow_id\": \"f\", \"vm\": \"db\"}", b);
    assert_string_equal(a, b); /* defaults and common ones do not count */
    hash_of(&change, "[\"db\", 9]", b);
    assert_string_not_equal(a, b);
    hash_of(&other, "{\"vm\": \"db\", \"count\": 8}", b);
    assert_string_not_equal(a, b);
}

static const struct field vdsm_rows[] = {
    VERB_VMID_ROW,
    {.name = "delay", .type = FIELD_INT, .max = 600, .doc = "How long."},
    {.name = "force", .type = FIELD_BOOL, .doc = "Whether."},
    {.name = "message", .type = FIELD_TEXT, .doc = "What is said."},
};
static const struct verb vdsm = {.name = "VM.shutdown",
                                 .mutating = true,
                                 .vdsm_code = 100,
                                 VERB_PARAMS(vdsm_rows)};

static void
under_vdsms_names_much_is_let_pass(void **state)
{
    struct request request = {.peer = "cn:engine"};

    (void)state;
    accepts(&vdsm, "{\"vmID\": \"db\", \"timeout\": [], \"op_id\": \"x\"}",
            "{\"vmID\": \"db\", \"vm\": \"db\"}", &request);
    assert_false(request.op_id_given);
    accepts(&vdsm, "[\"db\", \"30\", \"True\", 5]",
            "{\"vmID\": \"db\", \"vm\": \"db\", \"delay\": 30, "
            "\"force\": true, \"message\": \"5\"}",
            &request);
    refuses(&vdsm, "{\"vmID\": \"db\", \"delay\": \"3 s\"}", "delay", "3 s");
    refuses(&vdsm, "{\"vmID\": \"db\", \"delay\": \"601\"}", "delay", "601");
    refuses(&vdsm, "{\"vmID\": \"db\", \"force\": \"no\"}", "force", "no");
    refuses(&vdsm, "{\"delay\": 1}", "vmID", "vmID");
}

/* A VM that is to be made is not looked for. */
static void
a_new_vm_is_no_reference(void **state)
{
    static const struct field made[] = {
        {.name = VERB_VMID, .type = FIELD_UUID, .doc = "A new VM."},
    };
    static const struct verb create = {
        .name = "VM.create", .vdsm_code = 9, VERB_PARAMS(made)};
    struct request request = {.peer = "cn:engine"};

    (void)state;
    accepts(&create, "{\"vmID\": \"" OP "\"}", "{\"vmID\": \"" OP "\"}",
            &request);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(by_name_with_defaults),
        cmocka_unit_test(by_position),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(common_ones_go_into_the_request),
        cmocka_unit_test(common_ones_are_checked),
        cmocka_unit_test(a_question_takes_flow_id_alone),
        cmocka_unit_test(hash_tells_bodies_apart),
        cmocka_unit_test(under_vdsms_names_much_is_let_pass),
        cmocka_unit_test(a_new_vm_is_no_reference),
    };

    return CASES(cases);
}
