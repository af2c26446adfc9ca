// SPDX-License-Identifier: Apache-2.0
/*
 * From a call to its receipt: plan (reads alone) → dry run, or nothing to do,
 * or begun (the intent durable) → effect, sent once → its end, here or later.
 */
#include "agent/plan/remote_run.h"

#include "agent/common/clock.h"
#include "agent/plan/remote_pending.h"

#define WAIT_MS 30000 /* so long a call waits for its task itself */

static void
found_init(struct remote_plan *plan)
{
    *plan = (struct remote_plan){.steps = json_array(),
                                 .result = json_object(),
                                 .warnings = json_array(),
                                 .rows = json_array()};
}

static void
found_clear(struct remote_plan *plan)
{
    json_decref(plan->steps);
    json_decref(plan->expect);
    json_decref(plan->result);
    json_decref(plan->warnings);
    json_decref(plan->rows);
}

static json_t *
dry_run(const struct remote *remote, const struct remote_plan *plan)
{
    json_t *out = json_object();

    json_put_bool(out, "dry_run", true);
    json_put_text(out, "hypervisor", esx_name(remote->esx));
    json_put_bool(out, "changed", plan->expect != NULL);
    json_object_update(out, plan->result);
    json_put(out, "steps", json_incref(plan->steps));
    json_put(out, "warnings", json_incref(plan->warnings));
    return out;
}

/* The host is so already: our own rows alone may change, in one commit. */
static json_t *
record_only(struct remote *remote, const struct remote_plan *plan,
            struct err *err)
{
    struct remote_op *op = remote_op_new(remote, plan);
    json_t *receipt = remote_op_record(
        remote->env, op, json_array_size(plan->rows) > 0, err);

    remote_op_free(op);
    return receipt;
}

static int
check_deadline(const struct request *request, struct err *err)
{
    if (request->deadline_ms && clock_mono_ms() > request->deadline_ms)
        return err_set(err, ERR_TIMEOUT,
                       "The deadline passed before the host was changed; "
                       "nothing was done");
    return 0;
}

/* The effect, and as much of its end as this call waits for. */
static enum remote_end
carry_out(struct remote *remote, const struct remote_work *work, void *wish,
          struct remote_op *op, json_t **receipt, struct err *err)
{
    struct err why = ERR_INIT;
    bool lost = false;

    if (work->effect(remote, wish, &op->task, &lost, &why) < 0) {
        if (lost)
            return remote_op_settle(remote, op, &why, receipt, err);
        *err = why;
        remote_op_fail(remote->env, op, err);
        return REMOTE_OVER;
    }
    if (!op->task.ref.id[0]) {
        op->task.state = VIM_TASK_DONE;
        return remote_op_done(remote, op, receipt, err);
    }
    remote_op_has_task(remote->env, op);
    return remote_op_go_on(remote, op, clock_mono_ms() + WAIT_MS, receipt,
                           err);
}

static json_t *
begin(struct remote *remote, const struct remote_work *work, void *wish,
      const struct remote_plan *plan, struct err *err)
{
    struct env *env = remote->env;
    struct remote_op *op = remote_op_new(remote, plan);
    json_t *receipt = NULL;

    if (check_deadline(remote->request, err) < 0 ||
        remote_op_begin(env, op, err) < 0) {
        remote_op_free(op);
        return NULL;
    }
    ops_begin(env->ops, &op->op);
    if (carry_out(remote, work, wish, op, &receipt, err) == REMOTE_PENDING) {
        ops_end(env->ops, op->op.peer, op->op.op_id);
        remote_pending_add(env, op);
        return receipt;
    }
    ops_end(env->ops, op->op.peer, op->op.op_id);
    remote_op_free(op);
    return receipt;
}

json_t *
remote_run(struct remote *remote, const struct remote_work *work, void *wish,
           struct err *err)
{
    struct remote_plan plan;
    json_t *out = NULL;

    found_init(&plan);
    if (work->plan(remote, wish, &plan, err) == 0) {
        if (remote->request->dry_run)
            out = dry_run(remote, &plan);
        else if (!plan.expect)
            out = record_only(remote, &plan, err);
        else
            out = begin(remote, work, wish, &plan, err);
    }
    found_clear(&plan);
    return out;
}
