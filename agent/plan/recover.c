// SPDX-License-Identifier: Apache-2.0
/*
 * The impure half of recovery: reads the journal's open operations and fresh
 * views, asks recover_decide, and lets plan/apply finish or undo. What QEMU
 * holds and libvirt forgot (death inside an attach) is taken away first.
 */
#include "agent/plan/recover.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/plan/adopt.h"
#include "agent/plan/apply.h"
#include "agent/plan/plan_json.h"
#include "agent/plan/settle.h"

/* One open operation, as the journal has it. */
struct open_op {
    struct op op;
    struct request request;
    struct plan plan;
    struct recover_facts facts;
};

static void
open_op_clear(struct open_op *open)
{
    plan_clear(&open->plan);
}

static void
read_outcomes(const json_t *outcomes, struct recover_facts *facts)
{
    const json_t *outcome;
    size_t i;

    json_array_foreach(outcomes, i, outcome)
    {
        const char *text = json_string_value(outcome);

        if (text && !strcmp(text, "done") && facts->done == i)
            facts->done++;
        else if (!text && facts->done == i)
            facts->begun = true;
        else if (text && !strcmp(text, "pending"))
            facts->pending = true;
        else if (text && !strncmp(text, "und", 3))
            facts->undoing = true;
        if (text && !strcmp(text, "undo_failed") && facts->done == i)
            facts->begun = true; /* the connection died: undone again */
    }
}

/* The texts of the operation are borrowed from item. */
static int
read_op(const json_t *item, const char *uuid, struct open_op *open,
        struct err *err)
{
    json_int_t deadline = json_get_int(item, "deadline_ms", 0);

    open->op = (struct op){.peer = json_get_text(item, "peer", ""),
                           .verb = json_get_text(item, "verb", ""),
                           .flow_id = json_get_text(item, "flow_id", NULL)};
    snprintf(open->op.op_id, sizeof(open->op.op_id), "%s",
             json_get_text(item, "op_id", ""));
    snprintf(open->op.vm, sizeof(open->op.vm), "%s", uuid);
    memcpy(open->request.op_id, open->op.op_id, sizeof(open->op.op_id));
    snprintf(open->request.peer, sizeof(open->request.peer), "%s",
             open->op.peer);
    open->request.verb = open->op.verb;
    open->facts.plan = &open->plan;
    open->facts.expired = deadline && deadline < clock_wall_ms();
    read_outcomes(json_object_get(item, "outcomes"), &open->facts);
    return plan_json_decode(json_object_get(item, "plan"), &open->plan, err);
}

/* --- what libvirt forgot -------------------------------------------------- */

static const char *
attached_alias(const struct step *step)
{
    if (step->kind == STEP_ATTACH_CONTROLLER)
        return step->controller.alias;
    return step->kind == STEP_ATTACH_DISK ? step->disk->alias : NULL;
}

static bool
is_listed(const struct step *step, const struct vm_info *vm)
{
    if (!vm->live)
        return false;
    return step->kind == STEP_ATTACH_DISK
               ? domain_disk_by_alias(vm->live, step->disk->alias) != NULL
               : domain_controller(vm->live, step->controller.type,
                                   step->controller.index) != NULL;
}

/* A death inside an attach can leave the device in QEMU and not in libvirt's
 * XML, or a block node without a device. Only for an attach that was begun
 * and is not there. */
static int
take_ghost(struct env *env, const struct open_op *open,
           const struct vm_info *vm, struct err *err)
{
    struct crash *crash = crash_counts(env->crash, true);
    const struct step *step;
    const char *alias;
    int rc;

    if (!open->facts.begun || open->facts.done >= open->plan.nsteps ||
        !vm->active || !hyper_can(env->hyper, HYPER_QEMU_MONITOR))
        return 0;
    step = &open->plan.steps[open->facts.done];
    alias = attached_alias(step);
    if (!alias || is_listed(step, vm))
        return 0;
    crash_at(crash, step->kind, CRASH_UNDO, CRASH_BEFORE);
    rc = hyper_forget_device(env->hyper, vm->record.uuid, alias,
                             step->disk ? step->disk->path : NULL, err);
    crash_at(crash, step->kind, CRASH_UNDO, CRASH_AFTER);
    return rc;
}

