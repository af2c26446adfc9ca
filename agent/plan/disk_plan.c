// SPDX-License-Identifier: Apache-2.0
/*
 * Plug, unplug, add and remove as steps. For a running persistent VM the live
 * domain comes first and the definition after it, each a step of its own. A
 * step is planned only where its effect is not there yet, so that repeating
 * a request changes nothing. Pure.
 */
#include "agent/plan/disk_plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/controller_plan.h"

void
disk_wish_clear(struct disk_wish *wish)
{
    disk_free(wish->disk);
    wish->disk = NULL;
    disk_seen_clear(&wish->seen);
}

void
disk_seen_clear(struct disk_seen *seen)
{
    disk_lun_clear(&seen->lun);
}

/* The disk in a view: by alias; by target and source where aliases are not
 * written (inactive XML of foreign disks). */
static const struct disk *
in_view(const struct domain *view, const struct disk *disk)
{
    const struct disk *seen;

    if (!view)
        return NULL;
    seen = disk->alias ? domain_disk_by_alias(view, disk->alias) : NULL;
    if (seen || !disk->target || !strncmp(disk->alias ? disk->alias : "",
                                          "ua-", 3))
        return seen;
    return domain_disk_by_target(view, disk->target);
}

const struct disk *
disk_plan_live(const struct known *known, const struct disk *disk)
{
    return known->vm->active ? in_view(known->vm->live, disk) : NULL;
}

const struct disk *
disk_plan_config(const struct known *known, const struct disk *disk)
{
    return in_view(known->vm->config, disk);
}

int
disk_plan_usable(const struct known *known, const struct disk *row,
                 struct err *err)
{
    if (row->state != DISK_ROLLBACK_PENDING)
        return 0;
    return err_set(err, ERR_BUSY,
                   "disk %s is being taken out of VM \"%s\" again, since the "
                   "operation that plugged it failed, and the guest has not "
                   "answered yet; wait for disk.unplugged, or reset the VM",
                   row->id, known->vm->record.name);
}

static void
result_disk(struct plan *plan, const struct disk *disk)
{
    json_put_text(plan->result, "device", disk->alias);
    json_put_text(plan->result, "disk_id", disk->id);
    json_put(plan->result, "address", address_to_json(&disk->address));
    json_put_text(plan->result, "target", disk->target);
    if (disk->effective.sgio[0])
        json_put(plan->result, "effective",
                 disk_effective_to_json(&disk->effective));
}

/* --- plug --------------------------------------------------------------- */

static void
plug_live(const struct known *known, const struct disk *disk,
          const struct controller *controller, struct plan *plan)
{
    struct step *step;

    if (controller->index != UINT_MAX)
        controller_plan_attach(known, controller, plan);
    step = plan_add(plan, STEP_ATTACH_DISK);
    step->disk = disk_copy(disk);
    step->event = "disk.plugged";
    plan_step_device(step, disk);
}

static void
plug_config(const struct known *known, const struct disk *disk,
            const struct controller *controller, bool has, struct plan *plan)
{
    struct step *step = plan_add(plan, STEP_DEFINE);

    if (controller->index != UINT_MAX)
        controller_plan_define(known, controller, step);
    plan_edit_disk(step, has ? EDIT_REPLACE_DISK : EDIT_ADD_DISK, disk);
    plan_step_device(step, disk);
    if (!known->vm->active)
        step->event = "disk.plugged";
}

/* A definition keeps user aliases only: a disk that libvirt named itself gets
 * ours when it is plugged anew. True when it was renamed. */
static bool
own_alias(struct disk *disk)
{
    if (disk->alias && !strncmp(disk->alias, "ua-", 3))
        return false;
    free(disk->alias);
    disk->alias = mem_printf("ua-%s", disk->id);
    return true;
}

/* The same path, or the same LUN by another. */
static bool
same_source(const struct disk *other, const struct disk *disk,
            const struct disk_lun *lun)
{
    return !strcmp(other->path, disk->path) ||
           (lun->id && other->lun.id && !strcmp(other->lun.id, lun->id));
}

int
disk_plan_source(const struct known *known, const struct disk *disk,
                 const struct disk_wish *wish, struct err *err)
{
    if (wish->seen.used_by[0])
        return err_set(err,
                       disk->kind == DISK_LUN ? ERR_LUN_IN_USE : ERR_BUSY,
                       "source: \"%s\" is in use by VM \"%s\" and the disk is "
                       "not shareable; unplug it there, or set shareable or "
                       "read_only on both",
                       disk->path, wish->seen.used_by);
    for (size_t i = 0; disk->path && i < known->ndevices; i++) {
        const struct disk *other = known->devices[i]->disk;

        if (!other || !other->path || !strcmp(other->id, disk->id) ||
            !same_source(other, disk, &wish->seen.lun))
            continue;
        if (disk->shareable || other->shareable || other->read_only)
            continue;
        return err_set(err, ERR_EXISTS,
                       "source: \"%s\" is already disk %s of this VM",
                       disk->path, other->id);
    }
    return 0;
}

