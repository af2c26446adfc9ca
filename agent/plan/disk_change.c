// SPDX-License-Identifier: Apache-2.0
/*
 * Changes of a disk that stays where it is: size, medium, and fields one by
 * one, each answered live, next start or impossible. Pure.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/plan/disk_plan.h"

#include "agent/common/mem.h"
#include "agent/plan/controller_plan.h"

/* Replace the disk in the definition where it is there; a controller that it
 * needs and the definition lacks comes with it (NULL: none). */
static struct step *
redefine(const struct known *known, const struct disk *disk,
         const struct controller *controller, struct plan *plan)
{
    struct step *step = plan_add(plan, STEP_DEFINE);

    if (controller && controller->index != UINT_MAX && known->vm->config)
        controller_plan_define(known, controller, step);
    if (known->vm->persistent && disk_plan_config(known, disk))
        plan_edit_disk(step, EDIT_REPLACE_DISK, disk);
    plan_step_device(step, disk);
    step->event = "disk.changed";
    return step;
}

/* --- size --------------------------------------------------------------- */

/* Its storage decides: what it has now is recorded, and a running guest is
 * told. */
static int
resize_lun(const struct known *known, const struct disk_wish *wish,
           const struct disk *row, struct plan *plan, struct err *err)
{
    const struct disk *live = disk_plan_live(known, row);
    uint64_t now = wish->seen.lun.capacity;
    CLEANUP_DISK struct disk *disk = disk_copy(row);
    struct step *step;

    if (wish->size)
        return err_param(err, ERR_INVALID, "size", "a size",
                         "no size for a LUN: its storage decides, and its "
                         "capacity is read anew");
    disk_lun_set(disk, &wish->seen.lun);
    json_put_text(plan->result, "device", row->alias);
    json_put_text(plan->result, "disk_id", row->id);
    json_put_int(plan->result, "size", (json_int_t)now);
    if (row->lun.capacity == now)
        return 0;
    step = plan_add(plan, live ? STEP_RESIZE_DISK : STEP_DEFINE);
    if (live)
        step->disk = disk_copy(live);
    step->number = live ? now : 0;
    step->event = "disk.changed";
    plan_step_device(step, disk);
    return 0;
}

int
disk_plan_resize(const struct known *known, const void *ctx,
                 struct plan *plan, struct err *err)
{
    const struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk_id);
    const struct disk *live = disk_plan_live(known, row);
    uint64_t now = wish->seen.image.virtual_size;
    char value[32], expected[128];
    struct step *step;

    if (disk_plan_usable(known, row, err) < 0)
        return -1;
    if (row->kind == DISK_LUN)
        return resize_lun(known, wish, row, plan, err);
    if (row->kind == DISK_CDROM || (row->source_type != DISK_SOURCE_FILE &&
                                    row->source_type != DISK_SOURCE_VOLUME))
        return err_set(err, ERR_UNSUPPORTED,
                       "disk %s is no image file and no volume: only those "
                       "can be resized here",
                       row->id);
    if (!wish->size)
        return err_param(err, ERR_INVALID, "size", NULL,
                         "bytes, multiple of 512; only a LUN's is read anew "
                         "instead");
    if (wish->size < now) {
        snprintf(value, sizeof(value), "%llu", (unsigned long long)wish->size);
        snprintf(expected, sizeof(expected),
                 "at least %llu, its size now: shrinking would cut data off",
                 (unsigned long long)now);
        return err_param(err, ERR_INVALID, "size", value, expected);
    }
    json_put_text(plan->result, "device", row->alias);
    json_put_text(plan->result, "disk_id", row->id);
    json_put_int(plan->result, "size", (json_int_t)wish->size);
    if (wish->size == now)
        return 0;
    step = plan_add(plan, live ? STEP_RESIZE_DISK : STEP_RESIZE_IMAGE);
    step->disk = disk_copy(live ? live : row);
    step->disk->size = wish->size;
    step->text = mem_dup(row->path);
    step->format = mem_dup(row->format);
    step->number = wish->size;
    step->event = "disk.changed";
    plan_step_device(step, row);
    step->records[0].device->disk->size = wish->size;
    return 0;
}

