// SPDX-License-Identifier: Apache-2.0
/*
 * The journal's statements. What begins something (a new operation, an
 * intent) is refused while the database is full; what ends something is not.
 */
#include "agent/state/journal.h"

#include <string.h>

#include "agent/common/clock.h"

static const struct {
    const char *name;
    bool open;
} states[OP_STATES] = {
    [OP_PLANNED] = {"planned", true},  [OP_RUNNING] = {"running", true},
    [OP_PENDING] = {"pending", true},  [OP_DONE] = {"done", false},
    [OP_REFUSED] = {"refused", false}, [OP_CANCELLED] = {"cancelled", false},
    [OP_FAILED] = {"failed", false},   [OP_UNKNOWN] = {"unknown", true},
};

const char *
op_state_name(enum op_state state)
{
    return states[state].name;
}

bool
op_state_open(enum op_state state)
{
    return states[state].open;
}

void
journal_op(struct store_batch *batch, const struct op *op)
{
    CLEANUP_TEXT char *plan = op->plan ? json_text(op->plan, NULL) : NULL;

    store_batch_begins_work(batch);
    store_batch_add(batch,
                    "INSERT INTO op (op_id, peer, verb, vm_id, flow_id,"
                    " body_hash, state, started_ms, deadline_ms, plan,"
                    " hypervisor)"
                    " VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?, ?,"
                    " nullif(?, 0), ?, ?)",
                    "tttttttiitt", op->op_id, op->peer, op->verb, op->vm,
                    op->flow_id, op->body_hash, states[OP_RUNNING].name,
                    op->started_ms, op->deadline_ms, plan, op->hypervisor);
}

void
journal_plan(struct store_batch *batch, const struct op *op)
{
    CLEANUP_TEXT char *plan = json_text(op->plan, NULL);

    store_batch_add(batch,
                    "UPDATE op SET plan = ? WHERE peer = ? AND op_id = ?",
                    "ttt", plan, op->peer, op->op_id);
}

void
journal_intent(struct store_batch *batch, const struct op *op, int seq,
               const char *kind, const json_t *detail)
{
    CLEANUP_TEXT char *text = detail ? json_text(detail, NULL) : NULL;

    store_batch_begins_work(batch);
    store_batch_add(batch,
                    "INSERT INTO step (peer, op_id, seq, kind, intent,"
                    " intent_ms) VALUES (?, ?, ?, ?, ?, ?)",
                    "ttitti", op->peer, op->op_id, (int64_t)seq, kind, text,
                    clock_wall_ms());
}

void
journal_outcome(struct store_batch *batch, const struct op *op, int seq,
                const char *outcome, const json_t *detail)
{
    CLEANUP_TEXT char *text = detail ? json_text(detail, NULL) : NULL;

    store_batch_add(batch,
                    "UPDATE step SET outcome = ?,"
                    " outcome_detail = coalesce(?, outcome_detail),"
                    " outcome_ms = ?"
                    " WHERE peer = ? AND op_id = ? AND seq = ?",
                    "ttitti", outcome, text, clock_wall_ms(), op->peer,
                    op->op_id, (int64_t)seq);
}

void
journal_receipt(struct store_batch *batch, const struct op *op,
                enum op_state state, const json_t *receipt)
{
    CLEANUP_TEXT char *text = receipt ? json_text(receipt, NULL) : NULL;
    int64_t ended_ms = states[state].open ? 0 : clock_wall_ms();

    store_batch_add(batch,
                    "UPDATE op SET state = ?, receipt = ?,"
                    " ended_ms = nullif(?, 0)"
                    " WHERE peer = ? AND op_id = ?",
                    "ttitt", states[state].name, text, ended_ms, op->peer,
                    op->op_id);
}

/* --- what is not over ---------------------------------------------------- */

#define OPEN_STATES "('planned', 'running', 'pending', 'unknown')"

