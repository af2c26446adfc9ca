// SPDX-License-Identifier: Apache-2.0
/* Receipts: hashes of bodies, lists with filters, and what pruning leaves. */
#include "tests/unit/unit.h"

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/state/receipts.h"

#define VM_A "aaaaaaaa-0000-4000-8000-000000000000"
#define VM_B "bbbbbbbb-0000-4000-8000-000000000000"

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

/* Operation number n, in that state, started n ms after the epoch. */
static void
add_op(struct store *store, int n, const char *vm, enum op_state state)
{
    struct op op = {.peer = "cn:engine",
                    .verb = "AddDisk",
                    .body_hash = "hash",
                    .started_ms = n};
    struct store_batch *batch = store_batch_new();

    snprintf(op.op_id, sizeof(op.op_id), "op-%d", n);
    snprintf(op.vm, sizeof(op.vm), "%s", vm);
    journal_op(batch, &op);
    journal_intent(batch, &op, 1, "attach", NULL);
    if (state != OP_RUNNING)
        journal_receipt(batch, &op, state, NULL);
    assert_int_equal(store_commit(store, batch, NULL), 0);
}

/* The op_ids of a list as one text: "op-3 op-1 ". */
static char *
list(struct store *store, const char *vm, const char *state, int limit)
{
    CLEANUP_JSON json_t *ops = NULL;
    char *text = mem_dup("");
    struct err err = ERR_INIT;
    const json_t *op;
    size_t i;

    if (receipts_list(store, vm, state, limit, &ops, &err) < 0)
        fail_msg("%s", err.message);
    json_array_foreach(ops, i, op)
    {
        CLEANUP_FREE char *before = text;

        assert_null(json_object_get(op, "steps"));
        text = mem_printf("%s%s ", before, json_get_text(op, "op_id", "?"));
    }
    return text;
}

static void
assert_list(struct store *store, const char *vm, const char *state, int limit,
            const char *expected)
{
    CLEANUP_FREE char *text = list(store, vm, state, limit);

    assert_string_equal(text, expected);
}

static void
assert_hash_differs(const char *a, const char *b, bool differs)
{
    CLEANUP_JSON json_t *left = json_loads(a, 0, NULL);
    CLEANUP_JSON json_t *right = json_loads(b, 0, NULL);
    char one[RECEIPTS_HASH];
    char two[RECEIPTS_HASH];

    receipts_body_hash(left, one);
    receipts_body_hash(right, two);
    assert_int_equal(strlen(one), RECEIPTS_HASH - 1);
    assert_int_equal(strcmp(one, two) != 0, differs);
}

static void
a_hash_tells_bodies_apart(void **state)
{
    (void)state;
    assert_hash_differs("{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", false);
    assert_hash_differs("{\"a\":1}", "{\"a\":2}", true);
    assert_hash_differs("{\"a\":1}", "{\"a\":\"1\"}", true);
    assert_hash_differs("{}", "[]", true);
}

static void
what_is_not_there_is_no_error(void **state)
{
    struct store *store = open_store();
    json_t *op = NULL;
    char hash[RECEIPTS_HASH];

    (void)state;
    assert_int_equal(receipts_find(store, NULL, "op-1", &op, hash, NULL), 0);
    assert_null(op);
    add_op(store, 1, VM_A, OP_DONE);
    assert_int_equal(receipts_find(store, "cn:other", "op-1", &op, hash, NULL),
                     0);
    assert_null(op);
    assert_int_equal(receipts_find(store, "cn:engine", "op-1", &op, hash, NULL),
                     0);
    assert_string_equal(hash, "hash");
    assert_string_equal(json_get_text(op, "started", ""),
                        "1970-01-01T00:00:00.001Z");
    json_decref(op);
    store_close(store);
}

static void
lists_are_filtered(void **state)
{
    struct store *store = open_store();

    (void)state;
    add_op(store, 1, VM_A, OP_DONE);
    add_op(store, 2, VM_A, OP_RUNNING);
    add_op(store, 3, VM_B, OP_PENDING);
    add_op(store, 4, VM_B, OP_FAILED);
    add_op(store, 5, "", OP_UNKNOWN);
    assert_list(store, NULL, NULL, 10, "op-5 op-4 op-3 op-2 op-1 ");
    assert_list(store, NULL, NULL, 2, "op-5 op-4 ");
    assert_list(store, NULL, "open", 10, "op-5 op-3 op-2 ");
    assert_list(store, NULL, "done", 10, "op-1 ");
    assert_list(store, VM_A, NULL, 10, "op-2 op-1 ");
    assert_list(store, VM_B, "open", 10, "op-3 ");
    assert_list(store, VM_B, "failed", 10, "op-4 ");
    assert_list(store, VM_B, "done", 10, "");
    store_close(store);
}

static int
keep_int(void *ctx, const struct store_row *row)
{
    *(int64_t *)ctx = store_row_int(row, 0);
    return 1;
}

/* Prune, and wait for it: the writer works in order. */
static void
prune(struct store *store, int64_t max_age_ms, int64_t max_count)
{
    receipts_prune(store, max_age_ms, max_count);
    assert_int_equal(store_commit(store, store_batch_new(), NULL), 0);
}

static void
pruning_spares_what_is_open(void **state)
{
    struct store *store = open_store();
    int64_t steps = 0;
    struct store_batch *batch;

    (void)state;
    for (int i = 1; i <= 6; i++)
        add_op(store, i, VM_A, i <= 2 ? OP_RUNNING : OP_DONE);
    /* They ended in this order, the first of them long ago. */
    batch = store_batch_new();
    store_batch_add(batch,
                    "UPDATE op SET ended_ms = CASE op_id WHEN 'op-3' THEN 1"
                    " ELSE ? + started_ms END WHERE ended_ms IS NOT NULL",
                    "i", clock_wall_ms());
    assert_int_equal(store_commit(store, batch, NULL), 0);

    prune(store, 60000, 100);
    assert_list(store, NULL, NULL, 10, "op-6 op-5 op-4 op-2 op-1 ");
    prune(store, 60000, 2);
    assert_list(store, NULL, NULL, 10, "op-6 op-5 op-2 op-1 ");
    prune(store, 60000, 0);
    assert_list(store, NULL, NULL, 10, "op-2 op-1 ");
    assert_int_equal(store_read(store, NULL, keep_int, &steps,
                                "SELECT count(*) FROM step", ""),
                     0);
    assert_int_equal(steps, 2);
    store_close(store);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_hash_tells_bodies_apart),
        cmocka_unit_test(what_is_not_there_is_no_error),
        cmocka_unit_test(lists_are_filtered),
        cmocka_unit_test(pruning_spares_what_is_open),
    };

    return CASES(cases);
}
