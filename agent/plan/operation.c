// SPDX-License-Identifier: Apache-2.0
/*
 * From request to receipt. Phases: known (views fresh, domain adopted) →
 * gathered → planned → dry run or applied → recorded. Beside it: the replay
 * of a stored receipt, the end of what was cancelled in the queue, and the
 * late end of an unplug that was pending.
 */
#include "agent/plan/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/plan/adopt.h"
#include "agent/plan/apply.h"
#include "agent/plan/hook_op.h"
#include "agent/plan/mirror.h"
#include "agent/plan/permit.h"
#include "agent/plan/plan_json.h"
#include "agent/plan/recover.h"
#include "agent/plan/release.h"
#include "agent/plan/vm_facts.h"
#include "agent/state/receipts.h"

#define RECOVER_RETRY_MS 1000

/* --- replay ------------------------------------------------------------- */

int
operation_replay(struct env *env, const struct request *request, json_t **out,
                 struct err *err)
{
    char hash[RECEIPTS_HASH];
    const char *state;
    CLEANUP_JSON json_t *stored = NULL;
    const json_t *receipt;

    if (!request->op_id_given || request->dry_run)
        return 0;
    if (receipts_find(env->store, request->peer, request->op_id, &stored, hash,
                      err) < 0)
        return -1;
    if (!stored)
        return 0;
    if (strcmp(hash, request->body_hash) != 0 ||
        strcmp(json_get_text(stored, "verb", ""), request->verb) != 0)
        return err_set(err, ERR_OP_ID_CONFLICT,
                       "op_id %s was used for a %s with other parameters; "
                       "use a new op_id for a new operation",
                       request->op_id, json_get_text(stored, "verb", "verb"));
    state = json_get_text(stored, "state", "");
    receipt = json_object_get(stored, "receipt");
    if (json_get_text(receipt, "kind", NULL)) { /* failed, undone or not yet */
        enum err_kind kind =
            err_kind_parse(json_get_text(receipt, "kind", "INTERNAL"));

        return err_set(err, kind ? kind : ERR_INTERNAL, "%s",
                       json_get_text(receipt, "message",
                                     "The operation failed"));
    }
    *out = json_incref(json_object_get(stored, "receipt"));
    if (json_is_object(*out))
        return 1;
    return err_set(err, ERR_BUSY,
                   "Operation %s is %s and has no receipt yet; ask "
                   "GetOperation",
                   request->op_id, state);
}

/* --- cancelled before its turn ------------------------------------------ */

static struct op
op_of(const struct request *request, const char *vm)
{
    struct op op = {.peer = request->peer,
                    .verb = request->verb,
                    .flow_id = request->flow_id[0] ? request->flow_id : NULL,
                    .body_hash = request->body_hash,
                    .started_ms = clock_wall_ms()};

    memcpy(op.op_id, request->op_id, sizeof(op.op_id));
    snprintf(op.vm, sizeof(op.vm), "%s", vm);
    if (request->deadline_ms)
        op.deadline_ms =
            clock_wall_ms() + request->deadline_ms - clock_mono_ms();
    return op;
}

void
operation_cancelled(struct env *env, const struct request *request,
                    const char *vm, struct err *reason)
{
    const struct op op = op_of(request, vm);
    CLEANUP_PLAN struct plan none;
    struct ledger ledger = {.env = env, .op = &op, .plan = &none};
    CLEANUP_JSON json_t *receipt = json_object();
    struct err why = ERR_INIT;

    plan_init(&none);
    err_set(reason, ERR_CANCELLED,
            "Operation %s was cancelled before its turn came; nothing was "
            "done",
            request->op_id);
    json_put_text(receipt, "op_id", request->op_id);
    json_put_text(receipt, "kind", err_kind_name(reason->kind));
    json_put_text(receipt, "message", reason->message);
    json_put_text(receipt, "step", NULL);
    json_put_bool(receipt, "rolled_back", true);
    if (ledger_end(&ledger, false, OP_CANCELLED, receipt, &why) < 0)
        log_warning("That %s was cancelled is not recorded: %s",
                    request->op_id, why.message);
}

/* --- known -------------------------------------------------------------- */

struct knowledge {
    struct vm_info info;
    struct device **devices;
    size_t ndevices;
    struct known known;
};

static void
knowledge_clear(struct knowledge *k)
{
    vm_info_clear(&k->info);
    device_free_all(k->devices, k->ndevices);
}

/* Earlier operations come first: what they left decides what is known. */
static int
recover_first(struct env *env, const char *vm, struct vm_info *info,
              struct err *err)
{
    struct err why = ERR_INIT;

