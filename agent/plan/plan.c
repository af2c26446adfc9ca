// SPDX-License-Identifier: Apache-2.0
/*
 * Plans as values: building, printing, releasing; and what planners ask of
 * the known state. Pure.
 */
#include "agent/plan/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/grant.h"

static const char *const step_names[STEP_KINDS] = {
    [STEP_CREATE_IMAGE] = "create_image",
    [STEP_RESIZE_IMAGE] = "resize_image",
    [STEP_DELETE_IMAGE] = "delete_image",
    [STEP_ADD_IOTHREAD] = "add_iothread",
    [STEP_ATTACH_CONTROLLER] = "attach_controller",
    [STEP_ATTACH_DISK] = "attach_disk",
    [STEP_DETACH_DISK] = "detach_disk",
    [STEP_UPDATE_DISK] = "update_disk",
    [STEP_TUNE_DISK] = "tune_disk",
    [STEP_RESIZE_DISK] = "resize_disk",
    [STEP_DEFINE] = "define",
    [STEP_DEFINE_NEW] = "define_new",
    [STEP_UNDEFINE] = "undefine",
    [STEP_MEMORY] = "set_memory",
    [STEP_VCPUS] = "set_vcpus",
    [STEP_AUTOSTART] = "set_autostart",
    [STEP_START] = "start",
    [STEP_SHUTDOWN] = "shutdown",
    [STEP_DESTROY] = "destroy",
    [STEP_REBOOT] = "reboot",
    [STEP_SUSPEND] = "suspend",
    [STEP_RESUME] = "resume",
    [STEP_START_TRANSIENT] = "start_transient",
    [STEP_ATTACH_NIC] = "attach_nic",
    [STEP_DETACH_NIC] = "detach_nic",
    [STEP_UPDATE_NIC] = "update_nic",
    [STEP_ATTACH_MEMORY] = "attach_memory",
    [STEP_DETACH_MEMORY] = "detach_memory",
    [STEP_SET_METADATA] = "set_metadata",
    [STEP_LIVE_VCPUS] = "set_live_vcpus",
    [STEP_SET_TICKET] = "set_ticket",
    [STEP_MIRROR] = "mirror",
    [STEP_FREEZE] = "freeze",
    [STEP_THAW] = "thaw",
};

static const char *const edit_names[] = {
    [EDIT_ADD_DISK] = "add_disk",
    [EDIT_REMOVE_DISK] = "remove_disk",
    [EDIT_REPLACE_DISK] = "replace_disk",
    [EDIT_ADD_CONTROLLER] = "add_controller",
    [EDIT_SET_METADATA] = "set_metadata",
    [EDIT_ADD_DEVICE] = "add_device",
    [EDIT_REMOVE_DEVICE] = "remove_device",
    [EDIT_REPLACE_CONTROLLER] = "replace_controller",
    [EDIT_REMOVE_CONTROLLER] = "remove_controller",
};

static const char *const undo_names[UNDO_STATES] = {
    [UNDO_NONE] = "",
    [UNDO_DONE] = "undone",
    [UNDO_KEPT] = "undo_kept",
    [UNDO_PENDING] = "undo_pending",
    [UNDO_REFUSED] = "undo_refused",
    [UNDO_FAILED] = "undo_failed",
};
/* By waited and doubtful. */
static const char *const pending_names[2][2] = {
    {"undo_pending", "undo_pending_doubtful"},
    {"undo_waits", "undo_waits_doubtful"},
};

const char *
plan_step_name(enum step_kind kind)
{
    return step_names[kind];
}

const char *
plan_undo_outcome(const struct step *step)
{
    return step->undo == UNDO_PENDING
               ? pending_names[step->waited][step->doubtful]
               : undo_names[step->undo];
}

void
plan_undo_read(struct step *step, const char *outcome)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(pending_names[i / 2][i % 2], outcome) != 0)
            continue;
        step->undo = UNDO_PENDING;
        step->waited = i / 2;
        step->doubtful = i % 2;
    }
    for (int i = UNDO_NONE + 1; i < UNDO_STATES; i++)
        if (!strcmp(undo_names[i], outcome))
            step->undo = (enum step_undo)i;
}

