// SPDX-License-Identifier: Apache-2.0
/*
 * What the engine decided and what is taken are brought together here: a
 * place that another device has is not given twice, and one that only a
 * record still holds is let go.
 */
#include "agent/plan/engine_plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/ovirt.h"

void
engine_wish_clear(struct engine_wish *wish)
{
    engine_domain_free(wish->domain);
    for (size_t i = 0; wish->seen && i < wish->ndisks; i++)
        disk_seen_clear(&wish->seen[i]);
    free(wish->seen);
    engine_disks_free(wish->disks, wish->ndisks);
    disk_wish_clear(&wish->plug);
    free(wish->meta);
    free(wish->alias);
    free(wish->tunes);
    free(wish->qos);
}

/* --- metadata ------------------------------------------------------------- */

void
engine_plan_meta(const struct known *known, const char *entry, bool gone,
                 struct plan *plan)
{
    const struct domain *live = known->vm->live;
    CLEANUP_TEXT char *was = live ? ovirt_member(live->ovirt, entry) : NULL;
    struct step *step;

    if (gone && !was)
        return;
    step = plan_add(plan, STEP_SET_METADATA);
    step->text = mem_dup(entry);
    step->text_was = STEAL(was);
    step->flag = gone;
    step->lenient = gone;
}

/* The entry as it came, under the name that the disk has. */
static void
meta_of_disk(const struct known *known, const char *meta,
             const struct disk *disk, struct plan *plan)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(meta, strlen(meta), NULL);
    CLEANUP_TEXT char *entry = NULL;

    if (!doc)
        return;
    xml_set(xml_root(doc), "name", disk->target);
    entry = xml_text(xml_root(doc));
    engine_plan_meta(known, entry, false, plan);
}

static char *
entry_of(const struct disk *disk)
{
    return mem_printf("<device devtype=\"disk\" name=\"%s\"/>", disk->target);
}

/* --- a whole domain ------------------------------------------------------- */

static bool
same_place(const struct disk *a, const struct disk *b)
{
    return a->address.type != ADDRESS_NONE &&
           !strcmp(disk_bus(a), disk_bus(b)) &&
           address_equal(&a->address, &b->address);
}

/* A disk that the engine does not plug this time: its place is its own until
 * another disk has it. */
static void
record_absent(struct step *step, const struct disk *row, struct disk **disks,
              size_t n)
{
    CLEANUP_DISK struct disk *disk = disk_copy(row);

    for (size_t i = 0; i < n; i++) {
        if (!strcmp(disks[i]->id, row->id))
            return;
        if (same_place(disks[i], row))
            disk->address = (struct address){.type = ADDRESS_NONE};
        if (disk->target && disks[i]->target &&
            !strcmp(disk->target, disks[i]->target))
            free(STEAL(disk->target));
    }
    disk_plan_unplugged(disk);
    plan_step_device(step, disk);
}

static bool
has_row(const struct step *step, const struct device *device)
{
    for (size_t i = 0; i < step->nrecords; i++)
        if (step->records[i].device &&
            !strcmp(step->records[i].device->id, device->id))
            return true;
    return false;
}

/* One that the engine no longer has is gone: its place is free. */
static void
record_controllers(const struct known *known, struct step *step,
                   const struct engine_domain *domain)
{
    xmlNodePtr node =
        xml_path(xml_root(domain->doc), "devices/controller");

    for (; node; node = xml_next(node, "controller")) {
        struct controller c;

        controller_from_xml(node, &c);
        if (controller_is_virtio_scsi(&c))
            plan_step_controller(step, &c);
    }
    for (size_t i = 0; i < known->ndevices; i++)
        if (!known->devices[i]->disk && !has_row(step, known->devices[i]))
            plan_step_controller_gone(step, &known->devices[i]->controller);
}