    if (recover_vm(env, vm, &why) >= 0) {
        vm_info_clear(info);
        vm_table_get(env->vms, vm, info);
        return 0;
    }
    if (why.kind == ERR_UNREACHABLE) {
        *err = why;
        return -1;
    }
    err_set(err, ERR_RECOVERING,
            "The VM is not settled yet after a restart, a lost connection or "
            "an earlier operation: %s",
            why.message);
    err->retry_after_ms =
        why.retry_after_ms ? why.retry_after_ms : RECOVER_RETRY_MS;
    return -1;
}

/* What is known of the VM now; a VM that is to be made has nothing. */
static int
know(struct env *env, const struct request *request, const char *vm,
     struct knowledge *k, struct err *err)
{
    memset(k, 0, sizeof(*k));
    k->known.request = request;
    k->known.now_ms = clock_wall_ms();
    k->known.defaults = vm_facts_defaults(env);
    if (!vm_table_get(env->vms, vm, &k->info))
        return 0;
    if (k->info.unsettled && recover_first(env, vm, &k->info, err) < 0)
        return -1;
    if (k->info.present) {
        vm_info_clear(&k->info);
        if (adopt_refresh(env, vm, false, err) < 0 ||
            adopt_vm(env, vm, err) < 0)
            return -1;
        if (!vm_table_get(env->vms, vm, &k->info))
            return err_set(err, ERR_NOT_FOUND, "VM %s is gone", vm);
    }
    k->known.vm = &k->info;
    k->devices = vm_table_devices(env->vms, vm, &k->ndevices);
    k->known.devices = k->devices;
    k->known.ndevices = k->ndevices;
    return 0;
}

/* --- doing it ----------------------------------------------------------- */

static enum step_kind
last_kind(const struct plan *plan)
{
    return plan->steps[plan->nsteps - 1].kind;
}

static json_t *
carry_out(struct env *env, const struct request *request, const struct op *op,
          struct knowledge *k, struct plan *plan, const struct apply_at *start,
          struct err *err)
{
    struct applied applied = {.state = OP_DONE};
    struct ledger ledger = {.env = env, .op = op, .plan = plan};
    int64_t started = clock_mono_us();
    bool begun = plan->nsteps > 0;
    struct crash *crash = crash_counts(env->crash, false);
    CLEANUP_JSON json_t *receipt = NULL;

    if (hook_op_before(env, op, &k->info, plan, request->deadline_ms, err) < 0)
        return NULL;
    if (begun && apply_run(env, request, op, &k->info, plan, start, &applied,
                           err) < 0) {
        json_decref(applied.notes);
        return NULL;
    }
    if (applied.state == OP_PENDING &&
        json_object_get(applied.notes, "still_open"))
        plan_warn(plan, "The device is gone, but QEMU still has its source "
                        "open; the operation completes by itself when it has "
                        "not. Do not use the source elsewhere before");
    else if (applied.state == OP_PENDING)
        plan_warn(plan, "The guest has not let the device go yet; the "
                        "operation completes by itself when it does. A guest "
                        "that was not up when it was asked needs a reset");
    receipt = apply_receipt(request->op_id, plan, &applied, started);
    json_decref(applied.notes);
    /* The receipt is durable before anybody hears of it. */
    if (begun)
        crash_at(crash, last_kind(plan), CRASH_REPLY, CRASH_BEFORE);
    if (ledger_end(&ledger, begun, applied.state, receipt, err) < 0)
        return NULL;
    if (begun)
        crash_at(crash, last_kind(plan), CRASH_REPLY, CRASH_AFTER);
    if (applied.state == OP_DONE)
        hook_op_after(env, op, &k->info, plan);
    else if (applied.state == OP_REFUSED)
        hook_op_failed(env, op, &k->info, plan);
    return STEAL(receipt);
}

static json_t *
plan_and_do(struct env *env, const struct request *request, const char *vm,
            const struct planner *planner, void *wish,
            operation_begun_fn *begun, struct err *err)
{
    struct op op = op_of(request, vm);
    const struct apply_at start = {.on_begun = begun, .ctx = wish};
    CLEANUP(knowledge_clear) struct knowledge k = {.ndevices = 0};
    CLEANUP_PLAN struct plan plan;
    CLEANUP_JSON json_t *kept = NULL;
    json_t *result;

    plan_init(&plan);
    /* What is certain not to be reached is not begun. */
    if (hyper_ready(env->hyper, err) < 0 || know(env, request, vm, &k, err) < 0 ||
        (planner->gather && planner->gather(env, &k.known, wish, err) < 0) ||
        planner->plan(&k.known, wish, &plan, err) < 0)
        return NULL;
    mirror_plan(&k.known, &plan);
    release_fill(&plan, &k.known);
    if (request->dry_run) {
        result = plan_to_json(&plan);
        json_put(result, "privileges", permit_needs(env, request, vm, &plan));
        return result;
    }
    if (permit_plan(env, request, vm, &plan, err) < 0)
        return NULL;
    op.plan = kept = plan_json_encode(&plan);
    ops_begin(env->ops, &op);
    result = carry_out(env, request, &op, &k, &plan, &start, err);
    ops_end(env->ops, op.peer, op.op_id);
    return result;
}

