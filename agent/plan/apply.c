// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of an operation here: begun (intent of the first step durable) →
 * for each step: called → verified → committed (with the next intent) →
 * ended by the caller, or rolled back, or left unknown. Effects happen only
 * between an intent and its outcome, and between two crash points.
 */
#include "agent/plan/apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/plan/batch_receipt.h"
#include "agent/plan/adopt.h"
#include "agent/plan/hook_op.h"
#include "agent/plan/hook_step.h"

static const struct step_ops *const steps[STEP_KINDS] = {
    [STEP_CREATE_IMAGE] = &step_image_create,
    [STEP_RESIZE_IMAGE] = &step_image_resize,
    [STEP_DELETE_IMAGE] = &step_image_delete,
    [STEP_ADD_IOTHREAD] = &step_iothread_add,
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
    [STEP_START_TRANSIENT] = &step_vm_transient,
    [STEP_ATTACH_NIC] = &step_live_attach,
    [STEP_DETACH_NIC] = &step_live_detach,
    [STEP_UPDATE_NIC] = &step_live_nic,
    [STEP_ATTACH_MEMORY] = &step_live_attach,
    [STEP_DETACH_MEMORY] = &step_live_detach,
    [STEP_SET_METADATA] = &step_live_metadata,
    [STEP_LIVE_VCPUS] = &step_live_vcpus,
    [STEP_SET_TICKET] = &step_live_ticket,
    [STEP_MIRROR] = &step_mirror_write,
    [STEP_FREEZE] = &step_live_freeze,
    [STEP_THAW] = &step_live_thaw,
};

/* Whose undo looks for itself what a run that failed has left. */
static const bool undo_looks[STEP_KINDS] = {
    [STEP_ATTACH_CONTROLLER] = true,
    [STEP_ATTACH_DISK] = true,
    [STEP_DEFINE] = true,
    [STEP_MEMORY] = true,
    [STEP_VCPUS] = true,
    [STEP_AUTOSTART] = true,
};

/* One operation on its way through its steps. */
struct trip {
    const struct request *request;
    struct ledger ledger;
    struct step_run run;
    struct applied *out;
    size_t failed; /* the step, SIZE_MAX: none */
    size_t begun; /* steps whose scripts may have run */
};

static struct crash *
crash_of(const struct trip *trip)
{
    return crash_counts(trip->run.env->crash, trip->ledger.recovering);
}

/* --- steps -------------------------------------------------------------- */

