// SPDX-License-Identifier: Apache-2.0
/* Numbers of errors: native verbs, verbs under VDSM's names, no verb. */
#include "tests/unit/unit.h"

#include <stdbool.h>

#include "agent/front/reply.h"

static const struct verb plug = {.name = "VM.hotplugDisk", .vdsm_code = 45};
static const struct verb native = {.name = "HotPlugDisk", .mutating = true};

static json_t *
answer(const struct verb *verb, bool checked, const char *vm,
       enum err_kind kind)
{
    CLEANUP_JSON json_t *params = checked ? json_object() : NULL;
    struct verb_call call = {.verb = verb, .params = params};
    struct err err = ERR_INIT;

    strcpy(call.vm, vm);
    strcpy(call.request.op_id, "op-1");
    err_set(&err, kind, "It failed.");
    return reply_error(&call, &err);
}

static void
code_is(bool checked, const char *vm, enum err_kind kind, int code)
{
    CLEANUP_JSON json_t *error = answer(&plug, checked, vm, kind);

    assert_int_equal(json_get_int(error, "code", 0), code);
    assert_string_equal(json_get_text(error, "message", ""), "It failed.");
    assert_int_equal(json_object_size(error), 2);
}

static void
vdsm_numbers(void **state)
{
    (void)state;
    code_is(true, "uuid", ERR_HYPERVISOR_FAILED, 45);
    code_is(true, "uuid", ERR_NO_FREE_UNIT, 45);
    code_is(true, "uuid", ERR_DENIED, 100);
    code_is(true, "uuid", ERR_RECOVERING, 99);
    code_is(true, "uuid", ERR_HOOK_FAILED, 1500);
    code_is(true, "uuid", ERR_INTERNAL, -32603);
}

static void
what_a_verb_finds_wrong_is_its_own_failure(void **state)
{
    (void)state;
    code_is(false, "", ERR_INVALID, -32602);
    code_is(true, "uuid", ERR_INVALID, 45);
    code_is(true, "", ERR_NOT_FOUND, 1);
    code_is(true, "uuid", ERR_NOT_FOUND, 45);
}

static void
native_verbs_tell_all(void **state)
{
    CLEANUP_JSON json_t *error = answer(&native, true, "", ERR_NOT_FOUND);
    const json_t *data = json_object_get(error, "data");

    (void)state;
    assert_int_equal(json_get_int(error, "code", 0), -32001);
    assert_string_equal(json_get_text(data, "kind", ""), "NOT_FOUND");
    assert_string_equal(json_get_text(data, "op_id", ""), "op-1");
}

static void
without_a_verb(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *plain = NULL;
    CLEANUP_JSON json_t *whole = NULL;
    CLEANUP_JSON json_t *other = NULL;

    (void)state;
    err_set(&err, ERR_NO_METHOD, "No such verb.");
    plain = reply_no_verb(true, &err);
    whole = reply_no_verb(false, &err);
    assert_int_equal(json_get_int(plain, "code", 0), -32601);
    assert_null(json_object_get(plain, "data"));
    assert_int_equal(json_get_int(whole, "code", 0), -32601);
    assert_non_null(json_object_get(whole, "data"));
    err_set(&err, ERR_TIMEOUT, "Late.");
    other = reply_no_verb(true, &err);
    assert_int_equal(json_get_int(other, "code", 0), 100);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(vdsm_numbers),
        cmocka_unit_test(what_a_verb_finds_wrong_is_its_own_failure),
        cmocka_unit_test(native_verbs_tell_all),
        cmocka_unit_test(without_a_verb),
    };

    return CASES(cases);
}