static int
keep_open(void *ctx, const struct store_row *row)
{
    static const char *const names[] = {"op_id",   "peer",      "verb",
                                        "flow_id", "body_hash", "state"};
    static const struct json_limits limits = {.depth = 128};
    const char *plan = store_row_text(row, 8);
    const char *receipt = store_row_text(row, 9);
    json_t *op = json_object();

    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
        json_put_text(op, names[i], store_row_text(row, i));
    json_put_int(op, "started_ms", store_row_int(row, 6));
    json_put_int(op, "deadline_ms", store_row_int(row, 7));
    json_put(op, "plan",
             plan ? json_parse(plan, strlen(plan), &limits, NULL) : NULL);
    json_put(op, "receipt",
             receipt ? json_parse(receipt, strlen(receipt), &limits, NULL)
                     : NULL);
    json_array_append_new(ctx, op);
    return 0;
}

static int
keep_outcome(void *ctx, const struct store_row *row)
{
    static const struct json_limits limits = {.depth = 16};
    const char *outcome = store_row_text(row, 0);
    const char *detail = store_row_text(row, 1);
    json_t *parsed =
        detail ? json_parse(detail, strlen(detail), &limits, NULL) : NULL;
    json_t *op = ctx;

    json_array_append_new(json_object_get(op, "outcomes"),
                          outcome ? json_string(outcome) : json_null());
    json_array_append_new(json_object_get(op, "details"),
                          parsed ? parsed : json_null());
    return 0;
}

int
journal_open(struct store *store, const char *vm, json_t **out,
             struct err *err)
{
    CLEANUP_JSON json_t *list = json_array();
    json_t *op;
    size_t i;

    if (store_read(store, err, keep_open, list,
                   "SELECT op_id, peer, verb, flow_id, body_hash, state,"
                   " started_ms, deadline_ms, plan, receipt FROM op"
                   " WHERE vm_id = ? AND hypervisor IS NULL"
                   " AND state IN " OPEN_STATES
                   " ORDER BY started_ms, rowid",
                   "t", vm) < 0)
        return -1;
    json_array_foreach(list, i, op)
    {
        json_put(op, "outcomes", json_array());
        json_put(op, "details", json_array());
        if (store_read(store, err, keep_outcome, op,
                       "SELECT outcome, outcome_detail FROM step WHERE peer = ?"
                       " AND op_id = ? ORDER BY seq",
                       "tt", json_get_text(op, "peer", ""),
                       json_get_text(op, "op_id", "")) < 0)
            return -1;
    }
    *out = json_incref(list);
    return 0;
}

static int
keep_open_remote(void *ctx, const struct store_row *row)
{
    json_t *op;

    keep_open(ctx, row);
    op = json_array_get(ctx, json_array_size(ctx) - 1);
    json_put_text(op, "hypervisor", store_row_text(row, 10));
    json_put_text(op, "vm", store_row_text(row, 11));
    return 0;
}

int
journal_open_remote(struct store *store, json_t **out, struct err *err)
{
    *out = json_array();
    if (store_read(store, err, keep_open_remote, *out,
                   "SELECT op_id, peer, verb, flow_id, body_hash, state,"
                   " started_ms, deadline_ms, plan, receipt, hypervisor,"
                   " vm_id FROM op WHERE hypervisor NOTNULL"
                   " AND state IN " OPEN_STATES
                   " ORDER BY started_ms, rowid",
                   "") == 0)
        return 0;
    json_decref(STEAL(*out));
    return -1;
}

static int
no_row(void *ctx, const struct store_row *row)
{
    (void)row;
    *(bool *)ctx = false;
    return 0;
}

bool
journal_is_open(struct store *store, const char *peer, const char *op_id)
{
    struct err ignored = ERR_INIT;
    bool open = true;

    store_read(store, &ignored, no_row, &open,
               "SELECT 1 FROM op WHERE peer = ? AND op_id = ?"
               " AND state NOT IN " OPEN_STATES,
               "tt", peer, op_id);
    return open;
}

static int
keep_vm(void *ctx, const struct store_row *row)
{
    json_array_append_new(ctx, json_string(store_row_text(row, 0)));
    return 0;
}

int
journal_open_vms(struct store *store, json_t **out, struct err *err)
{
    *out = json_array();
    if (store_read(store, err, keep_vm, *out,
                   "SELECT DISTINCT vm_id FROM op WHERE vm_id NOTNULL"
                   " AND hypervisor IS NULL AND state IN " OPEN_STATES,
                   "") == 0)
        return 0;
    json_decref(STEAL(*out));
    return -1;
}