void
plan_init(struct plan *plan)
{
    memset(plan, 0, sizeof(*plan));
    plan->warnings = json_array();
    plan->grants = json_array();
    plan->result = json_object();
}

static void
records_clear(struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        device_free(records[i].device);
    free(records);
}

void
plan_step_clear(struct step *step)
{
    disk_free(step->disk);
    disk_free(step->before);
    for (size_t i = 0; i < step->nedits; i++)
        edit_clear(&step->edits[i]);
    free(step->edits);
    free(step->text);
    free(step->text_was);
    free(step->secret);
    free(step->alias);
    free(step->format);
    records_clear(step->records, step->nrecords);
}

void
plan_clear(struct plan *plan)
{
    for (size_t i = 0; i < plan->nsteps; i++)
        plan_step_clear(&plan->steps[i]);
    free(plan->steps);
    records_clear(plan->reserve, plan->nreserve);
    records_clear(plan->release, plan->nrelease);
    json_decref(plan->warnings);
    json_decref(plan->grants);
    json_decref(plan->result);
    memset(plan, 0, sizeof(*plan));
}

struct step *
plan_add(struct plan *plan, enum step_kind kind)
{
    plan->steps = mem_more(plan->steps, plan->nsteps, sizeof(*plan->steps));
    plan->steps[plan->nsteps].kind = kind;
    return &plan->steps[plan->nsteps++];
}

static struct record *
record_add(struct record **records, size_t *n, enum record_kind kind)
{
    *records = mem_more(*records, *n, sizeof(**records));
    (*records)[*n].kind = kind;
    return &(*records)[(*n)++];
}

void
plan_step_device(struct step *step, const struct disk *disk)
{
    record_add(&step->records, &step->nrecords, RECORD_DEVICE)->device =
        device_for_disk(disk);
}

void
plan_step_controller(struct step *step, const struct controller *controller)
{
    record_add(&step->records, &step->nrecords, RECORD_DEVICE)->device =
        device_for_controller(controller);
}

void
plan_step_device_gone(struct step *step, const struct disk *disk)
{
    record_add(&step->records, &step->nrecords, RECORD_DEVICE_GONE)->device =
        device_for_disk(disk);
}

void
plan_step_controller_gone(struct step *step,
                          const struct controller *controller)
{
    record_add(&step->records, &step->nrecords, RECORD_DEVICE_GONE)->device =
        device_for_controller(controller);
}

void
plan_step_vm(struct step *step, enum record_kind kind,
             const struct vm_record *vm)
{
    record_add(&step->records, &step->nrecords, kind)->vm = *vm;
}

void
plan_reserve_disk(struct plan *plan, const struct disk *disk,
                  const struct disk *before)
{
    enum record_kind undo = before ? RECORD_DEVICE : RECORD_DEVICE_GONE;

    record_add(&plan->reserve, &plan->nreserve, RECORD_DEVICE)->device =
        device_for_disk(disk);
    record_add(&plan->release, &plan->nrelease, undo)->device =
        device_for_disk(before ? before : disk);
}

const char *
plan_attached(const struct step *step)
{
    if (step->kind == STEP_ATTACH_CONTROLLER)
        return step->controller.alias;
    if (step->kind == STEP_ATTACH_NIC || step->kind == STEP_ATTACH_MEMORY)
        return step->alias;
    return step->kind == STEP_ATTACH_DISK ? step->disk->alias : NULL;
}

static bool
needs(const struct step *user, const struct step *step)
{
    const struct disk *disk = user->disk;

    if (user->kind == STEP_ATTACH_CONTROLLER)
        return step->kind == STEP_ADD_IOTHREAD &&
               step->number == user->controller.iothread;
    if (user->kind != STEP_ATTACH_DISK)
        return false;
    if (step->kind == STEP_CREATE_IMAGE)
        return disk->path && !strcmp(disk->path, step->text);
    return step->kind == STEP_ATTACH_CONTROLLER &&
           disk->address.type == ADDRESS_DRIVE &&
           disk->address.drive.controller == step->controller.index;
}

bool
plan_is_needed(const struct plan *plan, size_t i)
{
    for (size_t k = i + 1; k < plan->nsteps; k++) {
        const struct step *user = &plan->steps[k];

        if (user->undo >= UNDO_PENDING && needs(user, &plan->steps[i]))
            return true;
    }
    return false;
}

