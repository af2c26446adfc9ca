// SPDX-License-Identifier: Apache-2.0
/*
 * Written and read by the same release or a later one, from our own
 * database: what cannot be read is refused as a whole, never guessed.
 */
#include "agent/plan/plan_json.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

/* --- out ---------------------------------------------------------------- */

static json_t *
disk_or_null(const struct disk *disk)
{
    return disk ? disk_to_json(disk, NULL) : json_null();
}

static json_t *
encode_vm(const struct vm_record *vm)
{
    json_t *obj = json_object();

    json_put_text(obj, "uuid", vm->uuid);
    json_put_text(obj, "name", vm->name);
    json_put_bool(obj, "adopted", vm->adopted);
    json_put_bool(obj, "virtio_scsi", vm->virtio_scsi);
    json_put_text(obj, "guest_os", vm->guest_os);
    json_put_text(obj, "granted", vm->granted);
    return obj;
}

static json_t *
encode_records(const struct record *records, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        const struct record *record = &records[i];
        json_t *obj = json_object();

        json_put_int(obj, "kind", record->kind);
        if (record->device && record->device->disk)
            json_put(obj, "disk", disk_to_json(record->device->disk, NULL));
        else if (record->device)
            json_put(obj, "controller",
                     controller_to_json(&record->device->controller));
        else
            json_put(obj, "vm", encode_vm(&record->vm));
        json_array_append_new(list, obj);
    }
    return list;
}

static json_t *
encode_edits(const struct step *step)
{
    json_t *list = json_array();

    for (size_t i = 0; i < step->nedits; i++) {
        const struct edit *edit = &step->edits[i];
        json_t *obj = json_object();

        json_put_int(obj, "kind", edit->kind);
        json_put(obj, "disk", disk_or_null(edit->disk));
        json_put(obj, "controller", edit->controller
                                        ? controller_to_json(edit->controller)
                                        : json_null());
        json_put_text(obj, "text", edit->text);
        json_array_append_new(list, obj);
    }
    return list;
}

static json_t *
encode_step(const struct step *step)
{
    json_t *obj = json_object();

    json_put_text(obj, "kind", plan_step_name(step->kind));
    json_put(obj, "disk", disk_or_null(step->disk));
    json_put(obj, "before", disk_or_null(step->before));
    if (step->kind == STEP_ATTACH_CONTROLLER)
        json_put(obj, "controller", controller_to_json(&step->controller));
    json_put(obj, "edits", encode_edits(step));
    json_put_text(obj, "text", step->text);
    json_put_text(obj, "text_was", step->text_was);
    json_put_text(obj, "alias", step->alias);
    json_put_text(obj, "format", step->format);
    json_put_int(obj, "number", (json_int_t)step->number);
    json_put_int(obj, "was", (json_int_t)step->was);
    json_put_bool(obj, "flag", step->flag);
    json_put_bool(obj, "lenient", step->lenient);
    json_put_text(obj, "event", step->event);
    json_put(obj, "records", encode_records(step->records, step->nrecords));
    return obj;
}

json_t *
plan_json_encode(const struct plan *plan)
{
    json_t *obj = json_object(), *steps = json_array();

    for (size_t i = 0; i < plan->nsteps; i++)
        json_array_append_new(steps, encode_step(&plan->steps[i]));
    json_put(obj, "steps", steps);
    json_put(obj, "reserve", encode_records(plan->reserve, plan->nreserve));
    json_put(obj, "release", encode_records(plan->release, plan->nrelease));
    json_put(obj, "warnings", json_incref(plan->warnings));
    json_put(obj, "grants", json_incref(plan->grants));
    json_put(obj, "result", json_incref(plan->result));
    return obj;
}

/* --- in ----------------------------------------------------------------- */

static int
bad(struct err *err, const char *what)
{
    return err_set(err, ERR_INTERNAL,
                   "The journal holds a plan whose %s cannot be read", what);
}

/* 0 with *out NULL for null or absent. */
static int
decode_disk(const json_t *obj, const char *key, struct disk **out,
            struct err *err)
{
    const json_t *value = json_object_get(obj, key);

    if (!value || json_is_null(value))
        return 0;
    *out = disk_from_record(value, err);
    return *out ? 0 : -1;
}

static void
decode_vm(const json_t *obj, struct vm_record *vm)
{
    snprintf(vm->uuid, sizeof(vm->uuid), "%s",
             json_get_text(obj, "uuid", ""));
    snprintf(vm->name, sizeof(vm->name), "%s",
             json_get_text(obj, "name", ""));
    snprintf(vm->guest_os, sizeof(vm->guest_os), "%s",
             json_get_text(obj, "guest_os", ""));
    snprintf(vm->granted, sizeof(vm->granted), "%s",
             json_get_text(obj, "granted", ""));
    vm->adopted = json_get_bool(obj, "adopted", false) != 0;
    vm->virtio_scsi = json_get_bool(obj, "virtio_scsi", true) != 0;
}

