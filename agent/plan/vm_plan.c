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

void
vm_wish_clear(struct vm_wish *wish)
{
    vm_free(wish->vm);
    free(wish->create);
    wish->vm = NULL;
    wish->create = NULL;
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

int
vm_plan_create(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    const struct vm_wish *wish = ctx;
    const struct vm *vm = wish->vm;
    struct step *step;

    if (known->vm && known->vm->present)
        return create_again(known, vm, plan, err);
    for (size_t i = 0; i < vm->ndisks; i++) {
        if (!wish->create || !wish->create[i])
            continue;
        step = plan_add(plan, STEP_CREATE_IMAGE);
        step->text = mem_dup(vm->disks[i]->path);
        step->format = mem_dup(vm->disks[i]->format);
        step->number = vm->disks[i]->size;
    }
    step = plan_add(plan, STEP_DEFINE_NEW);
    step->text = vm_xml(vm, NULL);
    step->event = "vm.created";
    create_records(step, vm);
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

int
vm_plan_start(const struct known *known, const void *ctx, struct plan *plan,
              struct err *err)
{
    const struct vm_wish *wish = ctx;

    (void)err;
    result_known(plan, known);
    if (known->vm->active) {
        if (is(known, "paused") && !wish->paused)
            plan_warn(plan, "VM \"%s\" is started already and paused; "
                            "ResumeVm lets it run",
                      known->vm->record.name);
        return 0;
    }
    plan_add(plan, STEP_START)->flag = wish->paused;
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
    return 0;
}