bool
plan_has_undo(const struct plan *plan, size_t n, enum step_undo undo)
{
    for (size_t i = 0; i < n && i < plan->nsteps; i++)
        if (plan->steps[i].undo == undo)
            return true;
    return false;
}

static struct edit *
edit_add(struct step *step, enum edit_kind kind)
{
    step->edits = mem_more(step->edits, step->nedits, sizeof(*step->edits));
    step->edits[step->nedits].kind = kind;
    return &step->edits[step->nedits++];
}

void
plan_edit_disk(struct step *step, enum edit_kind kind, const struct disk *disk)
{
    edit_add(step, kind)->disk = disk_copy(disk);
}

void
plan_edit_controller(struct step *step, enum edit_kind kind,
                     const struct controller *controller)
{
    struct edit *edit = edit_add(step, kind);

    edit->controller = mem_zalloc(1, sizeof(*edit->controller));
    *edit->controller = *controller;
}

void
plan_edit_device(struct step *step, enum edit_kind kind, const char *xml)
{
    edit_add(step, kind)->text = mem_dup(xml);
}

void
plan_warn(struct plan *plan, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_array_append_new(plan->warnings, json_string(text));
}

/* What a disk asked for and what was written for it; null without one. */
static json_t *
grant_state(const struct disk *disk)
{
    CLEANUP_JSON json_t *whole = NULL;
    static const char *const members[] = {"sgio", "rawio", "reservations",
                                          "emitted"};
    json_t *obj;

    if (!disk)
        return json_null();
    whole = disk_to_json(disk, NULL);
    obj = json_object();
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (json_object_get(whole, members[i]))
            json_put(obj, members[i],
                     json_incref(json_object_get(whole, members[i])));
    json_put(obj, "source", json_incref(json_object_get(whole, "source")));
    return obj;
}

void
plan_grant(struct plan *plan, const char *action, const struct disk *before,
           const struct disk *after)
{
    const struct disk *disk = after ? after : before;
    json_t *entry = json_object();
    char words[GRANT_WORDS];

    /* What it is about: of a release, what there was. */
    grant_is_privileged(strcmp(action, "grant") && before ? before : disk,
                        words);
    json_put_text(entry, "action", action);
    json_put_text(entry, "what", words);
    json_put_text(entry, "disk_id", disk->id);
    json_put_text(entry, "lun", disk->lun.id);
    json_put(entry, "before", grant_state(before));
    json_put(entry, "after", grant_state(after));
    json_array_append_new(plan->grants, entry);
}

void
plan_grant_vm(struct plan *plan, const char *before, const char *after)
{
    json_t *entry = json_object();

    json_put_text(entry, "action", "grant");
    json_put_text(entry, "what", after);
    json_put_text(entry, "disk_id", NULL);
    json_put_text(entry, "before", *before ? before : NULL);
    json_put_text(entry, "after", after);
    json_array_append_new(plan->grants, entry);
}

void
plan_grant_domain(struct plan *plan, const char *what)
{
    json_t *entry = json_object(), *after = json_object();

    json_put_text(after, "domain", what);
    json_put_text(entry, "action", "grant");
    json_put_text(entry, "what", what);
    json_put_text(entry, "disk_id", NULL);
    json_put_text(entry, "lun", NULL);
    json_put(entry, "before", json_null());
    json_put(entry, "after", after);
    json_array_append_new(plan->grants, entry);
}

/* --- printing ----------------------------------------------------------- */

static json_t *
edits_to_json(const struct step *step)
{
    json_t *list = json_array();

    for (size_t i = 0; i < step->nedits; i++) {
        const struct edit *edit = &step->edits[i];
        json_t *obj = json_object();

        json_put_text(obj, "edit", edit_names[edit->kind]);
        if (edit->disk)
            json_put_text(obj, "disk", edit->disk->id);
        if (edit->disk && edit->kind != EDIT_REMOVE_DISK) {
            CLEANUP_TEXT char *xml = disk_xml(edit->disk);

            json_put_text(obj, "xml", xml);
        }
        if (edit->controller)
            json_put(obj, "controller", controller_to_json(edit->controller));
        if (edit->text)
            json_put_text(obj,
                          edit->kind == EDIT_SET_METADATA ? "text" : "xml",
                          edit->text);
        json_array_append_new(list, obj);
    }
    return list;
}