static int
decode_record(const json_t *obj, struct record *record, struct err *err)
{
    const json_t *controller = json_object_get(obj, "controller");
    json_int_t kind = json_get_int(obj, "kind", -1);
    CLEANUP_DISK struct disk *disk = NULL;
    struct controller c;

    if (kind < RECORD_DEVICE || kind > RECORD_VM_GONE)
        return bad(err, "record");
    record->kind = (enum record_kind)kind;
    if (decode_disk(obj, "disk", &disk, err) < 0)
        return -1;
    if (disk) {
        record->device = device_for_disk(disk);
    } else if (controller) {
        if (controller_from_json(controller, "", &c, err) < 0)
            return -1;
        record->device = device_for_controller(&c);
    }
    decode_vm(json_object_get(obj, "vm"), &record->vm);
    return 0;
}

static int
decode_records(const json_t *list, struct record **records, size_t *n,
               struct err *err)
{
    const json_t *obj;
    size_t i;

    json_array_foreach(list, i, obj)
    {
        *records = mem_more(*records, *n, sizeof(**records));
        if (decode_record(obj, &(*records)[(*n)++], err) < 0)
            return -1;
    }
    return 0;
}

static int
decode_edit(const json_t *obj, struct edit *edit, struct err *err)
{
    const json_t *controller = json_object_get(obj, "controller");
    json_int_t kind = json_get_int(obj, "kind", -1);

    if (kind < EDIT_ADD_DISK || kind >= EDIT_KINDS)
        return bad(err, "edit");
    edit->kind = (enum edit_kind)kind;
    edit->text = mem_dup(json_get_text(obj, "text", NULL));
    if (json_is_object(controller)) {
        edit->controller = mem_zalloc(1, sizeof(*edit->controller));
        if (controller_from_json(controller, "", edit->controller, err) < 0)
            return -1;
    }
    return decode_disk(obj, "disk", &edit->disk, err);
}

/* Events are static text: find ours. */
static const char *
decode_event(const char *text)
{
    static const char *const events[] = {
        "disk.plugged", "disk.unplugged", "disk.removed", "disk.changed",
        "controller.added", "vm.created", "vm.deleted", "nic.plugged",
        "nic.unplugged", "nic.changed", "memory.plugged", "memory.unplugged",
        "vm.changed", NULL};

    for (size_t i = 0; text && events[i]; i++)
        if (!strcmp(events[i], text))
            return events[i];
    return NULL;
}

static int
decode_kind(const char *name, enum step_kind *kind, struct err *err)
{
    for (int i = 0; name && i < STEP_KINDS; i++)
        if (!strcmp(plan_step_name((enum step_kind)i), name)) {
            *kind = (enum step_kind)i;
            return 0;
        }
    return bad(err, "step");
}

static int
decode_step(const json_t *obj, struct plan *plan, struct err *err)
{
    const json_t *controller = json_object_get(obj, "controller"), *edit;
    enum step_kind kind = STEP_KINDS;
    struct step *step;
    size_t i;

    if (decode_kind(json_get_text(obj, "kind", NULL), &kind, err) < 0)
        return -1;
    step = plan_add(plan, kind);
    step->text = mem_dup(json_get_text(obj, "text", NULL));
    step->text_was = mem_dup(json_get_text(obj, "text_was", NULL));
    step->alias = mem_dup(json_get_text(obj, "alias", NULL));
    step->format = mem_dup(json_get_text(obj, "format", NULL));
    step->number = (uint64_t)json_get_int(obj, "number", 0);
    step->was = (uint64_t)json_get_int(obj, "was", 0);
    step->flag = json_get_bool(obj, "flag", false) != 0;
    step->lenient = json_get_bool(obj, "lenient", false) != 0;
    step->event = decode_event(json_get_text(obj, "event", NULL));
    if (controller &&
        controller_from_json(controller, "", &step->controller, err) < 0)
        return -1;
    json_array_foreach(json_object_get(obj, "edits"), i, edit)
    {
        step->edits =
            mem_more(step->edits, step->nedits, sizeof(*step->edits));
        if (decode_edit(edit, &step->edits[step->nedits++], err) < 0)
            return -1;
    }
    if (decode_disk(obj, "disk", &step->disk, err) < 0 ||
        decode_disk(obj, "before", &step->before, err) < 0)
        return -1;
    return decode_records(json_object_get(obj, "records"), &step->records,
                          &step->nrecords, err);
}

int
plan_json_decode(const json_t *obj, struct plan *plan, struct err *err)
{
    json_t *warnings = json_object_get(obj, "warnings");
    json_t *result = json_object_get(obj, "result");
    const json_t *step;
    size_t i;

    if (!json_is_array(warnings) || !json_is_object(result))
        return bad(err, "frame");
    json_array_extend(plan->warnings, warnings);
    json_array_extend(plan->grants, json_object_get(obj, "grants"));
    json_object_update(plan->result, result);
    json_array_foreach(json_object_get(obj, "steps"), i, step)
    {
        if (decode_step(step, plan, err) < 0)
            return -1;
    }
    if (decode_records(json_object_get(obj, "reserve"), &plan->reserve,
                       &plan->nreserve, err) < 0)
        return -1;
    return decode_records(json_object_get(obj, "release"), &plan->release,
                          &plan->nrelease, err);
}
