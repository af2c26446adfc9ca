// SPDX-License-Identifier: Apache-2.0
/*
 * One batch per fact. A crash point stands before and after journal, commit
 * and event of each kind of step, so that tests can cut between any two.
 */
#include "agent/plan/ledger.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/plan/release.h"

static struct crash *
crash_of(const struct ledger *ledger)
{
    return crash_counts(ledger->env->crash, ledger->recovering);
}

/* --- records ------------------------------------------------------------ */

static void
record_rows(struct store_batch *batch, const char *vm,
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

static void
remember(const struct ledger *ledger, const struct record *records, size_t n)
{
    struct vm_table *vms = ledger->env->vms;
    const char *vm = ledger->op->vm;

    for (size_t i = 0; i < n; i++) {
        const struct record *record = &records[i];

        if (record->kind == RECORD_DEVICE)
            vm_table_device_put(vms, vm, record->device);
        else if (record->kind == RECORD_DEVICE_GONE)
            vm_table_device_remove(vms, vm, record->device->id);
        else if (record->kind == RECORD_VM)
            vm_table_put(vms, &record->vm);
        else
            vm_table_remove(vms, record->vm.uuid);
    }
}

static int
commit(struct ledger *ledger, struct store_batch *batch /* takes */,
       struct err *err)
{
    int64_t from = clock_mono_us();
    int rc = store_commit(ledger->env->store, batch, err);

    ledger->commit_us += clock_mono_us() - from;
    return rc;
}

/* --- events ------------------------------------------------------------- */

static const char *
step_alias(const struct step *step)
{
    if (step->disk)
        return step->disk->alias;
    if (step->kind == STEP_ATTACH_CONTROLLER)
        return step->controller.alias;
    if (step->alias)
        return step->alias;
    for (size_t i = 0; i < step->nrecords; i++)
        if (step->records[i].device && step->records[i].device->disk)
            return step->records[i].device->disk->alias;
    return NULL;
}

static bool
is_nic(const struct step *step)
{
    return step->kind == STEP_ATTACH_NIC || step->kind == STEP_DETACH_NIC;
}

static bool
is_memory(const struct step *step)
{
    return step->kind == STEP_ATTACH_MEMORY || step->kind == STEP_DETACH_MEMORY;
}

static const char *
pending_event(const struct step *step)
{
    return is_nic(step)      ? "nic.unplug_pending"
           : is_memory(step) ? "memory.unplug_pending"
                             : "disk.unplug_pending";
}

static void
add_event(const struct ledger *ledger, struct store_batch *batch,
          const char *type, const char *device, json_t *data)
{
    const struct op *op = ledger->op;

    eventlog_add(ledger->env->eventlog, batch,
                 &(struct event){.type = type,
                                 .vm = op->vm[0] ? op->vm : NULL,
                                 .device = device,
                                 .op_id = op->op_id,
                                 .flow_id = op->flow_id,
                                 .origin = ledger->recovering
                                               ? "reconcile"
                                               : "operation",
                                 .data = data});
}

static void
add_step_event(const struct ledger *ledger, struct store_batch *batch,
               const struct step *step, const char *type)
{
    CLEANUP_JSON json_t *data = json_object();

    if (step->disk)
        json_put(data, "address", address_to_json(&step->disk->address));
    add_event(ledger, batch, type, step_alias(step), data);
}

/* A definition written once for several disks. */
static void
add_edit_events(const struct ledger *ledger, struct store_batch *batch,
                const struct step *step, const char *type)
{
    for (size_t i = 0; i < step->nedits; i++)
        if (step->edits[i].disk)
            add_event(ledger, batch, type, step->edits[i].disk->alias, NULL);
}

static size_t
edits_of_disks(const struct step *step)
{
    size_t n = 0;

    for (size_t i = 0; i < step->nedits; i++)
        n += step->edits[i].disk != NULL;
    return n;
}

static void
add_told(const struct ledger *ledger, struct store_batch *batch,
         const struct step *step, const char *event)
{
    if (step->kind == STEP_DEFINE && edits_of_disks(step) > 1)
        add_edit_events(ledger, batch, step, event);
    else
        add_step_event(ledger, batch, step, event);
}

/* A disk that is recorded anew is news of its own. */
static void
add_reserve_events(const struct ledger *ledger, struct store_batch *batch)
{
    const struct plan *plan = ledger->plan;

    for (size_t i = 0; i < plan->nreserve; i++)
        if (plan->release[i].kind == RECORD_DEVICE_GONE)
            add_event(ledger, batch, "disk.added",
                      plan->reserve[i].device->disk->alias, NULL);
}

/* --- the audit ---------------------------------------------------------- */

/* What became of each privilege that the plan gives or takes back, in the
 * batch that ends the operation. */
static void
add_grants(const struct ledger *ledger, struct store_batch *batch,
           const char *result)
{
    const struct op *op = ledger->op;
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    const json_t *grant;
    size_t i;

    if (!json_array_size(ledger->plan->grants))
        return;
    vm_table_get(ledger->env->vms, op->vm, &info);
    json_array_foreach(ledger->plan->grants, i, grant)
    {
        bool gives = !json_is_null(json_object_get(grant, "after")) &&
                     !strcmp(json_get_text(grant, "action", ""), "grant");
        const struct audit_entry entry = {
            .what = gives ? AUDIT_GRANT : AUDIT_RELEASE,
            .peer = op->peer,
            .verb = op->verb,
            .flow_id = op->flow_id,
            .op_id = op->op_id,
            .vm = op->vm,
            .vm_name = info.record.name[0] ? info.record.name : NULL,
            .disk = json_get_text(grant, "disk_id", NULL),
            .lun = json_get_text(grant, "lun", NULL),
            .subject = json_get_text(grant, "what", NULL),
            .before = json_object_get(grant, "before"),
            .after = json_object_get(grant, "after"),
            .result = result,
        };

        audit_append(ledger->env->audit, batch, &entry);
    }
}

/* --- begin and steps ---------------------------------------------------- */

static void
add_intent(const struct ledger *ledger, struct store_batch *batch, size_t i)
{
    CLEANUP_JSON json_t *detail = NULL;

    if (i >= ledger->plan->nsteps)
        return;
    detail = plan_step_to_json(&ledger->plan->steps[i]);
    journal_intent(batch, ledger->op, (int)i + 1,
                   plan_step_name(ledger->plan->steps[i].kind), detail);
}

int
ledger_begin(struct ledger *ledger, struct err *err)
{
    struct plan *plan = ledger->plan;
    enum step_kind first = plan->steps[0].kind;
    struct store_batch *batch = store_batch_new();

    journal_op(batch, ledger->op);
    record_rows(batch, ledger->op->vm, plan->reserve, plan->nreserve);
    add_reserve_events(ledger, batch);
    add_intent(ledger, batch, 0);
    crash_at(crash_of(ledger), first, CRASH_JOURNAL, CRASH_BEFORE);
    if (commit(ledger, batch, err) < 0)
        return -1;
    crash_at(crash_of(ledger), first, CRASH_JOURNAL, CRASH_AFTER);
    remember(ledger, plan->reserve, plan->nreserve);
    return 0;
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

static struct store_batch *
step_batch(const struct ledger *ledger, size_t i, enum step_end end)
{
    static const char *const outcomes[] = {[STEP_END_DONE] = "done",
                                           [STEP_END_PENDING] = "pending",
                                           [STEP_END_REFUSED] = "refused"};
    struct step *step = &ledger->plan->steps[i];
    struct store_batch *batch = store_batch_new();
    struct crash *crash = crash_of(ledger);
    const char *event =
        end == STEP_END_PENDING ? pending_event(step) : step->event;
    CLEANUP_JSON json_t *before = NULL; /* for an undo after a restart */

    if (step->kind == STEP_DEFINE && step->text_was &&
        i + 1 < ledger->plan->nsteps) {
        before = json_object();
        json_put_text(before, "before", step->text_was);
    }
    journal_outcome(batch, ledger->op, (int)i + 1, outcomes[end], before);
    if (end == STEP_END_REFUSED)
        return batch;
    record_rows(batch, ledger->op->vm, step->records, step->nrecords);
    if (end == STEP_END_DONE)
        add_intent(ledger, batch, i + 1);
    crash_at(crash, step->kind, CRASH_EVENT, CRASH_BEFORE);
    if (event)
        add_told(ledger, batch, step, event);
    crash_at(crash, step->kind, CRASH_EVENT, CRASH_AFTER);
    return batch;
}

int
ledger_step(struct ledger *ledger, size_t i, enum step_end end,
            struct err *err)
{
    struct plan *plan = ledger->plan;
    struct step *step = &plan->steps[i];
    struct crash *crash = crash_of(ledger);
    struct store_batch *batch;

    if (end == STEP_END_PENDING)
        mark_pending(step);
    batch = step_batch(ledger, i, end);
    crash_at(crash, step->kind, CRASH_COMMIT, CRASH_BEFORE);
    if (i + 1 < plan->nsteps)
        crash_at(crash, plan->steps[i + 1].kind, CRASH_JOURNAL, CRASH_BEFORE);
    if (commit(ledger, batch, err) < 0)
        return -1;
    crash_at(crash, step->kind, CRASH_COMMIT, CRASH_AFTER);
    if (i + 1 < plan->nsteps)
        crash_at(crash, plan->steps[i + 1].kind, CRASH_JOURNAL, CRASH_AFTER);
    if (end != STEP_END_REFUSED)
        remember(ledger, step->records, step->nrecords);
    step->told = end == STEP_END_DONE;
    return 0;
}

void
ledger_undone(struct ledger *ledger, size_t i)
{
    const struct step *step = &ledger->plan->steps[i];
    struct store_batch *batch = store_batch_new();
    const char *event = release_event(step->event);

    journal_outcome(batch, ledger->op, (int)i + 1, plan_undo_outcome(step),
                    NULL);
    if (step->undo == UNDO_PENDING && !step->waited)
        add_step_event(ledger, batch, step, pending_event(step));
    if (step->undo == UNDO_DONE && event && (step->told || step->waited))
        add_told(ledger, batch, step, event);
    store_commit_later(ledger->env->store, batch);
}

/* --- end ---------------------------------------------------------------- */

int
ledger_end(struct ledger *ledger, bool begun, enum op_state state,
           const json_t *receipt, struct err *err)
{
    struct plan *plan = ledger->plan;
    struct store_batch *batch = store_batch_new();

    if (!begun) {
        journal_op(batch, ledger->op);
        record_rows(batch, ledger->op->vm, plan->reserve, plan->nreserve);
        add_reserve_events(ledger, batch);
    }
    journal_receipt(batch, ledger->op, state, receipt);
    add_grants(ledger, batch, op_state_name(state));
    if (state == OP_DONE)
        add_event(ledger, batch, "op.done",
                  json_get_text(receipt, "device", NULL), (json_t *)receipt);
    if (commit(ledger, batch, err) < 0)
        return -1;
    if (!begun)
        remember(ledger, plan->reserve, plan->nreserve);
    return 0;
}

/* An addition that was announced when it was reserved. */
static void
add_release_events(const struct ledger *ledger, struct store_batch *batch)
{
    const struct plan *plan = ledger->plan;

    for (size_t i = 0; i < plan->nreserve; i++)
        if (plan->release[i].kind == RECORD_DEVICE_GONE &&
            release_is_due(plan, &plan->release[i]))
            add_event(ledger, batch, "disk.removed",
                      plan->reserve[i].device->disk->alias, NULL);
}

/* Rows as they were before the operation. In memory too before its end can be
 * read: who asks for the end of an operation believes its lists then. */
static int
release(struct ledger *ledger, struct err *err)
{
    size_t n;
    CLEANUP_FREE struct record *rows = release_rows(ledger->plan, &n);
    struct store_batch *batch;

    if (!n)
        return 0;
    batch = store_batch_new();
    record_rows(batch, ledger->op->vm, rows, n);
    add_release_events(ledger, batch);
    if (commit(ledger, batch, err) < 0)
        return -1;
    remember(ledger, rows, n);
    return 0;
}

/* From here on the operation waits for these alone. */
static void
add_waits(const struct ledger *ledger, struct store_batch *batch)
{
    for (size_t i = 0; i < ledger->plan->nsteps; i++) {
        struct step *step = &ledger->plan->steps[i];

        if (step->undo != UNDO_PENDING)
            continue;
        step->waited = true;
        journal_outcome(batch, ledger->op, (int)i + 1,
                        plan_undo_outcome(step), NULL);
    }
}

int
ledger_fail(struct ledger *ledger, size_t i, enum op_state state,
            json_t *receipt, struct err *err)
{
    struct plan *plan = ledger->plan;
    struct store_batch *batch;

    if (release(ledger, err) < 0)
        return -1;
    batch = store_batch_new();
    if (i < plan->nsteps && plan->steps[i].undo == UNDO_NONE)
        journal_outcome(batch, ledger->op, (int)i + 1, "failed", NULL);
    add_waits(ledger, batch);
    journal_receipt(batch, ledger->op, state, receipt);
    add_grants(ledger, batch,
               op_state_open(state) ? "rollback_pending"
                                    : op_state_name(state));
    if (!op_state_open(state))
        add_event(ledger, batch, "op.failed", NULL, receipt);
    return commit(ledger, batch, err);
}

void
ledger_unknown(struct ledger *ledger, const char *why)
{
    CLEANUP_JSON json_t *receipt = json_object();
    struct store_batch *batch = store_batch_new();

    json_put_text(receipt, "op_id", ledger->op->op_id);
    json_put_text(receipt, "state", op_state_name(OP_UNKNOWN));
    json_put_text(receipt, "message", why);
    journal_receipt(batch, ledger->op, OP_UNKNOWN, receipt);
    add_grants(ledger, batch, op_state_name(OP_UNKNOWN));
    store_commit_later(ledger->env->store, batch);
}