static void
put_disk(json_t *obj, const struct step *step)
{
    CLEANUP_TEXT char *xml = disk_xml(step->disk);

    json_put_text(obj, "disk", step->disk->id);
    json_put_text(obj, "alias", step->disk->alias);
    json_put(obj, "address", address_to_json(&step->disk->address));
    if (step->kind == STEP_ATTACH_DISK || step->kind == STEP_UPDATE_DISK)
        json_put_text(obj, "xml", xml);
}

json_t *
plan_step_to_json(const struct step *step)
{
    json_t *obj = json_object();

    json_put_text(obj, "step", step_names[step->kind]);
    if (step->disk)
        put_disk(obj, step);
    if (step->kind == STEP_ATTACH_CONTROLLER) {
        CLEANUP_TEXT char *xml = controller_xml(&step->controller);

        json_put_text(obj, "alias", step->controller.alias);
        json_put(obj, "address", address_to_json(&step->controller.address));
        json_put_text(obj, "xml", xml);
    }
    if (step->nedits)
        json_put(obj, "edits", edits_to_json(step));
    if (step->alias)
        json_put_text(obj, "alias", step->alias);
    if (step->text)
        json_put_text(obj,
                      step->kind == STEP_MIRROR ? "text"
                      : step->text[0] == '<'    ? "xml"
                                                : "path",
                      step->text);
    if (step->number)
        json_put_int(obj, "value", (json_int_t)step->number);
    if (step->flag)
        json_put_bool(obj, "flag", true);
    return obj;
}

/* PCI places that the plan takes in the running VM or, where it is shut off,
 * in its definition. */
static json_int_t
ports_used(const struct plan *plan)
{
    json_int_t live = 0, config = 0;

    for (size_t i = 0; i < plan->nsteps; i++) {
        const struct step *step = &plan->steps[i];

        live += step->kind == STEP_ATTACH_CONTROLLER ||
                step->kind == STEP_ATTACH_NIC ||
                (step->kind == STEP_ATTACH_DISK &&
                 step->disk->address.type == ADDRESS_PCI);
        for (size_t k = 0; k < step->nedits; k++)
            config += step->edits[k].kind == EDIT_ADD_CONTROLLER ||
                      (step->edits[k].kind == EDIT_ADD_DISK &&
                       step->edits[k].disk->address.type == ADDRESS_PCI);
    }
    return live > config ? live : config;
}

json_t *
plan_to_json(const struct plan *plan)
{
    json_t *obj = json_deep_copy(plan->result);
    json_t *steps = json_array();

    for (size_t i = 0; i < plan->nsteps; i++)
        json_array_append_new(steps, plan_step_to_json(&plan->steps[i]));
    json_put(obj, "steps", steps);
    json_put(obj, "warnings", json_incref(plan->warnings));
    if (json_array_size(plan->grants))
        json_put(obj, "grants", json_incref(plan->grants));
    json_put_int(obj, "ports_used", ports_used(plan));
    json_put_bool(obj, "changed", plan->nsteps > 0 || plan->nreserve > 0);
    return obj;
}

/* --- what is known ------------------------------------------------------ */

const struct disk *
known_disk(const struct known *known, const char *id)
{
    for (size_t i = 0; i < known->ndevices; i++)
        if (known->devices[i]->disk &&
            !strcmp(known->devices[i]->disk->id, id))
            return known->devices[i]->disk;
    return NULL;
}

struct address_pool *
known_addresses(const struct known *known, const char *except_id)
{
    struct address_pool *pool = address_pool_new();

    if (known->vm && known->vm->live)
        domain_take_addresses(known->vm->live, pool);
    if (known->vm && known->vm->config)
        domain_take_addresses(known->vm->config, pool);
    for (size_t i = 0; i < known->ndevices; i++) {
        const struct device *device = known->devices[i];
        bool is_disk = device->kind == DEVICE_DISK;

        if (except_id && !strcmp(device->id, except_id))
            continue;
        address_pool_take(pool, is_disk ? disk_bus(device->disk) : "",
                          is_disk ? &device->disk->address
                                  : &device->controller.address,
                          is_disk ? device->disk->alias
                                  : device->controller.alias);
    }
    return pool;
}