int
operation_writable(struct env *env, const struct request *request,
                   struct err *err)
{
    char why[256];

    if (request->dry_run || store_healthy(env->store, why, sizeof(why)))
        return 0;
    return err_set(err, ERR_READ_ONLY,
                   "Nothing is changed while the record cannot be written: %s",
                   why);
}

json_t *
operation_run(struct env *env, const struct request *request, const char *vm,
              const struct planner *planner, void *wish, struct err *err)
{
    return operation_run_on(env, request, vm, planner, wish, NULL, err);
}

json_t *
operation_run_on(struct env *env, const struct request *request,
                 const char *vm, const struct planner *planner, void *wish,
                 operation_begun_fn *begun, struct err *err)
{
    json_t *result;

    if (operation_writable(env, request, err) < 0)
        return NULL;
    if (request->deadline_ms && clock_mono_ms() > request->deadline_ms) {
        err_set(err, ERR_TIMEOUT, "The deadline passed while the operation "
                                  "waited for its turn; nothing was done");
        return NULL;
    }
    result = plan_and_do(env, request, vm, planner, wish, begun, err);
    ops_unclaim(env->ops, vm);
    return result;
}

/* --- the late end of an unplug ------------------------------------------ */

/* The row of the disk, when its unplug is pending. */
static const struct disk *
pending_row(const struct knowledge *k, const char *alias)
{
    for (size_t i = 0; i < k->ndevices; i++) {
        const struct disk *disk = k->devices[i]->disk;

        if (disk && disk->state == DISK_UNPLUG_PENDING && disk->alias &&
            !strcmp(disk->alias, alias))
            return disk;
    }
    return NULL;
}

/* A guest that refused: every operation that waited for this device ends,
 * and the device stays where it is. Returns how many did. */
static size_t
end_refused(struct env *env, const char *vm, const char *alias,
            struct store_batch *batch)
{
    CLEANUP_JSON json_t *list = NULL;
    struct err err = ERR_INIT;
    json_t *item;
    size_t i, n = 0;

    if (receipts_list(env->store, vm, "pending", 1000, &list, &err) < 0) {
        log_error("Pending operations of VM %s cannot be read: %s", vm,
                  err.message);
        return 0;
    }
    json_array_foreach(list, i, item)
    {
        json_t *receipt = json_object_get(item, "receipt");
        struct op op = {.peer = json_get_text(item, "peer", ""),
                        .verb = json_get_text(item, "verb", "")};

        if (strcmp(json_get_text(receipt, "device", ""), alias) != 0)
            continue;
        snprintf(op.op_id, sizeof(op.op_id), "%s",
                 json_get_text(item, "op_id", ""));
        json_put_text(receipt, "state", op_state_name(OP_REFUSED));
        json_put_bool(receipt, "changed", false);
        journal_receipt(batch, &op, OP_REFUSED, receipt);
        n++;
    }
    return n;
}

/* The device as plugged again in its row, if it has one; owned. */
static struct device *
kept_device(const struct knowledge *k, const char *alias)
{
    const struct disk *row = pending_row(k, alias);
    struct device *device = row ? device_for_disk(row) : NULL;

    if (device) {
        device->disk->state = DISK_PLUGGED;
        device->disk->wanted = true;
    }
    return device;
}

static const char *
failed_event(const struct knowledge *k, const char *alias, bool disk)
{
    const struct domain *live = k->info.live;

    if (disk)
        return "disk.failed";
    return live && domain_device(live, "interface", alias) ? "nic.failed"
                                                           : "memory.failed";
}

void
operation_unplug_refused(struct env *env, const char *vm, const char *alias)
{
    CLEANUP(knowledge_clear) struct knowledge k;
    CLEANUP_DEVICE struct device *device = NULL;
    struct store_batch *batch;
    struct err err = ERR_INIT;
    size_t ended;

    if (know(env, NULL, vm, &k, &err) < 0) {
        log_warning("VM %s: the end of an unplug waits: %s", vm, err.message);
        return;
    }
    device = kept_device(&k, alias);
    batch = store_batch_new();
    ended = end_refused(env, vm, alias, batch);
    if (!device && !ended) {
        store_batch_free(batch);
        return;
    }
    if (device)
        device_row(batch, vm, device);
    eventlog_add(env->eventlog, batch,
                 &(struct event){.type = failed_event(&k, alias, device),
                                 .vm = vm,
                                 .device = alias,
                                 .origin = "hypervisor"});
    if (store_commit(env->store, batch, &err) < 0)
        log_error("VM %s: that the guest keeps %s could not be recorded: %s",
                  vm, alias, err.message);
    else if (device)
        vm_table_device_put(env->vms, vm, device);
    if (device && device->disk)
        hook_op_kept(env, vm, device->disk);
}
