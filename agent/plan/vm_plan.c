// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a VM as steps. A request whose effect is there already plans
 * nothing; one that the VM's state does not allow is refused with the state
 * and the verb that would help. Pure.
 */
#include "agent/plan/vm_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/mirror.h"

/* As many as there are disks. */
static void
free_seen(struct vm_wish *wish)
{
    for (size_t i = 0; i < wish->nseen; i++)
        disk_seen_clear(&wish->seen[i]);
    free(wish->seen);
    wish->seen = NULL;
    wish->nseen = 0;
}

void
vm_wish_clear(struct vm_wish *wish)
{
    vm_free(wish->vm);
    free_seen(wish);
    wish->vm = NULL;
}

static bool
is(const struct known *known, const char *state)
{
    return !strcmp(known->vm->state, state);
}

static void
result_vm(struct plan *plan, const char *uuid, const char *name)
{
    json_put_text(plan->result, "vm_id", uuid);
    json_put_text(plan->result, "name", name);
}

static void
result_known(struct plan *plan, const struct known *known)
{
    result_vm(plan, known->vm->record.uuid, known->vm->record.name);
}

static int
refuse_state(const struct known *known, const char *hint, struct err *err)
{
    return err_set(err, ERR_BAD_STATE, "VM \"%s\" is %s; %s",
                   known->vm->record.name, known->vm->state, hint);
}

/* --- make --------------------------------------------------------------- */

/* The rows that a new VM starts with. */
static void
create_records(struct step *step, const struct vm *vm)
{
    struct vm_record record = {.virtio_scsi = vm->virtio_scsi};

    snprintf(record.uuid, sizeof(record.uuid), "%s", vm->id);
    snprintf(record.name, sizeof(record.name), "%s", vm->name);
    snprintf(record.guest_os, sizeof(record.guest_os), "%s",
             vm->guest_os ? vm->guest_os : "");
    plan_step_vm(step, RECORD_VM, &record);
    for (size_t i = 0; i < vm->ncontrollers; i++)
        plan_step_controller(step, &vm->controllers[i]);
    for (size_t i = 0; i < vm->ndisks; i++) {
        CLEANUP_DISK struct disk *disk = disk_copy(vm->disks[i]);

        disk->state = DISK_PLUGGED;
        disk->wanted = true;
        plan_step_device(step, disk);
    }
}

/* The same wish again, or another VM of that name or id? */
static int
create_again(const struct known *known, const struct vm *vm, struct plan *plan,
             struct err *err)
{
    const struct domain *view =
        known->vm->config ? known->vm->config : known->vm->live;

    if (!strcmp(known->vm->record.name, vm->name) && view &&
        view->memory == vm->memory && view->vcpus == vm->vcpus) {
        result_known(plan, known);
        return 0;
    }
    return err_set(err, ERR_EXISTS,
                   "vm_id: %s is VM \"%s\" already, which differs from what "
                   "is asked; choose another vm_id, or change it with "
                   "UpdateVm",
                   vm->id, known->vm->record.name);
}

/* LUNs get what can be had before the XML is made of them. */
static int
create_scsi(const struct known *known, const struct vm_wish *wish,
            struct plan *plan, struct err *err)
{
    for (size_t i = 0; i < wish->nseen; i++) {
        struct disk *disk = wish->vm->disks[i];
        const struct disk_seen *seen = &wish->seen[i];
        CLEANUP_TEXT char *prefix = mem_printf("disks[%zu].", i);
        const struct grant_how how = {false, false, prefix};

        if (seen->lun.capacity)
            disk_lun_set(disk, &seen->lun);
        if (seen->warning[0])
            plan_warn(plan, "disks[%zu]: %s", i, seen->warning);
        if (disk->kind != DISK_LUN)
            continue;
        if (grant_decide(&seen->host, &how, disk, plan->warnings, err) < 0)
            return -1;
        grant_effective(NULL, 0, &disk->effective);
        if (disk_plan_grant(known, disk))
            plan_grant(plan, "grant", NULL, disk);
    }
    return 0;
}

