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
 * What a stored receipt answers to a call whose op_id was given: 1 with *out
 * (owned), 0 when there is none, -1 + err (the stored failure; OP_ID_CONFLICT;
 * BUSY when there is no receipt yet). It comes before all that the verb looks
 * up, for what it names may be gone since.
 */
int operation_replay(struct env *env, const struct request *request,
                     json_t **out, struct err *err);

/* The request was cancelled before its turn came: record that. *reason gets
 * what its client is told (CANCELLED). */
void operation_cancelled(struct env *env, const struct request *request,
                         const char *vm, struct err *reason);

/* READ_ONLY (-1) while nothing could be recorded; a dry run needs no record.
 * Asked before a verb looks for what it names: what is not loaded would be
 * told as not there. */
int operation_writable(struct env *env, const struct request *request,
                       struct err *err);

/*
 * Plan and do it. vm is the VM's UUID; for CreateVm the one that is to be.
 * Returns the receipt {op_id, state, changed, …, warnings, timings_ms} or,
 * for a dry run, the plan; NULL + err (whatever the planner refuses, the
 * failed step after its rollback).
 */
json_t *operation_run(struct env *env, const struct request *request,
                      const char *vm, const struct planner *planner,
                      void *wish, struct err *err);

/* The same for a verb whose answer does not wait for the end: begun is told
 * once the intent is durable, before the first effect. */
typedef void operation_begun_fn(void *wish, const struct plan *plan);
json_t *operation_run_on(struct env *env, const struct request *request,
                         const char *vm, const struct planner *planner,
                         void *wish, operation_begun_fn *begun,
                         struct err *err);

/* The guest keeps a device whose unplug was pending (DEVICE_REMOVAL_FAILED):
 * its operations end as refused. Worker, in the VM's lane. */
void operation_unplug_refused(struct env *env, const char *vm,
                              const char *alias);