/* Steps that bring a placed disk into the VM where it is not yet. */
int
disk_plan_attach(const struct known *known, struct disk *disk,
                 const struct controller *controller, struct plan *plan,
                 struct err *err)
{
    bool live = known->vm->active && !disk_plan_live(known, disk);
    const struct disk *written = disk_plan_config(known, disk);
    bool has = written != NULL;
    bool config =
        known->vm->persistent && (!has || !disk_scsi_equal(&written->emitted, &disk->emitted));

    if (disk_plan_usable(known, disk, err) < 0)
        return -1;
    if (disk->state == DISK_UNPLUG_PENDING)
        return err_set(err, ERR_BUSY,
                       "disk %s is being unplugged from VM \"%s\" and the "
                       "guest has not answered yet; wait for "
                       "disk.unplugged, or reset the VM",
                       disk->id, known->vm->record.name);
    disk->wanted = true;
    disk->state = DISK_PLUGGED;
    if (live && disk->interface != DISK_VIRTIO_SCSI &&
        disk->interface != DISK_VIRTIO)
        return err_set(err, ERR_UNSUPPORTED,
                       "interface: a %s disk cannot be plugged into a running "
                       "VM; use virtio_scsi, or shut the VM down first",
                       disk_interface_name(disk->interface));
    if ((live || config) && !disk_plan_live(known, disk) && own_alias(disk))
        config = known->vm->persistent;
    if (live)
        plug_live(known, disk, controller, plan);
    if (config)
        plug_config(known, disk, controller, has, plan);
    if (!known->vm->persistent)
        plan_warn(plan, "VM \"%s\" is transient: the disk is gone from it "
                        "when it stops",
                  known->vm->record.name);
    return 0;
}

int
disk_plan_plug(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    const struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk_id);
    struct controller controller = {.index = UINT_MAX};
    CLEANUP_DISK struct disk *disk = disk_copy(row);
    size_t before = plan->nsteps;
    bool granted;

    if (disk_plan_place(known, disk, &controller, err) < 0 ||
        disk_plan_source(known, disk, wish, err) < 0 ||
        disk_plan_scsi(known, wish, true, disk, plan, err) < 0)
        return -1;
    granted = disk_plan_grant(known, disk);
    if (disk_plan_attach(known, disk, &controller, plan, err) < 0)
        return -1;
    if (plan->nsteps > before && granted)
        plan_grant(plan, "grant", row, disk);
    if (plan->nsteps)
        plan_reserve_disk(plan, row, row);
    result_disk(plan, disk);
    return 0;
}

/* --- add ---------------------------------------------------------------- */

/* A disk of that id is recorded already: the same one, or another? */
static int
add_again(const struct known *known, const struct disk *row,
          const struct disk_wish *wish, struct plan *plan, struct err *err)
{
    struct disk_wish again = *wish;
    bool same = row->interface == wish->disk->interface &&
                row->kind == wish->disk->kind &&
                disk_scsi_equal(&row->scsi, &wish->disk->scsi) &&
                (row->path ? wish->disk->path &&
                                 !strcmp(row->path, wish->disk->path)
                           : !wish->disk->path);

    if (!same)
        return err_set(err, ERR_EXISTS,
                       "disk_id: VM \"%s\" has a disk %s with another source, "
                       "interface, sgio, rawio or reservations; choose "
                       "another disk_id, or change it with UpdateVmDisk",
                       known->vm->record.name, row->id);
    memcpy(again.disk_id, row->id, sizeof(again.disk_id));
    if (!wish->disk->wanted) {
        result_disk(plan, row);
        return 0;
    }
    return disk_plan_plug(known, &again, plan, err);
}

/* Raw is also what a guest may have written a qcow2 header into: allowed, but
 * most often a format that was forgotten. */
static void
warn_format(const struct disk *disk, const struct disk_wish *wish,
            struct plan *plan)
{
    if (disk->format && !strcmp(disk->format, "raw") &&
        !strcmp(wish->seen.image.format, "qcow2"))
        plan_warn(plan,
                  "\"%s\" begins as a qcow2 image and is used as raw; if "
                  "that is not meant, add it with format qcow2",
                  disk->path);
}

int
disk_plan_add(const struct known *known, const void *ctx, struct plan *plan,
              struct err *err)
{
    const struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk->id);
    struct controller controller = {.index = UINT_MAX};
    CLEANUP_DISK struct disk *disk = NULL, *reserved = NULL;

    if (row)
        return add_again(known, row, wish, plan, err);
    disk = disk_copy(wish->disk);
    if (disk_plan_place(known, disk, &controller, err) < 0 ||
        disk_plan_source(known, disk, wish, err) < 0 ||
        disk_plan_scsi(known, wish, disk->wanted, disk, plan, err) < 0)
        return -1;
    warn_format(disk, wish, plan);
    if (disk_plan_grant(known, disk))
        plan_grant(plan, "grant", NULL, disk);
    reserved = disk_copy(disk);
    disk_plan_unplugged(reserved);
    plan_reserve_disk(plan, reserved, NULL);
    if (wish->seen.create) {
        struct step *step = plan_add(plan, STEP_CREATE_IMAGE);

        if (disk->source_type == DISK_SOURCE_VOLUME)
            step->disk = disk_copy(disk);
        step->text = mem_dup(disk->path);
        step->format = mem_dup(disk->format);
        step->number = disk->size;
    }
    if (disk->wanted &&
        disk_plan_attach(known, disk, &controller, plan, err) < 0)
        return -1;
    result_disk(plan, disk);
    return 0;
}