static void
record_all(const struct known *known, struct step *step,
           const struct engine_domain *domain, struct disk **disks, size_t n)
{
    struct vm_record record = {.virtio_scsi = true};

    memcpy(record.uuid, domain->uuid, sizeof(record.uuid));
    snprintf(record.name, sizeof(record.name), "%s", domain->name);
    plan_step_vm(step, RECORD_VM, &record);
    record_controllers(known, step, domain);
    for (size_t i = 0; i < n; i++)
        if (disks[i]->interface != DISK_OTHER_BUS)
            plan_step_device(step, disks[i]);
    for (size_t i = 0; i < known->ndevices; i++)
        if (known->devices[i]->disk)
            record_absent(step, known->devices[i]->disk, disks, n);
}

/* What was granted once is granted, as long as it is the same. */
static void
keep_grant(const struct known *known, struct disk *disk)
{
    const struct disk *row = known_disk(known, disk->id);

    if (row && disk_scsi_equal(&row->scsi, &disk->scsi) &&
        (row->path && disk->path ? !strcmp(row->path, disk->path)
                                 : row->path == disk->path))
        disk->grant = row->grant;
}

/* LUNs get what can be had here, in the domain, too. */
static int
give_scsi(const struct known *known, const struct disk_seen *seen,
          struct engine_domain *domain, struct disk *disk, struct plan *plan,
          struct err *err)
{
    CLEANUP_TEXT char *prefix = mem_printf("%s: ", disk->alias);
    const struct grant_how how = {false, false, prefix};
    const struct disk *row = known_disk(known, disk->id);

    if (seen->lun.capacity)
        disk_lun_set(disk, &seen->lun);
    if (seen->warning[0])
        plan_warn(plan, "%s%s", prefix, seen->warning);
    if (disk->kind != DISK_LUN)
        return 0;
    if (grant_decide(&seen->host, &how, disk, plan->warnings, err) < 0)
        return -1;
    grant_effective(NULL, 0, &disk->effective);
    keep_grant(known, disk);
    if (disk_plan_grant(known, disk))
        plan_grant(plan, "grant", row, disk);
    engine_domain_write(domain, disk);
    return 0;
}

static int
place(const struct known *known, struct engine_domain *domain, struct err *err)
{
    CLEANUP_FREE const struct disk **disks =
        mem_zalloc(known->ndevices + 1, sizeof(*disks));
    CLEANUP_FREE struct controller *controllers =
        mem_zalloc(known->ndevices + 1, sizeof(*controllers));
    struct engine_known rows = {.disks = disks, .controllers = controllers};

    for (size_t i = 0; i < known->ndevices; i++) {
        if (known->devices[i]->disk)
            disks[rows.ndisks++] = known->devices[i]->disk;
        else
            controllers[rows.ncontrollers++] = known->devices[i]->controller;
    }
    return engine_place(domain, &rows, err);
}

/* A definition that an engine's VM left behind makes way, any other does
 * not. */
static int
make_way(const struct known *known, struct plan *plan, struct err *err)
{
    const struct vm_info *vm = known->vm;

    if (!vm || !vm->present)
        return 0;
    if (vm->active)
        return err_set(err, ERR_EXISTS, "VM \"%s\" (%s) is %s already",
                       vm->record.name, vm->record.uuid, vm->state);
    if (!vm->config || !vm->config->ovirt)
        return err_set(err, ERR_EXISTS,
                       "VM \"%s\" (%s) is defined on this host and was not "
                       "made by an engine; DeleteVm it first",
                       vm->record.name, vm->record.uuid);
    plan_add(plan, STEP_UNDEFINE);
    return 0;
}

static void
start(const struct known *known, const struct engine_domain *domain,
      struct disk **disks, size_t n, struct plan *plan)
{
    struct step *step = plan_add(plan, STEP_START_TRANSIENT);

    record_all(known, step, domain, disks, n);
    step->text = xml_text(xml_root(domain->doc));
    step->flag = domain->paused;
    json_put_text(plan->result, "vm_id", domain->uuid);
    json_put_text(plan->result, "name", domain->name);
}