/* --- carrying it out ------------------------------------------------------ */

static int
finish(struct env *env, struct open_op *open, struct vm_info *vm,
       const struct recover_action *action, struct err *err)
{
    struct apply_at at = {true, action->from, action->holds};
    struct applied applied;
    struct ledger ledger = {.env = env, .op = &open->op, .plan = &open->plan,
                            .recovering = true};
    int64_t started = clock_mono_us();
    CLEANUP_JSON json_t *receipt = NULL;
    struct err why = ERR_INIT;
    int rc = apply_run(env, &open->request, &open->op, vm, &open->plan, &at,
                       &applied, &why);

    if (rc == 0) {
        receipt = apply_receipt(open->op.op_id, &open->plan, &applied, started);
        json_put_bool(receipt, "recovered", true);
        rc = ledger_end(&ledger, true, applied.state, receipt, &why);
    } else if (why.kind != ERR_UNREACHABLE && why.kind != ERR_READ_ONLY) {
        rc = 0; /* it was undone and is recorded as failed: settled */
    }
    json_decref(applied.notes);
    if (rc < 0)
        *err = why;
    return rc;
}

static void
undo(struct env *env, struct open_op *open, struct vm_info *vm,
     const struct recover_action *action)
{
    struct err reason = ERR_INIT;

    err_set(&reason, ERR_CANCELLED,
            "%s was interrupted and rolled back: %s; ask again",
            open->op.verb, action->why);
    apply_undo(env, &open->request, &open->op, vm, &open->plan, action->from,
               &reason);
}

static int
settle_op(struct env *env, const json_t *item, const char *uuid,
          struct err *err)
{
    static const char *const words[] = {[RECOVER_FINISH] = "finished",
                                        [RECOVER_ROLL_BACK] = "rolled back",
                                        [RECOVER_WAIT] = "still pending"};
    CLEANUP_VM_INFO struct vm_info vm = {.present = false};
    CLEANUP(open_op_clear) struct open_op open = {.op = {.peer = ""}};
    struct recover_action action;

    plan_init(&open.plan);
    if (read_op(item, uuid, &open, err) < 0)
        return -1;
    vm_table_get(env->vms, uuid, &vm);
    if (take_ghost(env, &open, &vm, err) < 0)
        return -1;
    open.facts.vm = &vm;
    action = recover_decide(&open.facts);
    log_info("Operation %s (%s of %s) is %s: %zu of %zu steps were done%s%s",
             open.op.op_id, open.op.verb, open.op.peer, words[action.what],
             open.facts.done, open.plan.nsteps, action.why[0] ? "; " : "",
             action.why);
    if (action.what == RECOVER_FINISH)
        return finish(env, &open, &vm, &action, err);
    if (action.what == RECOVER_ROLL_BACK)
        undo(env, &open, &vm, &action);
    return 0;
}

int
recover_vm(struct env *env, const char *uuid, struct err *err)
{
    CLEANUP_JSON json_t *list = NULL;
    struct err gone = ERR_INIT;
    json_t *item;
    size_t i;

    if (settle_wait(env, uuid, err) < 0 ||
        journal_open(env->store, uuid, &list, err) < 0)
        return -1;
    vm_table_settled(env->vms, uuid, true);
    json_array_foreach(list, i, item)
    {
        /* Such as a CreateVm, which is not in this lane. */
        if (ops_running(env->ops, json_get_text(item, "peer", ""),
                        json_get_text(item, "op_id", "")))
            continue;
        /* Each settles the next one's ground: look again. */
        if (adopt_refresh(env, uuid, true, &gone) < 0 &&
            gone.kind != ERR_NOT_FOUND) {
            vm_table_settled(env->vms, uuid, false);
            *err = gone;
            return -1;
        }
        if (settle_op(env, item, uuid, err) < 0) {
            vm_table_settled(env->vms, uuid, false);
            return -1;
        }
    }
    return 0;
}
