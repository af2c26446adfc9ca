// SPDX-License-Identifier: Apache-2.0
/*
 * Changes of disks that an engine asks for: medium, size, limits. Its storage
 * is its own: what a volume's size is, it has decided before.
 */
#include "agent/plan/engine_plan.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/ovirt.h"

/* --- medium --------------------------------------------------------------- */

int
engine_plan_cd(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    const struct engine_wish *wish = ctx;
    const struct disk *drive = wish->plug.disk;
    CLEANUP_TEXT char *none =
        mem_printf("<device devtype=\"disk\" name=\"%s\"/>", drive->target);

    if (disk_plan_cd(known, &wish->plug, plan, err) < 0)
        return -1;
    if (wish->meta)
        engine_plan_meta(known, wish->meta, false, plan);
    else
        engine_plan_meta(known, none, true, plan);
    return 0;
}

/* --- size ----------------------------------------------------------------- */

static int
too_small(const struct engine_wish *wish, uint64_t now, struct err *err)
{
    char value[32], expected[64];

    snprintf(value, sizeof(value), "%llu", (unsigned long long)wish->plug.size);
    snprintf(expected, sizeof(expected), "at least %llu, its size now",
             (unsigned long long)now);
    return err_param(err, ERR_INVALID, "newSize", value, expected);
}

int
engine_plan_extend(const struct known *known, const void *ctx,
                   struct plan *plan, struct err *err)
{
    const struct engine_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->plug.disk_id);
    const struct disk *live = row ? disk_plan_live(known, row) : NULL;
    uint64_t now = wish->plug.seen.image.virtual_size, size = now;
    struct step *step;

    if (!live)
        return err_set(err, ERR_NOT_FOUND, "VM \"%s\" has no such drive",
                       known->vm->record.name);
    if (live->format && !strcmp(live->format, "qcow2"))
        size = wish->plug.size;
    if (size < now)
        return too_small(wish, now, err);
    json_put_text(plan->result, "device", live->alias);
    json_put_int(plan->result, "size", (json_int_t)size);
    /* Of a raw volume QEMU does not know what its storage has become. */
    if (live->format && !strcmp(live->format, "qcow2") && size == now)
        return 0;
    step = plan_add(plan, STEP_RESIZE_DISK);
    step->disk = disk_copy(live);
    step->disk->size = size;
    step->number = size;
    step->event = "disk.changed";
    return 0;
}

/* --- limits --------------------------------------------------------------- */

static int
tune(const struct known *known, const struct engine_tune *want,
     struct plan *plan, struct err *err)
{
    const struct disk *row = known_disk(known, want->disk_id);
    const struct disk *live = row ? disk_plan_live(known, row) : NULL;
    CLEANUP_DISK struct disk *after = row ? disk_copy(row) : NULL;
    struct step *step;

    if (!live)
        return err_set(err, ERR_NOT_FOUND, "VM \"%s\" has no such drive",
                       known->vm->record.name);
    if (!memcmp(&live->iotune, &want->limits, sizeof(want->limits)))
        return 0;
    after->iotune = want->limits;
    step = plan_add(plan, STEP_TUNE_DISK);
    step->disk = disk_copy(live);
    step->disk->iotune = want->limits;
    step->before = disk_copy(live);
    step->event = "disk.changed";
    plan_step_device(step, after);
    if (known->vm->persistent && disk_plan_config(known, row)) {
        step = plan_add(plan, STEP_DEFINE);
        plan_edit_disk(step, EDIT_REPLACE_DISK, after);
        plan_step_device(step, after);
    }
    return 0;
}

int
engine_plan_tune(const struct known *known, const void *ctx, struct plan *plan,
                 struct err *err)
{
    const struct engine_wish *wish = ctx;
    const struct domain *live = known->vm->live;
    struct step *step;

    for (size_t i = 0; i < wish->ntunes; i++)
        if (tune(known, &wish->tunes[i], plan, err) < 0)
            return -1;
    if (!wish->qos)
        return 0;
    step = plan_add(plan, STEP_SET_METADATA);
    step->text = mem_dup(wish->qos);
    step->text_was = live ? mem_dup(live->qos) : NULL;
    return 0;
}