int
engine_plan_create(const struct known *known, const void *ctx,
                   struct plan *plan, struct err *err)
{
    const struct engine_wish *wish = ctx;
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain =
        engine_domain_copy(wish->domain);
    CLEANUP_TEXT char *privilege = engine_domain_privilege(domain);
    struct disk **disks;
    size_t n;
    int rc = 0;

    if (privilege)
        plan_grant_domain(plan, privilege);
    if (make_way(known, plan, err) < 0 || place(known, domain, err) < 0)
        return -1;
    json_array_extend(plan->warnings, domain->warnings);
    disks = engine_domain_disks(domain, &n);
    for (size_t i = 0; i < n && i < wish->ndisks && rc == 0; i++)
        rc = give_scsi(known, &wish->seen[i], domain, disks[i], plan, err);
    if (rc == 0)
        start(known, domain, disks, n, plan);
    engine_disks_free(disks, n);
    return rc;
}

/* --- plug ----------------------------------------------------------------- */

/* What is known without rows of disks that are not plugged and sit where this
 * one is to go; those are let go with the first step. */
struct cleared {
    struct known known;
    struct device **devices; /* owned vector of borrowed */
    const struct disk *gone; /* borrowed */
};

static void
clear_place(const struct known *known, const struct disk *disk,
            struct cleared *out)
{
    out->known = *known;
    out->gone = NULL;
    out->devices = mem_zalloc(known->ndevices + 1, sizeof(*out->devices));
    out->known.ndevices = 0;
    for (size_t i = 0; i < known->ndevices; i++) {
        const struct disk *row = known->devices[i]->disk;

        if (row && strcmp(row->id, disk->id) != 0 &&
            row->state == DISK_UNPLUGGED && same_place(disk, row) &&
            !disk_plan_live(known, row) && !disk_plan_config(known, row))
            out->gone = row;
        else
            out->devices[out->known.ndevices++] = known->devices[i];
    }
    out->known.devices = out->devices;
}

/* An address that the engine gave twice, or that nothing can have. */
static void
check_address(const struct known *known, struct disk *disk, struct plan *plan)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool =
        known_addresses(known, disk->id);
    const struct address *a = &disk->address;
    const char *owner = a->type == ADDRESS_NONE
                            ? NULL
                            : address_pool_owner(pool, disk_bus(disk), a);
    bool possible = a->type != ADDRESS_DRIVE ||
                    (a->drive.controller <= ADDRESS_CONTROLLER_MAX &&
                     a->drive.target <= ADDRESS_TARGET_MAX &&
                     a->drive.unit <= ADDRESS_UNIT_MAX);
    char text[32];

    if (possible && (!owner || !strcmp(owner, disk->alias)))
        return;
    address_text(a, text);
    plan_warn(plan, "%s asks for the address %s, which %s: it gets another",
              disk->alias, text, owner ? owner : "no disk can have");
    disk->address = (struct address){.type = ADDRESS_NONE};
}

static void
result_disk(struct plan *plan, const struct disk *disk)
{
    json_put_text(plan->result, "device", disk->alias);
    json_put_text(plan->result, "disk_id", disk->id);
    json_put(plan->result, "address", address_to_json(&disk->address));
    json_put_text(plan->result, "target", disk->target);
}

/* It is there already: the same, or another under its alias? */
static int
plug_again(const struct disk *live, const struct disk *disk, struct plan *plan,
           struct err *err)
{
    bool same = live->path && disk->path ? !strcmp(live->path, disk->path)
                                         : live->path == disk->path;

    if (!same)
        return err_set(err, ERR_BAD_STATE,
                       "disk %s is plugged already, with the source \"%s\"",
                       live->alias, live->path ? live->path : "(none)");
    result_disk(plan, live);
    return 0;
}

static int
plug_placed(const struct known *known, struct cleared *cleared,
            const struct engine_wish *wish, struct disk *disk,
            struct plan *plan, struct err *err)
{
    const struct disk *row = known_disk(known, disk->id);
    CLEANUP_DISK struct disk *reserved = NULL;
    struct controller controller = {.index = UINT_MAX};

