// SPDX-License-Identifier: Apache-2.0
/*
 * Writing: the rows as the plan leaves them, those of them that the XML does
 * not tell, as JSON whose order is always the same, so that equal rows give
 * equal text and nothing is written.
 */
#include "agent/plan/mirror.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

#define VERSION 1

/* --- the rows after the plan ---------------------------------------------- */

struct after {
    const struct vm_record *vm; /* NULL: it is gone */
    const struct disk **disks;  /* owned vector, borrowed items */
    size_t n;
};

static void
put_disk(struct after *after, const struct disk *disk)
{
    for (size_t i = 0; i < after->n; i++)
        if (!strcmp(after->disks[i]->id, disk->id)) {
            after->disks[i] = disk;
            return;
        }
    after->disks = mem_more(after->disks, after->n, sizeof(*after->disks));
    after->disks[after->n++] = disk;
}

static void
take_disk(struct after *after, const char *id)
{
    for (size_t i = 0; i < after->n; i++)
        if (!strcmp(after->disks[i]->id, id)) {
            after->disks[i] = after->disks[--after->n];
            return;
        }
}

static void
apply_records(struct after *after, const struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct device *device = records[i].device;

        if (records[i].kind == RECORD_VM)
            after->vm = &records[i].vm;
        else if (records[i].kind == RECORD_VM_GONE)
            after->vm = NULL;
        else if (records[i].kind == RECORD_DEVICE_GONE)
            take_disk(after, device->id);
        else if (device->disk)
            put_disk(after, device->disk);
    }
}

static struct after
rows_after(const struct known *known, const struct plan *plan)
{
    struct after after = {.vm = known->vm ? &known->vm->record : NULL};

    for (size_t i = 0; i < known->ndevices; i++)
        if (known->devices[i]->disk)
            put_disk(&after, known->devices[i]->disk);
    apply_records(&after, plan->reserve, plan->nreserve);
    for (size_t i = 0; i < plan->nsteps; i++)
        apply_records(&after, plan->steps[i].records, plan->steps[i].nrecords);
    return after;
}

/* --- text ----------------------------------------------------------------- */

static bool
asks(const struct disk *disk)
{
    return disk->kind == DISK_LUN && (disk->scsi.sgio[0] || disk->scsi.rawio ||
                                      disk->scsi.reservations);
}

/* A disk that is nowhere else: its own fields, as AddDisk takes them. */
static json_t *
whole(const struct disk *disk)
{
    CLEANUP_JSON json_t *all = disk_to_json(disk, NULL);
    json_t *obj = json_object();

    for (size_t i = 0; i < disk_nfields; i++) {
        json_t *value = json_object_get(all, disk_fields[i].name);

        if (value && !json_is_null(value))
            json_put(obj, disk_fields[i].name, json_incref(value));
    }
    json_object_del(obj, "plugged");
    return obj;
}

static json_t *
entry_of(const struct disk *disk)
{
    bool ours = disk->alias && !strncmp(disk->alias, "ua-", 3);
    json_t *obj;

    if (disk->state == DISK_PLUGGED && ours && !asks(disk))
        return NULL;
    obj = json_object();
    json_put_text(obj, "disk_id", disk->id);
    if (disk->state != DISK_PLUGGED) {
        json_put(obj, "disk", whole(disk));
        return obj;
    }
    json_put_text(obj, "target", disk->target);
    if (asks(disk)) {
        json_put_text(obj, "sgio", disk->scsi.sgio);
        json_put_bool(obj, "rawio", disk->scsi.rawio);
        json_put_bool(obj, "reservations", disk->scsi.reservations);
    }
    return obj;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp((*(const struct disk *const *)a)->id,
                  (*(const struct disk *const *)b)->id);
}

static char *
text_of(const struct after *after)
{
    CLEANUP_JSON json_t *all = json_object();
    json_t *disks = json_array();

    json_put_int(all, "version", VERSION);
    if (!after->vm->virtio_scsi)
        json_put_bool(all, "virtio_scsi", false);
    if (after->vm->guest_os[0])
        json_put_text(all, "guest_os", after->vm->guest_os);
    if (after->n)
        qsort(after->disks, after->n, sizeof(*after->disks), by_id);
    for (size_t i = 0; i < after->n; i++) {
        json_t *entry = entry_of(after->disks[i]);

        if (entry)
            json_array_append_new(disks, entry);
    }
    if (json_array_size(disks))
        json_put(all, "disks", json_incref(disks));
    json_decref(disks);
    return json_object_size(all) > 1 ? json_text(all, NULL) : NULL;
}

char *
mirror_text(const struct known *known, const struct plan *plan)
{
    struct after after = rows_after(known, plan);
    char *text = after.vm ? text_of(&after) : NULL;

    free(after.disks);
    return text;
}

/* --- into the plan -------------------------------------------------------- */

static bool
changes_rows(const struct plan *plan)
{
    size_t n = plan->nreserve;

    for (size_t i = 0; i < plan->nsteps; i++) {
        if (plan->steps[i].kind == STEP_UNDEFINE ||
            plan->steps[i].kind == STEP_DEFINE_NEW)
            return false;
        n += plan->steps[i].nrecords;
    }
    return n > 0;
}

static bool
same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static struct step *
last_define(struct plan *plan)
{
    for (size_t i = plan->nsteps; i-- > 0;)
        if (plan->steps[i].kind == STEP_DEFINE)
            return &plan->steps[i];
    return plan_add(plan, STEP_DEFINE);
}

void
mirror_plan(const struct known *known, struct plan *plan)
{
    const struct vm_info *vm = known->vm;
    CLEANUP_TEXT char *text = NULL;
    struct step *step;

    if (!vm || !vm->present || !changes_rows(plan))
        return;
    text = mirror_text(known, plan);
    if (vm->persistent && vm->config && !same(text, vm->config->metadata))
        plan_edit_device(last_define(plan), EDIT_SET_METADATA, text);
    if (!vm->active || !vm->live || same(text, vm->live->metadata))
        return;
    step = plan_add(plan, STEP_MIRROR);
    step->text = STEAL(text);
    step->text_was = mem_dup(vm->live->metadata);
    step->lenient = true;
}
