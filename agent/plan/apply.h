// SPDX-License-Identifier: Apache-2.0
/*
 * Doing a plan. The order of each step stands here and nowhere else:
 * journal → hook → XML → call → verify → commit → event; the reply follows
 * when all are done. When a step fails, what was done is undone in reverse.
 * Worker threads, in the VM's lane.
 */
#pragma once

#include "agent/plan/request.h"
#include "agent/plan/step.h"

struct applied {
    enum op_state state;  /* done, pending, refused */
    size_t steps;         /* how many have run */
    json_t *notes;        /* owned; members for the receipt */
    int64_t hypervisor_us, commit_us;
};

/*
 * Run a plan as the operation op (already unique). info holds the views the
 * plan was made from and is brought up to date. Returns 0 with *out, or
 * -1 + err (step set) after the rollback; the journal then says failed or
 * cancelled.
 */
int apply_run(struct env *env, const struct request *request,
              const struct op *op, struct vm_info *info, struct plan *plan,
              struct applied *out, struct err *err);

/* Put records into the VM table's memory (after their commit). */
void apply_remember(struct env *env, const char *vm,
                    const struct record *records, size_t n);
void apply_record_rows(struct store_batch *batch, const char *vm,
                       const struct record *records, size_t n);