/* --- unplug ------------------------------------------------------------- */

static int
can_unplug(const struct known *known, const struct disk *disk, struct err *err)
{
    if (disk->interface == DISK_VIRTIO_SCSI || disk->interface == DISK_VIRTIO)
        return 0;
    return err_set(err, ERR_UNSUPPORTED,
                   "disk: %s is a %s disk, which cannot be unplugged from a "
                   "running VM; shut \"%s\" down first",
                   disk->id, disk_interface_name(disk->interface),
                   known->vm->record.name);
}

/* libvirt cannot take it out of a running VM: out of the definition, then. */
static void
unplug_at_next_start(const struct known *known, const struct disk *row,
                     struct plan *plan)
{
    CLEANUP_DISK struct disk *after = disk_copy(row);
    struct step *step;

    after->wanted = false;
    plan_warn(plan,
              "A %s drive cannot be taken out of a running VM: it is in VM "
              "\"%s\" until that stops, and gone at its next start",
              disk_interface_name(row->interface), known->vm->record.name);
    json_put_text(plan->result, "effect", "next_start");
    if (!disk_plan_config(known, row))
        return;
    step = plan_add(plan, STEP_DEFINE);
    plan_edit_disk(step, EDIT_REMOVE_DISK, row);
    plan_step_device(step, after);
    step->event = "disk.changed";
}

int
disk_plan_unplug(const struct known *known, const void *ctx,
                 struct plan *plan, struct err *err)
{
    const struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk_id);
    const struct disk *live = disk_plan_live(known, row);
    CLEANUP_DISK struct disk *after = disk_copy(row);
    struct step *step;

    if (disk_plan_usable(known, row, err) < 0)
        return -1;
    disk_plan_unplugged(after);
    result_disk(plan, row);
    if (live && row->kind == DISK_CDROM && known->vm->persistent &&
        can_unplug(known, live, NULL) < 0) {
        unplug_at_next_start(known, row, plan);
        return 0;
    }
    if (live && can_unplug(known, live, err) < 0)
        return -1;
    if (live) {
        step = plan_add(plan, STEP_DETACH_DISK);
        step->disk = disk_copy(live);
        step->before = disk_copy(row);
        step->event = "disk.unplugged";
        plan_step_device(step, after);
        if (row->interface == DISK_VIRTIO_SCSI)
            plan_warn(plan, "A virtio-scsi disk is taken away without asking "
                            "the guest: what the guest had mounted from it "
                            "is lost");
    }
    if (known->vm->persistent && disk_plan_config(known, row)) {
        step = plan_add(plan, STEP_DEFINE);
        plan_edit_disk(step, EDIT_REMOVE_DISK, row);
        plan_step_device(step, after);
        if (!live)
            step->event = "disk.unplugged";
    }
    return 0;
}

/* --- remove ------------------------------------------------------------- */

static int
can_delete_image(const struct disk *row, const struct disk_wish *wish,
                 struct err *err)
{
    if (row->source_type != DISK_SOURCE_FILE &&
        row->source_type != DISK_SOURCE_VOLUME)
        return err_param(err, ERR_INVALID, "delete", "true",
                         "false: only an image file or a volume of a pool "
                         "can be deleted");
    if (wish->seen.used_by[0])
        return err_set(err, ERR_BUSY,
                       "delete: \"%s\" is in use by VM \"%s\"", row->path,
                       wish->seen.used_by);
    return 0;
}

int
disk_plan_remove(const struct known *known, const void *ctx,
                 struct plan *plan, struct err *err)
{
    const struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk_id);
    struct step *step;

    if (disk_plan_usable(known, row, err) < 0)
        return -1;
    if (disk_plan_live(known, row))
        return err_set(err, ERR_BAD_STATE,
                       "disk %s is plugged into the running VM \"%s\"; "
                       "HotUnplugDisk it first",
                       row->id, known->vm->record.name);
    if (wish->delete_image && can_delete_image(row, wish, err) < 0)
        return -1;
    step = plan_add(plan, STEP_DEFINE);
    if (known->vm->persistent && disk_plan_config(known, row))
        plan_edit_disk(step, EDIT_REMOVE_DISK, row);
    step->event = "disk.removed";
    plan_step_device_gone(step, row);
    if (row->grant.by[0])
        plan_grant(plan, "release", row, NULL);
    if (wish->delete_image) {
        step = plan_add(plan, STEP_DELETE_IMAGE);
        if (row->source_type == DISK_SOURCE_VOLUME)
            step->disk = disk_copy(row);
        step->text = mem_dup(row->path);
        step->lenient = true;
    }
    result_disk(plan, row);
    return 0;
}
