// SPDX-License-Identifier: Apache-2.0
/*
 * The impure half of recovery: reads the journal's open operations and fresh
 * views, asks recover_decide, and lets plan/apply finish or undo.
 */
#include "agent/plan/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/adopt.h"
#include "agent/plan/apply.h"
#include "agent/plan/hook_op.h"
#include "agent/plan/plan_json.h"
#include "agent/plan/settle.h"

/* One open operation, as the journal has it. */
struct open_op {
    struct op op;
    struct request request;
    struct plan plan;
    struct recover_facts facts;
    const json_t *receipt; /* borrowed; of one that is pending */
};

static void
open_op_clear(struct open_op *open)
{
    plan_clear(&open->plan);
}

static void
read_outcome(const char *text, size_t i, struct open_op *open)
{
    struct recover_facts *facts = &open->facts;
    struct step *step = &open->plan.steps[i];

    if (!text) {
        step->doubtful = true;
        facts->begun = facts->begun || facts->done == i;
        return;
    }
    plan_undo_read(step, text);
    step->told = strcmp(text, "failed") != 0 && !step->doubtful;
    facts->undoing = facts->undoing || step->undo != UNDO_NONE;
    facts->pending = facts->pending || !strcmp(text, "pending");
    if (!strcmp(text, "done") && facts->done == i)
        facts->done++;
    if (strcmp(text, "failed") != 0)
        facts->held = i + 1;
}

/* The texts of the operation are borrowed from item. */
static int
read_op(const json_t *item, const char *uuid, struct open_op *open,
        struct err *err)
{
    json_int_t deadline = json_get_int(item, "deadline_ms", 0);
    const json_t *outcome, *detail;
    size_t i;

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
    if (plan_json_decode(json_object_get(item, "plan"), &open->plan, err) < 0)
        return -1;
    json_array_foreach(json_object_get(item, "outcomes"), i, outcome)
    {
        if (i < open->plan.nsteps)
            read_outcome(json_string_value(outcome), i, open);
    }
    json_array_foreach(json_object_get(item, "details"), i, detail)
    {
        const char *before = json_get_text(detail, "before", NULL);

        if (!before || i >= open->plan.nsteps)
            continue;
        free(open->plan.steps[i].text_was);
        open->plan.steps[i].text_was = mem_dup(before);
    }
    open->receipt = json_object_get(item, "receipt");
    open->facts.waiting =
        open->facts.undoing &&
        !strcmp(json_get_text(item, "state", ""), op_state_name(OP_PENDING));
    return 0;
}

/* --- carrying it out ------------------------------------------------------ */

static int
finish(struct env *env, struct open_op *open, struct vm_info *vm,
       const struct recover_action *action, struct err *err)
{
    const struct apply_at at = {.begun = true,
                                .from = action->from,
                                .holds = action->holds};
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
        if (applied.state == OP_DONE)
            hook_op_after(env, &open->op, vm, &open->plan);
    } else if (why.kind != ERR_UNREACHABLE && why.kind != ERR_READ_ONLY) {
        rc = 0; /* it was undone and is recorded as failed: settled */
    }
    json_decref(applied.notes);
    if (rc < 0)
        *err = why;
    return rc;
}

/* Why it failed before its rollback had to wait; false: it did not wait. */
static bool
failed_before(const json_t *receipt, struct err *reason)
{
    const char *cause = json_get_text(receipt, "cause", NULL);
    enum err_kind kind = err_kind_parse(json_get_text(receipt, "kind", ""));

    if (!cause)
        return false;
    err_set(reason, kind ? kind : ERR_INTERNAL, "%s", cause);
    snprintf(reason->step, sizeof(reason->step), "%s",
             json_get_text(receipt, "step", ""));
    return true;
}

static void
undo(struct env *env, struct open_op *open, struct vm_info *vm,
     const struct recover_action *action)
{
    struct err reason = ERR_INIT;

    if (!open->facts.waiting || !failed_before(open->receipt, &reason))
        err_set(&reason, ERR_CANCELLED,
                "%s was interrupted and rolled back: %s; ask again",
                open->op.verb, action->why);
    apply_undo(env, &open->request, &open->op, vm, &open->plan, action->from,
               &reason);
}

static int
settle_op(struct env *env, const json_t *item, const char *uuid, bool *untold,
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
    for (size_t i = 0; i < open.plan.nsteps; i++)
        if (open.plan.steps[i].undo == UNDO_PENDING &&
            open.plan.steps[i].doubtful)
            *untold = true;
    return 0;
}

/* The guest keeps the device: what waited for it ends. */
static void
refuse_op(struct env *env, const json_t *item, const char *uuid,
          const char *alias)
{
    CLEANUP_VM_INFO struct vm_info vm = {.present = false};
    CLEANUP(open_op_clear) struct open_op open = {.op = {.peer = ""}};
    struct recover_action action = {.what = RECOVER_ROLL_BACK};
    struct err err = ERR_INIT;
    bool found = false;

    plan_init(&open.plan);
    if (read_op(item, uuid, &open, &err) < 0) {
        log_error("VM %s: %s", uuid, err.message);
        return;
    }
    for (size_t i = 0; i < open.facts.held; i++) {
        struct step *step = &open.plan.steps[i];
        const char *name = plan_attached(step);

        if (step->undo != UNDO_PENDING || !name || strcmp(name, alias) != 0)
            continue;
        step->undo = UNDO_REFUSED;
        found = true;
    }
    vm_table_get(env->vms, uuid, &vm);
    action.from = open.facts.held;
    if (found)
        undo(env, &open, &vm, &action);
}

void
recover_refused(struct env *env, const char *uuid, const char *alias)
{
    CLEANUP_JSON json_t *list = NULL;
    struct err err = ERR_INIT;
    json_t *item;
    size_t i;

    if (journal_open(env->store, uuid, &list, &err) < 0) {
        log_error("VM %s: that the guest keeps %s waits: %s", uuid, alias,
                  err.message);
        return;
    }
    json_array_foreach(list, i, item)
    {
        refuse_op(env, item, uuid, alias);
    }
}

/* One that runs, such as a CreateVm, which is not in this lane; or that did
 * when the list was read and has ended since. */
static bool
is_others(struct env *env, const json_t *item)
{
    const char *peer = json_get_text(item, "peer", "");
    const char *op_id = json_get_text(item, "op_id", "");

    return ops_running(env->ops, peer, op_id) ||
           !journal_is_open(env->store, peer, op_id);
}

int
recover_vm(struct env *env, const char *uuid, struct err *err)
{
    CLEANUP_JSON json_t *list = NULL;
    struct err gone = ERR_INIT;
    bool untold = false;
    json_t *item;
    size_t i;

    if (settle_wait(env, uuid, err) < 0 ||
        journal_open(env->store, uuid, &list, err) < 0)
        return -1;
    vm_table_settled(env->vms, uuid, true);
    json_array_foreach(list, i, item)
    {
        if (is_others(env, item))
            continue;
        /* Each settles the next one's ground: look again. */
        if (adopt_refresh(env, uuid, true, &gone) < 0 &&
            gone.kind != ERR_NOT_FOUND) {
            vm_table_settled(env->vms, uuid, false);
            *err = gone;
            return -1;
        }
        if (settle_op(env, item, uuid, &untold, err) < 0) {
            vm_table_settled(env->vms, uuid, false);
            return -1;
        }
    }
    return untold;
}
