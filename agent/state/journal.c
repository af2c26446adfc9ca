// SPDX-License-Identifier: Apache-2.0
/*
 * The journal's statements. What begins something (a new operation, an
 * intent) is refused while the database is full; what ends something is not.
 */
#include "agent/state/journal.h"

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
    store_batch_begins_work(batch);
    store_batch_add(batch,
                    "INSERT INTO op (op_id, peer, verb, vm_id, flow_id,"
                    " body_hash, state, started_ms)"
                    " VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?, ?)",
                    "ttttttti", op->op_id, op->peer, op->verb, op->vm,
                    op->flow_id, op->body_hash, states[OP_RUNNING].name,
                    op->started_ms);
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
                    "UPDATE step SET outcome = ?, outcome_detail = ?,"
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