static int
may_go_on(const struct trip *trip, struct err *err)
{
    const struct request *request = trip->request;

    if (ops_cancelled(trip->run.env->ops, request->peer, request->op_id))
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

static struct hook_step
hook_at(struct trip *trip)
{
    return (struct hook_step){&trip->run, trip->ledger.op, trip->ledger.plan,
                              trip->request->deadline_ms};
}

/* Scripts take time: what was asked for may be called off meanwhile. */
static int
run_scripts(struct trip *trip, struct step *step, struct err *err)
{
    struct hook_step at = hook_at(trip);
    int64_t before = trip->run.hooks_us;

    if (hook_step_before(&at, step, err) < 0)
        return -1;
    return trip->run.hooks_us > before ? may_go_on(trip, err) : 0;
}

static int
call_step(struct trip *trip, struct step *step, struct err *err)
{
    const struct step_ops *ops = steps[step->kind];
    struct crash *crash = crash_of(trip);
    int rc;

    crash_at(crash, step->kind, CRASH_HOOK, CRASH_BEFORE);
    rc = run_scripts(trip, step, err);
    crash_at(crash, step->kind, CRASH_HOOK, CRASH_AFTER);
    if (rc < 0)
        return -1;
    crash_at(crash, step->kind, CRASH_CALL, CRASH_BEFORE);
    crash_at(crash, step->kind, CRASH_CALL, CRASH_INSIDE);
    rc = ops->run(&trip->run, step, err);
    crash_at(crash, step->kind, CRASH_CALL, CRASH_AFTER);
    return rc;
}

static int
verify_step(struct trip *trip, struct step *step, struct err *err)
{
    const struct step_ops *ops = steps[step->kind];
    struct crash *crash = crash_of(trip);
    int rc = 0;

    crash_at(crash, step->kind, CRASH_VERIFY, CRASH_BEFORE);
    if (ops->verify && trip->run.end != STEP_END_REFUSED)
        rc = ops->verify(&trip->run, step, err);
    crash_at(crash, step->kind, CRASH_VERIFY, CRASH_AFTER);
    return rc;
}

static int
run_step(struct trip *trip, size_t i, struct err *err)
{
    struct step *step = &trip->ledger.plan->steps[i];
    int64_t from = clock_mono_us(), hooks = trip->run.hooks_us;
    int rc;

    trip->begun = i + 1;
    ops_step(trip->run.env->ops, trip->request->peer, trip->request->op_id,
             plan_step_name(step->kind));
    rc = call_step(trip, step, err);
    if (rc == 0 || (undo_looks[step->kind] && err->kind != ERR_UNREACHABLE))
        trip->out->steps = i + 1;
    if (rc == 0)
        rc = verify_step(trip, step, err);
    trip->out->hypervisor_us +=
        clock_mono_us() - from - (trip->run.hooks_us - hooks);
    if (rc < 0 && step->lenient && err->kind != ERR_UNREACHABLE) {
        plan_warn(trip->ledger.plan, "%s", err->message);
        *err = (struct err)ERR_INIT;
        rc = 0;
    }
    return rc;
}

/* --- failure ------------------------------------------------------------ */

/* One step back. An err of kind UNREACHABLE: nobody can tell. */
static void
undo_step(struct trip *trip, size_t i, struct err *why)
{
    static const enum step_undo ends[] = {[STEP_END_DONE] = UNDO_DONE,
                                          [STEP_END_PENDING] = UNDO_PENDING,
                                          [STEP_END_REFUSED] = UNDO_REFUSED,
                                          [STEP_END_KEPT] = UNDO_KEPT};
    struct crash *crash = crash_of(trip);
    struct step *step = &trip->ledger.plan->steps[i];
    const struct step_ops *ops = steps[step->kind];
    int rc;

    trip->run.end = STEP_END_DONE;
    crash_at(crash, step->kind, CRASH_UNDO, CRASH_BEFORE);
    crash_at(crash, step->kind, CRASH_UNDO, CRASH_INSIDE);
    rc = ops->undo ? ops->undo(&trip->run, step, why) : -1;
    crash_at(crash, step->kind, CRASH_UNDO, CRASH_AFTER);
    step->undo = rc < 0 ? UNDO_FAILED : ends[trip->run.end];
    if (rc < 0)
        log_error("Operation %s: step %s could not be undone: %s",
                  trip->request->op_id, plan_step_name(step->kind),
                  why->message[0] ? why->message : "it has no undo");
    ledger_undone(&trip->ledger, i);
}

/* Undo what ran, last first, but for what a device needs that stays. Where
 * nobody can tell, *lost is set and the rest is left to recovery. */
static void
roll_back(struct trip *trip, struct err *lost)
{
    struct plan *plan = trip->ledger.plan;

    for (size_t i = trip->out->steps; i-- > 0 && !lost->kind;) {
        enum step_undo undo = plan->steps[i].undo;
        struct err why = ERR_INIT;

        if (undo == UNDO_DONE || undo == UNDO_KEPT || undo == UNDO_REFUSED ||
            plan_is_needed(plan, i))
            continue;
        undo_step(trip, i, &why);
        if (why.kind == ERR_UNREACHABLE)
            *lost = why;
    }
}

/* Nobody can say now what became of the last call, or nothing can be written
 * down: the journal's tail and a fresh look settle it, not a guess. */
static bool
is_unknown(const struct trip *trip, const struct err *err)
{
    return err->kind == ERR_UNREACHABLE ||
           (err->kind == ERR_READ_ONLY && trip->out->steps > 0);
}

static void
leave_unknown(struct trip *trip, struct err *err)
{
    vm_table_settled(trip->run.env->vms, trip->run.vm, false);
    ledger_unknown(&trip->ledger, err->message);
    err_wrap(err,
             "It is not known yet whether this took effect; GetOperation %s "
             "tells once the VM has been looked at again",
             trip->request->op_id);
}

/* Devices whose undo stands so, by alias, where there are such. */
static void
put_devices(const struct trip *trip, enum step_undo undo, const char *name,
            json_t *receipt)
{
    json_t *list = json_array();

    for (size_t i = 0; i < trip->out->steps; i++) {
        const struct step *step = &trip->ledger.plan->steps[i];

        if (step->undo == undo && plan_attached(step))
            json_array_append_new(list, json_string(plan_attached(step)));
    }
    if (json_array_size(list))
        json_put(receipt, name, json_incref(list));
    json_decref(list);
}

static json_t *
failure_receipt(const struct trip *trip, const struct err *err)
{
    const struct plan *plan = trip->ledger.plan;
    json_t *receipt = json_object();
    bool clean = true;

    for (size_t i = 0; i < trip->out->steps; i++)
        clean = clean && (plan->steps[i].undo == UNDO_DONE ||
                          plan->steps[i].undo == UNDO_KEPT);
    json_put_text(receipt, "op_id", trip->request->op_id);
    json_put_text(receipt, "kind", err_kind_name(err->kind));
    json_put_text(receipt, "cause", err->message);
    json_put_text(receipt, "step", err->step);
    json_put_bool(receipt, "rolled_back", clean);
    put_devices(trip, UNDO_KEPT, "kept", receipt);
    put_devices(trip, UNDO_PENDING, "rollback_pending", receipt);
    batch_receipt_failed(plan, trip->out->steps, trip->failed, receipt);
    if (json_object_get(trip->run.notes, "hooks"))
        json_put(receipt, "hooks",
                 json_incref(json_object_get(trip->run.notes, "hooks")));
    return receipt;
}

/* What there is to say beside the reason. */
static void
say_what_stays(const struct trip *trip, json_t *receipt, struct err *err)
{
    json_t *pending = json_object_get(receipt, "rollback_pending");
    CLEANUP_TEXT char *names = pending ? json_text(pending, NULL) : NULL;

    if (names)
        err_wrap(err,
                 "The guest has not let %s go yet; the operation ends as soon "
                 "as it does, or the VM is reset or stops (GetOperation %s)",
                 names, trip->request->op_id);
    else if (!json_get_bool(receipt, "rolled_back", true))
        err_wrap(err, "Not everything could be undone (see GetOperation %s)",
                 trip->request->op_id);
    json_put_text(receipt, "message", err->message);
}

/* Scripts that clean up behind what failed. */
static void
tell_failed(struct trip *trip)
{
    struct hook_step at = hook_at(trip);
    const struct plan *plan = trip->ledger.plan;

    for (size_t i = 0; i < trip->begun && i < plan->nsteps; i++)
        hook_step_failed(&at, &plan->steps[i]);
    hook_op_failed(trip->run.env, trip->ledger.op, trip->run.info, plan);
}

/* The end of a failed operation: rows as they were, the reason kept. Where a
 * rollback waits for the guest, it is not the end yet. */
static void
fail(struct trip *trip, struct err *err)
{
    size_t failed = trip->out->steps;
    struct err lost = ERR_INIT, why = ERR_INIT;
    bool cancelled = err->kind == ERR_CANCELLED || err->kind == ERR_TIMEOUT;
    enum op_state state = cancelled ? OP_CANCELLED : OP_FAILED;
    CLEANUP_JSON json_t *receipt = NULL;

    roll_back(trip, &lost);
    if (lost.kind) {
        err_wrap(&lost, "It failed (%s), and was being undone", err->message);
        *err = lost;
        leave_unknown(trip, err);
        return;
    }
    if (plan_has_undo(trip->ledger.plan, failed, UNDO_PENDING))
        state = OP_PENDING;
    /* In memory too, before the end can be read. */
    if (failed && adopt_refresh(trip->run.env, trip->run.vm, true, &lost) < 0)
        log_info("VM %s is read again later: %s", trip->run.vm, lost.message);
    receipt = failure_receipt(trip, err);
    say_what_stays(trip, receipt, err);
    if (ledger_fail(&trip->ledger, failed, state, receipt, &why) < 0) {
        log_error("Operation %s failed and its end could not be recorded: %s",
                  trip->request->op_id, why.message);
        vm_table_settled(trip->run.env->vms, trip->run.vm, false);
        return;
    }
    if (state != OP_PENDING)
        tell_failed(trip);
}

/* The step has ended, and that is on the disk. */
static void
tell_ended(struct trip *trip, const struct step *step)
{
    struct hook_step at = hook_at(trip);

    if (trip->run.end == STEP_END_DONE)
        hook_step_after(&at, step);
    else if (trip->run.end == STEP_END_REFUSED)
        hook_step_failed(&at, step);
}

/* Step i, or what is left of it where its effect is there already: a disk is
 * gone when nobody has it open. */
static int
take_step(struct trip *trip, size_t i, bool holds, struct err *err)
{
    struct step *step = &trip->ledger.plan->steps[i];

    trip->run.end = STEP_END_DONE;
    if (!holds)
        return may_go_on(trip, err) < 0 ? -1 : run_step(trip, i, err);
    trip->out->steps = i + 1;
    return step->kind == STEP_DETACH_DISK ? verify_step(trip, step, err) : 0;
}

/* Of a batch: which disk it is about. */
static void
name_disk(const struct plan *plan, size_t i, struct err *err)
{
    char name[32];

    batch_receipt_name(plan, i, name);
    if (name[0])
        err_wrap(err, "%s", name);
}

static int
run_all(struct trip *trip, const struct apply_at *at, struct err *err)
{
    struct plan *plan = trip->ledger.plan;

    for (size_t i = at->from; i < plan->nsteps; i++) {
        if (take_step(trip, i, at->holds && i == at->from, err) < 0 ||
            ledger_step(&trip->ledger, i, trip->run.end, err) < 0) {
            name_disk(plan, i, err);
            trip->failed = i;
            snprintf(err->step, sizeof(err->step), "%s",
                     plan_step_name(plan->steps[i].kind));
            return -1;
        }
        tell_ended(trip, &plan->steps[i]);
        if (trip->run.end == STEP_END_DONE)
            continue;
        trip->out->state =
            trip->run.end == STEP_END_PENDING ? OP_PENDING : OP_REFUSED;
        return 0;
    }
    trip->out->state = OP_DONE;
    return 0;
}

/* --- the way in --------------------------------------------------------- */

static void
trip_init(struct trip *trip, struct env *env, const struct request *request,
          const struct op *op, struct vm_info *info, struct plan *plan,
          struct applied *out)
{
    int64_t wait =
        clock_mono_ms() + (request->unplug_wait_ms
                               ? request->unplug_wait_ms
                               : conf_int(env_conf(env), CONF_OPS_UNPLUG_WAIT_MS));

    memset(out, 0, sizeof(*out));
    out->notes = json_object();
    if (request->deadline_ms && request->deadline_ms < wait)
        wait = request->deadline_ms;
    *trip = (struct trip){
        .request = request,
        .ledger = {.env = env, .op = op, .plan = plan},
        .run = {.env = env,
                .info = info,
                .vm = op->vm,
                .wait_until = wait,
                .notes = out->notes},
        .out = out,
        .failed = SIZE_MAX,
    };
}

static void
trip_clear(struct trip *trip)
{
    free(trip->run.batch);
    free(trip->run.last_xml);
}

int
apply_run(struct env *env, const struct request *request, const struct op *op,
          struct vm_info *info, struct plan *plan, const struct apply_at *at,
          struct applied *out, struct err *err)
{
    struct trip trip;
    int rc;

    trip_init(&trip, env, request, op, info, plan, out);
    if (at->begun)
        trip.ledger.recovering = trip.run.recovering = true;
    else if (ledger_begin(&trip.ledger, err) < 0)
        return -1;
    out->steps = at->from;
    if (at->on_begun)
        at->on_begun(at->ctx, plan);
    rc = run_all(&trip, at, err);
    out->commit_us = trip.ledger.commit_us;
    if (rc < 0 && is_unknown(&trip, err))
        leave_unknown(&trip, err);
    else if (rc < 0)
        fail(&trip, err);
    out->hooks_us = trip.run.hooks_us;
    trip_clear(&trip);
    return rc;
}

void
apply_undo(struct env *env, const struct request *request, const struct op *op,
           struct vm_info *info, struct plan *plan, size_t n,
           struct err *reason)
{
    struct applied out;
    struct trip trip;

    trip_init(&trip, env, request, op, info, plan, &out);
    trip.ledger.recovering = trip.run.recovering = true;
    out.steps = n;
    trip.begun = n + 1; /* the one that was cut off has left its intent */
    fail(&trip, reason);
    trip_clear(&trip);
    json_decref(out.notes);
}

json_t *
apply_receipt(const char *op_id, const struct plan *plan,
              const struct applied *applied, int64_t started_us)
{
    json_t *receipt = json_object(), *timings = json_object();

    json_put_text(receipt, "op_id", op_id);
    json_put_text(receipt, "state", op_state_name(applied->state));
    json_put_bool(receipt, "changed",
                  (applied->steps > 0 && applied->state != OP_REFUSED) ||
                      plan->nreserve > 0);
    json_object_update(receipt, plan->result);
    if (applied->notes)
        json_object_update(receipt, applied->notes);
    batch_receipt_state(receipt, op_state_name(applied->state));
    json_put(receipt, "warnings", json_incref(plan->warnings));
    json_put_int(timings, "hypervisor", applied->hypervisor_us / 1000);
    json_put_int(timings, "commit", applied->commit_us / 1000);
    if (applied->hooks_us)
        json_put_int(timings, "hooks", applied->hooks_us / 1000);
    json_put_int(timings, "total", (clock_mono_us() - started_us) / 1000);
    json_put(receipt, "timings_ms", timings);
    return receipt;
}