int
vm_plan_create(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    const struct vm_wish *wish = ctx;
    const struct vm *vm = wish->vm;
    CLEANUP_TEXT char *metadata = NULL;
    struct step *step;

    if (known->vm && known->vm->present)
        return create_again(known, vm, plan, err);
    if (create_scsi(known, wish, plan, err) < 0)
        return -1;
    for (size_t i = 0; i < vm->ndisks; i++) {
        if (i >= wish->nseen || !wish->seen[i].create)
            continue;
        step = plan_add(plan, STEP_CREATE_IMAGE);
        if (vm->disks[i]->source_type == DISK_SOURCE_VOLUME)
            step->disk = disk_copy(vm->disks[i]);
        step->text = mem_dup(vm->disks[i]->path);
        step->format = mem_dup(vm->disks[i]->format);
        step->number = vm->disks[i]->size;
    }
    step = plan_add(plan, STEP_DEFINE_NEW);
    step->event = "vm.created";
    create_records(step, vm);
    metadata = mirror_text(known, plan);
    step->text = vm_xml(vm, metadata);
    if (vm->autostart)
        plan_add(plan, STEP_AUTOSTART)->flag = true;
    result_vm(plan, vm->id, vm->name);
    return 0;
}

/* --- change ------------------------------------------------------------- */

static const struct disk *
virtio_scsi_user(const struct known *known)
{
    for (size_t i = 0; i < known->ndevices; i++)
        if (known->devices[i]->disk &&
            known->devices[i]->disk->interface == DISK_VIRTIO_SCSI)
            return known->devices[i]->disk;
    return NULL;
}

static int
update_flag(const struct known *known, const struct vm_wish *wish,
            struct plan *plan, struct err *err)
{
    struct vm_record record = known->vm->record;
    const struct disk *user = virtio_scsi_user(known);
    struct step *step;

    if (!wish->virtio_scsi && user)
        return err_set(err, ERR_BAD_STATE,
                       "virtio_scsi: disk %s of VM \"%s\" uses it; remove that "
                       "disk or change its interface first",
                       user->id, record.name);
    if (wish->virtio_scsi && !vm_os_has_virtio_scsi(record.guest_os))
        return err_param(err, ERR_INVALID, "virtio_scsi", "true",
                         "false: guest_os windows_xp has no driver for it");
    record.virtio_scsi = wish->virtio_scsi != 0;
    step = plan_add(plan, STEP_DEFINE);
    plan_step_vm(step, RECORD_VM, &record);
    if (record.virtio_scsi && !wish->controllers.given)
        return controller_plan_first(known, step, err);
    return 0;
}

int
vm_plan_update(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    const struct vm_wish *wish = ctx;
    const struct domain *config = known->vm->config;
    int flag = known->vm->record.virtio_scsi;

    result_known(plan, known);
    if (!config)
        return err_set(err, ERR_UNSUPPORTED,
                       "VM \"%s\" is transient: it has no definition that "
                       "could be changed",
                       known->vm->record.name);
    if (wish->memory && wish->memory != config->memory) {
        struct step *step = plan_add(plan, STEP_MEMORY);

        step->number = wish->memory;
        step->was = config->memory;
    }
    if (wish->vcpus && wish->vcpus != config->vcpus) {
        struct step *step = plan_add(plan, STEP_VCPUS);

        step->number = wish->vcpus;
        step->was = config->vcpus;
    }
    if (plan->nsteps && known->vm->active)
        plan_warn(plan, "VM \"%s\" is running: memory and vcpus change at its "
                        "next start",
                  known->vm->record.name);
    if (wish->autostart >= 0 && wish->autostart != known->vm->autostart)
        plan_add(plan, STEP_AUTOSTART)->flag = wish->autostart != 0;
    if (wish->virtio_scsi >= 0 && wish->virtio_scsi != flag &&
        update_flag(known, wish, plan, err) < 0)
        return -1;
    if (wish->virtio_scsi >= 0)
        flag = wish->virtio_scsi;
    return wish->controllers.given
               ? controller_plan_update(known, &wish->controllers, flag != 0,
                                        plan, err)
               : 0;
}

/* --- start and stop ----------------------------------------------------- */

