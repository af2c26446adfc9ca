// SPDX-License-Identifier: Apache-2.0
/* The journal: an operation's rows as they stand after each phase of it. */
#include "tests/unit/unit.h"

#include "agent/common/clock.h"
#include "agent/state/receipts.h"

#define OP_ID "11111111-1111-4111-8111-111111111111"

static struct store *
open_store(void)
{
    char dir[256];
    struct err err = ERR_INIT;
    struct store *store;

    unit_folder(dir);
    store = store_open(dir, &err);
    if (!store)
        fail_msg("%s", err.message);
    return store;
}

static struct op
some_op(const char *peer)
{
    struct op op = {
        .op_id = OP_ID,
        .vm = "22222222-2222-4222-8222-222222222222",
        .peer = peer,
        .verb = "HotPlugDisk",
        .body_hash = "00112233445566778899aabbccddeeff",
        .started_ms = clock_wall_ms(),
    };

    return op;
}

static int
commit_op(struct store *store, const struct op *op, struct err *err)
{
    struct store_batch *batch = store_batch_new();

    journal_op(batch, op);
    return store_commit(store, batch, err);
}

static json_t *
find(struct store *store, const char *peer)
{
    struct err err = ERR_INIT;
    json_t *op;

    if (receipts_find(store, peer, OP_ID, &op, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_non_null(op);
    return op;
}

static void
states_have_names(void **state)
{
    (void)state;
    assert_string_equal(op_state_name(OP_PLANNED), "planned");
    assert_string_equal(op_state_name(OP_UNKNOWN), "unknown");
    for (int i = 0; i < OP_STATES; i++)
        assert_int_equal(op_state_open((enum op_state)i),
                         i == OP_PLANNED || i == OP_RUNNING ||
                             i == OP_PENDING || i == OP_UNKNOWN);
}

static void
an_operation_from_intent_to_receipt(void **state)
{
    struct store *store = open_store();
    struct op op = some_op("cn:engine");
    struct store_batch *batch = store_batch_new();
    CLEANUP_JSON json_t *detail = json_pack("{s:s}", "target", "sdb");
    CLEANUP_JSON json_t *before = NULL;
    CLEANUP_JSON json_t *after = NULL;
    const json_t *step;

    (void)state;
    journal_op(batch, &op);
    journal_intent(batch, &op, 1, "attach", detail);
    assert_int_equal(store_commit(store, batch, NULL), 0);
    before = find(store, "cn:engine");
    assert_string_equal(json_get_text(before, "state", ""), "running");
    assert_true(json_is_null(json_object_get(before, "ended")));
    step = json_array_get(json_object_get(before, "steps"), 0);
    assert_string_equal(json_get_text(step, "kind", ""), "attach");
    assert_true(json_equal(json_object_get(step, "intent"), detail));
    assert_true(json_is_null(json_object_get(step, "outcome")));

    batch = store_batch_new();
    journal_outcome(batch, &op, 1, "done", NULL);
    journal_receipt(batch, &op, OP_DONE, detail);
    assert_int_equal(store_commit(store, batch, NULL), 0);
    after = find(store, NULL);
    assert_string_equal(json_get_text(after, "state", ""), "done");
    assert_true(json_equal(json_object_get(after, "receipt"), detail));
    assert_true(json_is_string(json_object_get(after, "ended")));
    step = json_array_get(json_object_get(after, "steps"), 0);
    assert_string_equal(json_get_text(step, "outcome", ""), "done");
    assert_true(json_is_null(json_object_get(step, "detail")));
    store_close(store);
}

static void
an_op_id_belongs_to_its_peer(void **state)
{
    struct store *store = open_store();
    struct op one = some_op("cn:one");
    struct op two = some_op("cn:two");
    struct store_batch *batch = store_batch_new();
    CLEANUP_JSON json_t *of_one = NULL;
    CLEANUP_JSON json_t *of_two = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(commit_op(store, &one, &err), 0);
    assert_int_equal(commit_op(store, &two, &err), 0);
    assert_int_equal(commit_op(store, &one, &err), -1);
    unit_err(&err, ERR_EXISTS, "exists already");

    journal_intent(batch, &one, 1, "attach", NULL);
    journal_intent(batch, &two, 1, "attach", NULL);
    journal_outcome(batch, &two, 1, "failed", NULL);
    journal_receipt(batch, &two, OP_FAILED, NULL);
    assert_int_equal(store_commit(store, batch, NULL), 0);
    of_one = find(store, "cn:one");
    of_two = find(store, "cn:two");
    assert_string_equal(json_get_text(of_one, "state", ""), "running");
    assert_string_equal(json_get_text(of_two, "state", ""), "failed");
    assert_true(json_is_null(json_object_get(
        json_array_get(json_object_get(of_one, "steps"), 0), "outcome")));
    store_close(store);
}

static void
pending_is_not_over(void **state)
{
    struct store *store = open_store();
    struct op op = some_op("uid:0");
    struct store_batch *batch = store_batch_new();
    CLEANUP_JSON json_t *found = NULL;

    (void)state;
    op.vm[0] = '\0';
    journal_op(batch, &op);
    journal_receipt(batch, &op, OP_PENDING, NULL);
    assert_int_equal(store_commit(store, batch, NULL), 0);
    found = find(store, "uid:0");
    assert_true(json_is_null(json_object_get(found, "vm")));
    assert_true(json_is_null(json_object_get(found, "ended")));
    store_close(store);
}

static void
a_step_needs_its_operation(void **state)
{
    struct store *store = open_store();
    struct op op = some_op("uid:0");
    struct store_batch *batch = store_batch_new();
    struct err err = ERR_INIT;

    (void)state;
    journal_intent(batch, &op, 1, "attach", NULL);
    assert_int_equal(store_commit(store, batch, &err), -1);
    unit_err(&err, ERR_INTERNAL, "FOREIGN KEY");
    store_close(store);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(states_have_names),
        cmocka_unit_test(an_operation_from_intent_to_receipt),
        cmocka_unit_test(an_op_id_belongs_to_its_peer),
        cmocka_unit_test(pending_is_not_over),
        cmocka_unit_test(a_step_needs_its_operation),
    };

    return CASES(cases);
}