/* --- medium ------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

int
disk_plan_cd(const struct known *known, const void *ctx, struct plan *plan,
             struct err *err)
{
    const struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk->id);
    const struct disk *live = disk_plan_live(known, row);
    const struct disk *config = disk_plan_config(known, row);
    struct step *step;

    if (row->kind != DISK_CDROM)
        return err_set(err, ERR_INVALID,
                       "disk: %s is no cdrom, only the medium of a cdrom can "
                       "be changed",
                       row->id);
    json_put_text(plan->result, "device", row->alias);
    json_put_text(plan->result, "disk_id", row->id);
    if (live && !same_text(live->path, wish->disk->path)) {
        step = plan_add(plan, STEP_UPDATE_DISK);
        step->disk = disk_copy(wish->disk);
        step->before = disk_copy(live);
        step->flag = wish->force;
        step->event = "disk.changed";
        plan_step_device(step, wish->disk);
    }
    if ((config && !same_text(config->path, wish->disk->path)) ||
        (!config && !live && !same_text(row->path, wish->disk->path))) {
        step = redefine(known, wish->disk, NULL, plan);
        if (live)
            step->event = NULL;
    }
    return 0;
}

/* --- fields ------------------------------------------------------------- */

static const char *const effects[] = {
    [FIELD_LIVE] = "live",
    [FIELD_NEXT] = "next_start",
    [FIELD_NEVER] = "impossible",
};

/* What becomes of one field of a disk in this state, and why. */
static enum field_live
field_effect(const struct known *known, const struct disk *row,
             const struct field *field, bool same, const char **why)
{
    bool live = disk_plan_live(known, row) != NULL;
    bool medium = row->kind == DISK_CDROM && !strcmp(field->name, "source");

    *why = NULL;
    if (same) {
        *why = "it has this value already";
        return FIELD_LIVE;
    }
    if (field->live == FIELD_NEVER && !medium) {
        *why = "it is fixed when the disk is added; remove the disk and add "
               "it again (ResizeDisk changes the size, ChangeCd a medium)";
        return FIELD_NEVER;
    }
    if (field->live == FIELD_NEXT && live) {
        *why = "QEMU cannot change it on a plugged disk; the definition has "
               "it now";
        return FIELD_NEXT;
    }
    if (!live) {
        *why = known->vm->active ? "the disk is not plugged; it holds from "
                                   "the next plug"
                                 : "the VM is not running";
        return FIELD_NEXT;
    }
    return FIELD_LIVE;
}

/* What must stay although a field of the wish was read from JSON. */
static void
keep_identity(struct disk *disk, const struct disk *row)
{
    free(disk->alias);
    free(disk->target);
    disk->alias = mem_dup(row->alias);
    disk->foreign = mem_dup(row->foreign);
    disk->target = disk->interface == row->interface ? mem_dup(row->target)
                                                     : NULL;
    disk->state = row->state;
    disk->wanted = row->wanted;
    disk->size = row->size;
    disk->emitted = row->emitted;
    disk->effective = row->effective;
    disk->grant = row->grant;
    disk_lun_set(disk, &row->lun);
}

/* The row with the changeable fields of set; effects go to answers. */
static struct disk *
changed_disk(const struct known *known, const struct disk *row,
             const json_t *set, json_t *answers, struct err *err)
{
    CLEANUP_JSON json_t *now = disk_to_json(row, NULL);
    struct disk *disk;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)set, key, value)
    {
        const struct field *field = field_find(disk_fields, disk_nfields, key);
        json_t *answer = json_object();
        const char *why = NULL;
        json_t *old = json_object_get(now, key);
        bool same = old ? json_equal(old, value) : json_is_null(value);
        enum field_live effect = field_effect(known, row, field, same, &why);

        json_put_text(answer, "effect", effects[effect]);
        if (why)
            json_put_text(answer, "why", why);
        json_put(answers, key, answer);
        if (effect != FIELD_NEVER && !same)
            json_object_set(now, key, value);
    }
    /* On another bus the old address means nothing. */
    if (strcmp(json_get_text(now, "interface", ""),
               disk_interface_name(row->interface)) != 0)
        json_object_del(now, "address");
    disk = disk_from_json(now, "set.", err);
    if (disk)
        keep_identity(disk, row);
    return disk;
}