/* A start puts in force what the definition has, whoever wrote it there. */
static void
start_grants(const struct known *known, struct step *step, struct plan *plan)
{
    for (size_t i = 0; i < known->ndevices; i++) {
        const struct disk *row = known->devices[i]->disk;
        CLEANUP_DISK struct disk *disk = NULL;

        if (!row || !disk_plan_config(known, row))
            continue;
        disk = disk_copy(row);
        if (!disk_plan_grant(known, disk))
            continue;
        plan_step_device(step, disk);
        plan_grant(plan, "grant", row, disk);
    }
}

/* qemu:commandline and the like, in a definition that somebody else wrote. */
static void
start_privilege(const struct known *known, struct step *step,
                struct plan *plan)
{
    const struct domain *config = known->vm->config;
    struct vm_record record = known->vm->record;

    if (!config || !config->privilege ||
        !strcmp(record.granted, config->privilege))
        return;
    plan_grant_vm(plan, record.granted, config->privilege);
    snprintf(record.granted, sizeof(record.granted), "%s", config->privilege);
    plan_step_vm(step, RECORD_VM, &record);
}

int
vm_plan_start(const struct known *known, const void *ctx, struct plan *plan,
              struct err *err)
{
    const struct vm_wish *wish = ctx;
    struct step *step;

    (void)err;
    result_known(plan, known);
    if (known->vm->active) {
        if (is(known, "paused") && !wish->paused)
            plan_warn(plan, "VM \"%s\" is started already and paused; "
                            "ResumeVm lets it run",
                      known->vm->record.name);
        return 0;
    }
    step = plan_add(plan, STEP_START);
    step->flag = wish->paused;
    start_grants(known, step, plan);
    start_privilege(known, step, plan);
    return 0;
}

static int
plan_single(const struct known *known, struct plan *plan, enum step_kind kind)
{
    result_known(plan, known);
    plan_add(plan, kind);
    return 0;
}

int
vm_plan_shutdown(const struct known *known, const void *ctx, struct plan *plan,
                 struct err *err)
{
    (void)ctx;
    if (!known->vm->active) {
        result_known(plan, known);
        return 0;
    }
    if (is(known, "paused"))
        return refuse_state(known,
                            "a paused guest cannot shut itself down: ResumeVm "
                            "it first, or DestroyVm",
                            err);
    plan_warn(plan, "The guest was asked to shut down; vm.state tells when it "
                    "has");
    return plan_single(known, plan, STEP_SHUTDOWN);
}

int
vm_plan_destroy(const struct known *known, const void *ctx, struct plan *plan,
                struct err *err)
{
    (void)ctx;
    (void)err;
    result_known(plan, known);
    if (known->vm->active)
        plan_add(plan, STEP_DESTROY);
    return 0;
}

int
vm_plan_reboot(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    const struct vm_wish *wish = ctx;

    if (!known->vm->active)
        return refuse_state(known, "StartVm starts it", err);
    plan_single(known, plan, STEP_REBOOT);
    plan->steps[0].flag = wish->reset;
    return 0;
}

int
vm_plan_suspend(const struct known *known, const void *ctx, struct plan *plan,
                struct err *err)
{
    (void)ctx;
    if (!known->vm->active)
        return refuse_state(known, "only a running VM can be suspended", err);
    result_known(plan, known);
    if (!is(known, "paused"))
        plan_add(plan, STEP_SUSPEND);
    return 0;
}

int
vm_plan_resume(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    (void)ctx;
    if (!known->vm->active)
        return refuse_state(known, "StartVm starts it", err);
    result_known(plan, known);
    if (!is(known, "running"))
        plan_add(plan, STEP_RESUME);
    return 0;
}

/* --- remove ------------------------------------------------------------- */

int
vm_plan_delete(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    struct step *step;

    (void)ctx;
    if (known->vm->active)
        return refuse_state(known, "DestroyVm or ShutdownVm it first", err);
    result_known(plan, known);
    step = plan_add(plan, STEP_UNDEFINE);
    step->event = "vm.deleted";
    plan_step_vm(step, RECORD_VM_GONE, &known->vm->record);
    for (size_t i = 0; i < known->ndevices; i++) {
        const struct disk *disk = known->devices[i]->disk;

        if (disk && disk->grant.by[0])
            plan_grant(plan, "release", disk, NULL);
    }
    return 0;
}
