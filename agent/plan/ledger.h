// SPDX-License-Identifier: Apache-2.0
/*
 * What an operation writes down, each function one durable batch: begin, the
 * end of a step (with the intent of the next), the end of all. Memory follows
 * the commit, never precedes it. Worker threads, in the VM's lane.
 */
#pragma once

#include "agent/plan/crash.h"
#include "agent/plan/env.h"
#include "agent/plan/plan.h"
#include "agent/plan/step.h"

struct ledger {
    struct env *env;
    const struct op *op;
    struct plan *plan;
    bool recovering;    /* events are of origin "reconcile" */
    int64_t commit_us;  /* spent in commits */
};

/* The operation, what it reserves, the intent of its first step. */
int ledger_begin(struct ledger *ledger, struct err *err);

/* Step i has ended so: outcome, records, event, the next intent. */
int ledger_step(struct ledger *ledger, size_t i, enum step_end end,
                struct err *err);

/* How step i was undone, or not: its undo. Not waited for: ledger_fail is. */
void ledger_undone(struct ledger *ledger, size_t i);

/* The operation is over: state and receipt, op.done when it is done. With
 * begun false the operation had no step and is written as a whole. */
int ledger_end(struct ledger *ledger, bool begun, enum op_state state,
               const json_t *receipt, struct err *err);

/* The operation failed at step i (nsteps: at none): rows as they were before
 * it, but of devices that stay. With an open state it is not over: a rollback
 * is pending. */
int ledger_fail(struct ledger *ledger, size_t i, enum op_state state,
                json_t *receipt, struct err *err);

/* Its outcome is not known: reconcile settles it. */
void ledger_unknown(struct ledger *ledger, const char *why);