static bool
tune_differs(const struct disk *a, const struct disk *b)
{
    return memcmp(&a->iotune, &b->iotune, sizeof(a->iotune)) != 0;
}

static bool
disk_differs(const struct disk *a, const struct disk *b)
{
    CLEANUP_JSON json_t *left = disk_to_json(a, NULL);
    CLEANUP_JSON json_t *right = disk_to_json(b, NULL);

    return !json_equal(left, right);
}

/* The drive as it runs, with another's medium: QEMU changes nothing else. */
static struct disk *
with_medium(const struct disk *drive, const struct disk *other)
{
    struct disk *disk = disk_copy(drive);

    disk_set_source(disk, other);
    return disk;
}

static void
update_steps(const struct known *known, const struct disk *row,
             const struct disk *disk, const struct controller *controller,
             struct plan *plan)
{
    const struct disk *live = disk_plan_live(known, row);
    struct step *step;

    if (live && tune_differs(live, disk)) {
        step = plan_add(plan, STEP_TUNE_DISK);
        step->disk = disk_copy(live);
        step->disk->iotune = disk->iotune;
        step->before = disk_copy(live);
    }
    if (live && row->kind == DISK_CDROM && !same_text(live->path, disk->path)) {
        step = plan_add(plan, STEP_UPDATE_DISK);
        step->disk = with_medium(live, disk);
        step->before = disk_copy(live);
    }
    redefine(known, disk, controller, plan);
}

static bool
adds_privilege(const struct disk_scsi *before, const struct disk_scsi *after)
{
    return (after->rawio && !before->rawio) ||
           (after->reservations && !before->reservations) ||
           (!strcmp(after->sgio, "unfiltered") &&
            strcmp(before->sgio, "unfiltered") != 0);
}

/* A change of what a LUN is privileged to: a grant, or a release. QEMU takes
 * none of it on a plugged disk. */
static int
update_scsi(const struct known *known, const struct disk_wish *wish,
            const struct disk *row, struct disk *disk, struct plan *plan,
            struct err *err)
{
    static const struct grant_how how = {false, false, "set."};
    bool live = disk_plan_live(known, row) != NULL;

    if (disk_scsi_equal(&row->scsi, &disk->scsi))
        return 0;
    if (grant_decide(&wish->seen.host, &how, disk, plan->warnings, err) < 0)
        return -1;
    if (live && !wish->allow_pending)
        return err_set(err, ERR_SGIO_UNSUPPORTED,
                       "set: sgio, rawio and reservations of a plugged disk "
                       "change at its next plug or the VM's next start only; "
                       "give allow_pending to accept that, or unplug disk %s "
                       "first",
                       row->id);
    disk->grant = (struct disk_grant){.by = ""};
    disk_plan_grant(known, disk);
    plan_grant(plan, adds_privilege(&row->scsi, &disk->scsi) ? "grant"
                                                             : "release",
               row, disk);
    return 0;
}

int
disk_plan_update(const struct known *known, const void *ctx,
                 struct plan *plan, struct err *err)
{
    const struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk_id);
    json_t *answers = json_object();
    struct controller controller = {.index = UINT_MAX};
    CLEANUP_DISK struct disk *disk = NULL;

    json_put(plan->result, "fields", answers);
    json_put_text(plan->result, "device", row->alias);
    json_put_text(plan->result, "disk_id", row->id);
    if (disk_plan_usable(known, row, err) < 0)
        return -1;
    if (row->source_type == DISK_SOURCE_OTHER)
        return err_set(err, ERR_UNSUPPORTED,
                       "disk %s has a source that berth did not make and does "
                       "not change",
                       row->id);
    disk = changed_disk(known, row, wish->set, answers, err);
    if (!disk || update_scsi(known, wish, row, disk, plan, err) < 0 ||
        (disk->interface != row->interface &&
         disk_plan_place(known, disk, &controller, err) < 0))
        return -1;
    if (disk_differs(row, disk))
        update_steps(known, row, disk, &controller, plan);
    json_put(plan->result, "address", address_to_json(&disk->address));
    return 0;
}
