// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of an operation here: begun (intent of the first step durable) →
 * for each step: called → verified → committed (with the next intent) →
 * ended (receipt durable, by operation.c) or rolled back. Effects happen only
 * between an intent and its outcome.
 */
#include "agent/plan/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"

static const struct step_ops *const steps[STEP_KINDS] = {
    [STEP_CREATE_IMAGE] = &step_image_create,
    [STEP_RESIZE_IMAGE] = &step_image_resize,
    [STEP_DELETE_IMAGE] = &step_image_delete,
    [STEP_ATTACH_CONTROLLER] = &step_disk_controller,
    [STEP_ATTACH_DISK] = &step_disk_attach,
    [STEP_DETACH_DISK] = &step_disk_detach,
    [STEP_UPDATE_DISK] = &step_disk_update,
    [STEP_TUNE_DISK] = &step_disk_tune,
    [STEP_RESIZE_DISK] = &step_disk_resize,
    [STEP_DEFINE] = &step_vm_define,
    [STEP_DEFINE_NEW] = &step_vm_define_new,
    [STEP_UNDEFINE] = &step_vm_undefine,
    [STEP_MEMORY] = &step_vm_memory,
    [STEP_VCPUS] = &step_vm_vcpus,
    [STEP_AUTOSTART] = &step_vm_autostart,
    [STEP_START] = &step_vm_start,
    [STEP_SHUTDOWN] = &step_vm_shutdown,
    [STEP_DESTROY] = &step_vm_destroy,
    [STEP_REBOOT] = &step_vm_reboot,
    [STEP_SUSPEND] = &step_vm_suspend,
    [STEP_RESUME] = &step_vm_resume,
};

/* One operation on its way through its steps. */
struct trip {
    struct env *env;
    const struct request *request;
    const struct op *op;
    struct plan *plan;
    struct step_run run;
    struct applied *out;
};

/* --- records ------------------------------------------------------------ */

void
apply_record_rows(struct store_batch *batch, const char *vm,
                  const struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct record *record = &records[i];

        if (record->kind == RECORD_DEVICE)
            device_row(batch, vm, record->device);
        else if (record->kind == RECORD_DEVICE_GONE)
            device_row_gone(batch, vm, record->device->id);
        else if (record->kind == RECORD_VM)
            vm_table_row(batch, &record->vm);
        else
            vm_table_row_gone(batch, record->vm.uuid);
    }
}

void
apply_remember(struct env *env, const char *vm, const struct record *records,
               size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct record *record = &records[i];

        if (record->kind == RECORD_DEVICE)
            vm_table_device_put(env->vms, vm, record->device);
        else if (record->kind == RECORD_DEVICE_GONE)
            vm_table_device_remove(env->vms, vm, record->device->id);
        else if (record->kind == RECORD_VM)
            vm_table_put(env->vms, &record->vm);
        else
            vm_table_remove(env->vms, record->vm.uuid);
    }
}

/* --- journal ------------------------------------------------------------ */

static void
add_intent(struct trip *trip, struct store_batch *batch, size_t i)
{
    CLEANUP_JSON json_t *detail = NULL;

    if (i >= trip->plan->nsteps)
        return;
    detail = plan_step_to_json(&trip->plan->steps[i]);
    journal_intent(batch, trip->op, (int)i + 1,
                   plan_step_name(trip->plan->steps[i].kind), detail);
}

static int
commit(struct trip *trip, struct store_batch *batch, struct err *err)
{
    int64_t from = clock_mono_us();
    int rc = store_commit(trip->env->store, batch, err);

    trip->out->commit_us += clock_mono_us() - from;
    return rc;
}

static int
begin(struct trip *trip, struct err *err)
{
    struct plan *plan = trip->plan;
    struct store_batch *batch = store_batch_new();

    journal_op(batch, trip->op);
    apply_record_rows(batch, trip->op->vm, plan->reserve, plan->nreserve);
    add_intent(trip, batch, 0);
    if (commit(trip, batch, err) < 0)
        return -1;
    apply_remember(trip->env, trip->op->vm, plan->reserve, plan->nreserve);
    return 0;
}

