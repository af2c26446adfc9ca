// SPDX-License-Identifier: Apache-2.0
/*
 * The journal: for each operation one row in `op`, for each external effect
 * an intent row in `step`, durable before the effect, and its outcome after
 * it. It adds statements to batches; who calls decides what is committed
 * together. Worker threads.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"
#include "agent/common/uuid.h"
#include "agent/state/store.h"

enum op_state {
    OP_PLANNED,
    OP_RUNNING,
    OP_PENDING, /* not over: completes by itself or by an answer */
    OP_DONE,
    OP_REFUSED,
    OP_CANCELLED,
    OP_FAILED,
    OP_UNKNOWN, /* settled by reconcile */
    OP_STATES
};

const char *op_state_name(enum op_state state); /* "planned", … */
bool op_state_open(enum op_state state); /* planned, running, pending, unknown */

/* An operation's identity; texts are borrowed from the call. Rows are keyed
 * by (peer, op_id): an op_id is the peer's own. */
struct op {
    char op_id[UUID_TEXT];
    char vm[UUID_TEXT]; /* "" when it concerns no VM */
    const char *peer;   /* "cn:engine", "uid:0" */
    const char *verb;
    const char *flow_id;   /* may be NULL */
    const char *body_hash; /* receipts_body_hash() of the parameters */
    int64_t started_ms;    /* wall time */
    int64_t deadline_ms;   /* wall time, 0: none */
    const json_t *plan;    /* plan_json_encode(), or NULL */
    const char *hypervisor; /* a host by proxy; NULL: the local one */
};

/* A new operation, state running. The pair (peer, op_id) is UNIQUE: the
 * commit answers EXISTS when it is not new. */
void journal_op(struct store_batch *batch, const struct op *op);

/* op->plan has changed: it replaces the recorded one. */
void journal_plan(struct store_batch *batch, const struct op *op);

/* Before effect number seq (1…): what is about to be done, as JSON. */
void journal_intent(struct store_batch *batch, const struct op *op, int seq,
                    const char *kind, const json_t *detail);

/* After it: "done", "failed", "pending", or how its rollback stands
 * (plan_undo_outcome), with details or NULL: what was noted before stays. */
void journal_outcome(struct store_batch *batch, const struct op *op, int seq,
                     const char *outcome, const json_t *detail);

/*
 * Operations of a VM that are not over, oldest first: [{op_id, peer, verb,
 * flow_id, body_hash, state, started_ms, deadline_ms, plan, receipt (of a
 * pending one), outcomes: [text or null for each step that has an intent],
 * details: [what came with each, or null]}]. Returns 0 with *out owned.
 */
int journal_open(struct store *store, const char *vm, json_t **out,
                 struct err *err);

/* Whether it is not over; a database that does not answer says yes. */
bool journal_is_open(struct store *store, const char *peer,
                     const char *op_id);

/* Those of hosts by proxy, whose plan is plan/remote.c's: as journal_open,
 * with hypervisor and vm. */
int journal_open_remote(struct store *store, json_t **out, struct err *err);

/* UUIDs of VMs that have operations which are not over; *out owned array. */
int journal_open_vms(struct store *store, json_t **out, struct err *err);

/* The operation's state and receipt (pending or terminal). */
void journal_receipt(struct store_batch *batch, const struct op *op,
                     enum op_state state, const json_t *receipt);
