// SPDX-License-Identifier: Apache-2.0
/*
 * Doing a plan. The order of each step stands here and nowhere else:
 * journal → hook → XML → call → verify → commit → event; the reply follows
 * when all are done. When a step fails, what was done is undone in reverse;
 * when nobody can say whether it took effect, the operation is left unknown
 * for reconcile. Worker threads, in the VM's lane.
 */
#pragma once

#include "agent/plan/ledger.h"
#include "agent/plan/request.h"
#include "agent/plan/step.h"

struct applied {
    enum op_state state; /* done, pending, refused */
    size_t steps;        /* how many have run */
    json_t *notes;       /* owned; members for the receipt */
    int64_t hypervisor_us, commit_us, hooks_us;
};

/* Where a plan is taken up: at step `from`, whose effect may be there
 * already. from == 0 and begun false is a new operation. */
struct apply_at {
    bool begun;
    size_t from;
    bool holds;
    /* Told once the intent is durable, before the first effect; or NULL. */
    void (*on_begun)(void *ctx, const struct plan *plan);
    void *ctx;
};

/*
 * Run a plan as the operation op. info holds the views the plan was made from
 * and is brought up to date. Returns 0 with *out, or -1 + err (step set)
 * after the rollback; the journal then says failed or cancelled, or unknown
 * (UNREACHABLE, READ_ONLY: the VM is marked unsettled).
 */
int apply_run(struct env *env, const struct request *request,
              const struct op *op, struct vm_info *info, struct plan *plan,
              const struct apply_at *at, struct applied *out,
              struct err *err);

/* Undo the first `steps` steps and end the operation as failed, for reason. */
void apply_undo(struct env *env, const struct request *request,
                const struct op *op, struct vm_info *info, struct plan *plan,
                size_t steps, struct err *reason);

/* The receipt of an operation that has ended. Returns owned. */
json_t *apply_receipt(const char *op_id, const struct plan *plan,
                      const struct applied *applied, int64_t started_us);