static void
add_event(struct trip *trip, struct store_batch *batch,
          const struct step *step, const char *type)
{
    CLEANUP_JSON json_t *data = json_object();
    const char *alias = step->disk ? step->disk->alias : NULL;

    if (step->kind == STEP_ATTACH_CONTROLLER)
        alias = step->controller.alias;
    for (size_t i = 0; !alias && i < step->nrecords; i++)
        if (step->records[i].device && step->records[i].device->disk)
            alias = step->records[i].device->disk->alias;
    if (step->disk)
        json_put(data, "address", address_to_json(&step->disk->address));
    eventlog_add(trip->env->eventlog, batch,
                 &(struct event){.type = type,
                                 .vm = trip->op->vm,
                                 .device = alias,
                                 .op_id = trip->op->op_id,
                                 .flow_id = trip->op->flow_id,
                                 .origin = "operation",
                                 .data = data});
}

/* A removal that waits for the guest: the row says so until the event. */
static void
mark_pending(struct step *step)
{
    for (size_t i = 0; i < step->nrecords; i++) {
        struct device *device = step->records[i].device;

        if (device && device->disk)
            device->disk->state = DISK_UNPLUG_PENDING;
    }
}

static int
commit_step(struct trip *trip, size_t i, struct err *err)
{
    struct step *step = &trip->plan->steps[i];
    struct store_batch *batch = store_batch_new();
    enum step_end end = trip->run.end;
    const char *event = step->event;

    if (end == STEP_END_PENDING) {
        mark_pending(step);
        event = "disk.unplug_pending";
    }
    journal_outcome(batch, trip->op, (int)i + 1,
                    end == STEP_END_DONE      ? "done"
                    : end == STEP_END_PENDING ? "pending"
                                              : "refused",
                    NULL);
    if (end != STEP_END_REFUSED)
        apply_record_rows(batch, trip->op->vm, step->records, step->nrecords);
    if (end == STEP_END_DONE)
        add_intent(trip, batch, i + 1);
    if (event && end != STEP_END_REFUSED)
        add_event(trip, batch, step, event);
    if (commit(trip, batch, err) < 0)
        return -1;
    if (end != STEP_END_REFUSED)
        apply_remember(trip->env, trip->op->vm, step->records,
                       step->nrecords);
    return 0;
}

/* --- steps -------------------------------------------------------------- */

static int
may_go_on(struct trip *trip, struct err *err)
{
    const struct request *request = trip->request;

    if (ops_cancelled(trip->env->ops, request->peer, request->op_id))
        return err_set(err, ERR_CANCELLED,
                       "Operation %s was cancelled before its next effect; "
                       "what it had done was undone",
                       request->op_id);
    if (request->deadline_ms && clock_mono_ms() > request->deadline_ms)
        return err_set(err, ERR_TIMEOUT,
                       "The deadline passed before the next effect; what the "
                       "operation had done was undone");
    return 0;
}

static int
run_step(struct trip *trip, size_t i, struct err *err)
{
    struct step *step = &trip->plan->steps[i];
    const struct step_ops *ops = steps[step->kind];
    int64_t from = clock_mono_us();
    int rc;

    trip->run.end = STEP_END_DONE;
    ops_step(trip->env->ops, trip->request->peer, trip->request->op_id,
             plan_step_name(step->kind));
    rc = ops->run(&trip->run, step, err);
    if (rc == 0) {
        trip->out->steps = i + 1;
        if (ops->verify && trip->run.end != STEP_END_REFUSED)
            rc = ops->verify(&trip->run, step, err);
    }
    trip->out->hypervisor_us += clock_mono_us() - from;
    if (rc < 0 && step->lenient) {
        plan_warn(trip->plan, "%s", err->message);
        *err = (struct err)ERR_INIT;
        rc = 0;
    }
    return rc;
}