    check_address(&cleared->known, disk, plan);
    if (disk_plan_place(&cleared->known, disk, &controller, err) < 0 ||
        disk_plan_source(&cleared->known, disk, &wish->plug, err) < 0 ||
        disk_plan_scsi(&cleared->known, &wish->plug, true, disk, plan, err) < 0)
        return -1;
    keep_grant(known, disk);
    if (disk_plan_grant(known, disk))
        plan_grant(plan, "grant", row, disk);
    reserved = disk_copy(disk);
    disk_plan_unplugged(reserved);
    if (row) /* what is on its way out is refused below, with words */
        disk->state = row->state;
    if (disk_plan_attach(&cleared->known, disk, &controller, plan, err) < 0)
        return -1;
    plan_reserve_disk(plan, reserved, row);
    if (cleared->gone && plan->nsteps) {
        CLEANUP_DISK struct disk *gone = disk_copy(cleared->gone);

        gone->address = (struct address){.type = ADDRESS_NONE};
        free(STEAL(gone->target));
        plan_step_device(&plan->steps[0], gone);
    }
    if (wish->meta)
        meta_of_disk(known, wish->meta, disk, plan);
    result_disk(plan, disk);
    return 0;
}

static bool
has_target(const struct vm_info *vm, const char *target)
{
    return (vm->live && domain_disk_by_target(vm->live, target)) ||
           (vm->config && domain_disk_by_target(vm->config, target));
}

int
engine_plan_plug(const struct known *known, const void *ctx, struct plan *plan,
                 struct err *err)
{
    const struct engine_wish *wish = ctx;
    const struct disk *sent = wish->plug.disk;
    const struct disk *row = known_disk(known, sent->id);
    const struct disk *live = disk_plan_live(known, sent);
    CLEANUP_DISK struct disk *disk = disk_copy(sent);
    struct cleared cleared;
    int rc;

    if (wish->warnings)
        json_array_extend(plan->warnings, wish->warnings);
    if (!known->vm->active)
        return err_set(err, ERR_BAD_STATE, "VM \"%s\" is %s: nothing can be "
                                           "plugged into it",
                       known->vm->record.name, known->vm->state);
    if (live && (!row || row->state != DISK_UNPLUG_PENDING))
        return plug_again(live, disk, plan, err);
    if (row && disk->address.type == ADDRESS_NONE &&
        row->interface == disk->interface)
        disk->address = row->address;
    if (row && row->target && row->interface == disk->interface &&
        !has_target(known->vm, row->target))
        disk->target = mem_dup(row->target);
    clear_place(known, disk, &cleared);
    rc = plug_placed(known, &cleared, wish, disk, plan, err);
    free(cleared.devices);
    return rc;
}

/* --- unplug --------------------------------------------------------------- */

static const struct disk *
row_by_alias(const struct known *known, const char *alias)
{
    for (size_t i = 0; i < known->ndevices; i++)
        if (known->devices[i]->disk && known->devices[i]->disk->alias &&
            !strcmp(known->devices[i]->disk->alias, alias))
            return known->devices[i]->disk;
    return NULL;
}

int
engine_plan_unplug(const struct known *known, const void *ctx,
                   struct plan *plan, struct err *err)
{
    const struct engine_wish *wish = ctx;
    const struct disk *row = row_by_alias(known, wish->alias);
    struct disk_wish named = {.disk_id = ""};
    CLEANUP_TEXT char *entry = NULL;
    const struct disk *live;

    if (!row)
        return err_set(err, ERR_NOT_FOUND,
                       "VM \"%s\" has no disk with alias \"%s\"",
                       known->vm->record.name, wish->alias);
    live = disk_plan_live(known, row);
    memcpy(named.disk_id, row->id, sizeof(named.disk_id));
    if (disk_plan_unplug(known, &named, plan, err) < 0)
        return -1;
    entry = entry_of(live ? live : row);
    engine_plan_meta(known, entry, true, plan);
    return 0;
}
