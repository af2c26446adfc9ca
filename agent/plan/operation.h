// SPDX-License-Identifier: Apache-2.0
/*
 * An operation from its request to its receipt: replay of a stored receipt,
 * what is known of the VM, the pure plan, dry run, apply. Worker threads, in
 * the lane of the VM.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/plan/env.h"
#include "agent/plan/plan.h"
#include "agent/plan/request.h"

/*
 * How a verb becomes a plan. gather (may be NULL) collects facts of the host
 * into the wish; it may block but changes nothing. plan is pure.
 */
struct planner {
    int (*gather)(struct env *env, const struct known *known, void *wish,
                  struct err *err);
    plan_fn plan;
};

/*
 * Plan and do it. vm is the VM's UUID; for CreateVm the one that is to be.
 * Returns the receipt {op_id, state, changed, …, warnings, timings_ms} or,
 * for a dry run, the plan; NULL + err (OP_ID_CONFLICT, whatever the planner
 * refuses, the failed step after its rollback).
 */
json_t *operation_run(struct env *env, const struct request *request,
                      const char *vm, const struct planner *planner,
                      void *wish, struct err *err);

/* The guest keeps a device whose unplug was pending (DEVICE_REMOVAL_FAILED):
 * its operations end as refused. Worker, in the VM's lane. */
void operation_unplug_refused(struct env *env, const char *vm,
                              const char *alias);