/* Undo what ran, last first. What cannot be undone is said. */
static bool
roll_back(struct trip *trip)
{
    bool clean = true;

    for (size_t i = trip->out->steps; i-- > 0;) {
        struct step *step = &trip->plan->steps[i];
        const struct step_ops *ops = steps[step->kind];
        struct store_batch *batch = store_batch_new();
        struct err why = ERR_INIT;
        int rc = ops->undo ? ops->undo(&trip->run, step, &why) : -1;

        if (rc < 0) {
            clean = false;
            log_error("Operation %s: step %s could not be undone: %s",
                      trip->op->op_id, plan_step_name(step->kind),
                      why.message[0] ? why.message : "it has no undo");
        }
        journal_outcome(batch, trip->op, (int)i + 1,
                        rc < 0 ? "undo_failed" : "undone", NULL);
        store_commit_later(trip->env->store, batch);
    }
    return clean;
}

/* The end of a failed operation: rows as they were, the reason kept. */
static void
fail(struct trip *trip, struct err *err)
{
    struct plan *plan = trip->plan;
    size_t failed = trip->out->steps;
    bool clean = roll_back(trip);
    bool cancelled = err->kind == ERR_CANCELLED || err->kind == ERR_TIMEOUT;
    CLEANUP_JSON json_t *receipt = json_object();
    struct store_batch *batch = store_batch_new();
    struct err ignored = ERR_INIT;

    if (failed < plan->nsteps)
        journal_outcome(batch, trip->op, (int)failed + 1, "failed", NULL);
    if (!clean)
        err_wrap(err, "Not everything could be undone (see GetOperation %s)",
                 trip->op->op_id);
    json_put_text(receipt, "kind", err_kind_name(err->kind));
    json_put_text(receipt, "message", err->message);
    json_put_text(receipt, "step", err->step);
    json_put_bool(receipt, "rolled_back", clean);
    if (clean)
        apply_record_rows(batch, trip->op->vm, plan->release, plan->nrelease);
    journal_receipt(batch, trip->op, cancelled ? OP_CANCELLED : OP_FAILED,
                    receipt);
    eventlog_add(trip->env->eventlog, batch,
                 &(struct event){.type = "op.failed",
                                 .vm = trip->op->vm[0] ? trip->op->vm : NULL,
                                 .op_id = trip->op->op_id,
                                 .flow_id = trip->op->flow_id,
                                 .origin = "operation",
                                 .data = receipt});
    if (commit(trip, batch, &ignored) < 0)
        log_error("Operation %s failed and its end could not be recorded: %s",
                  trip->op->op_id, ignored.message);
    else if (clean)
        apply_remember(trip->env, trip->op->vm, plan->release,
                       plan->nrelease);
}

static int
run_all(struct trip *trip, struct err *err)
{
    struct plan *plan = trip->plan;

    for (size_t i = 0; i < plan->nsteps; i++) {
        if (may_go_on(trip, err) < 0 || run_step(trip, i, err) < 0 ||
            commit_step(trip, i, err) < 0) {
            snprintf(err->step, sizeof(err->step), "%s",
                     plan_step_name(plan->steps[i].kind));
            return -1;
        }
        if (trip->run.end == STEP_END_DONE)
            continue;
        trip->out->state =
            trip->run.end == STEP_END_PENDING ? OP_PENDING : OP_REFUSED;
        return 0;
    }
    trip->out->state = OP_DONE;
    return 0;
}

int
apply_run(struct env *env, const struct request *request, const struct op *op,
          struct vm_info *info, struct plan *plan, struct applied *out,
          struct err *err)
{
    struct trip trip = {.env = env, .request = request, .op = op,
                        .plan = plan, .out = out};
    int64_t wait = clock_mono_ms() +
                   conf_int(env_conf(env), CONF_OPS_UNPLUG_WAIT_MS);
    int rc;

    memset(out, 0, sizeof(*out));
    out->notes = json_object();
    if (request->deadline_ms && request->deadline_ms < wait)
        wait = request->deadline_ms;
    trip.run = (struct step_run){.env = env, .info = info, .vm = op->vm,
                                 .wait_until = wait, .notes = out->notes};
    if (begin(&trip, err) < 0)
        return -1;
    rc = run_all(&trip, err);
    if (rc < 0)
        fail(&trip, err);
    free(trip.run.definition);
    return rc;
}
