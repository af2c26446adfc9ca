// SPDX-License-Identifier: Apache-2.0
/*
 * What may be asked of VMs: each verb turns its parameters into a wish and
 * hands it to the plan that serves it. Workers, in the VM's lane.
 */
#include "agent/verbs/vm.h"

#include "agent/plan/permit.h"
#include "agent/plan/vm_facts.h"

static json_t *
run(struct verb_call *call, plan_fn plan, struct vm_wish *wish,
    struct err *err)
{
    struct planner planner = {NULL, plan};

    return operation_run(call->env, &call->request, call->vm, &planner, wish,
                         err);
}

static json_t *
create_vm(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {vm_facts_create, vm_plan_create};
    struct vm_defaults defaults = vm_facts_defaults(call->env);
    CLEANUP(vm_wish_clear) struct vm_wish wish = {.paused = false};
    struct access_object object;

    wish.vm = vm_from_json(call->params, &defaults, err);
    if (!wish.vm)
        return NULL;
    object = (struct access_object){wish.vm->id, wish.vm->name, NULL};
    if (permit_check(call->env, &call->request, ACCESS_VM_CREATE, &object,
                     err) < 0 ||
        vm_place(wish.vm, err) < 0)
        return NULL;
    return operation_run(call->env, &call->request, wish.vm->id, &planner,
                         &wish, err);
}

static json_t *
update_vm(struct verb_call *call, struct err *err)
{
    struct vm_wish wish = {
        .memory = (uint64_t)json_get_int(call->params, "memory", 0),
        .vcpus = (unsigned)json_get_int(call->params, "vcpus", 0),
        .virtio_scsi = json_get_bool(call->params, "virtio_scsi", -1),
        .autostart = json_get_bool(call->params, "autostart", -1),
    };

    if (wish.memory % (1024 * 1024)) {
        err_param(err, ERR_INVALID, "memory", "an odd size",
                  "bytes, a multiple of 1 MiB");
        return NULL;
    }
    if (controller_plan_read(json_object_get(call->params, "controllers"),
                             &wish.controllers, err) < 0)
        return NULL;
    return run(call, vm_plan_update, &wish, err);
}

static json_t *
start_vm(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {vm_facts_start, vm_plan_start};
    struct vm_wish wish = {
        .paused = json_get_bool(call->params, "paused", false) != 0};

    return operation_run(call->env, &call->request, call->vm, &planner, &wish,
                         err);
}

static json_t *
shutdown_vm(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_shutdown, &(struct vm_wish){.vm = NULL}, err);
}

static json_t *
destroy_vm(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_destroy, &(struct vm_wish){.vm = NULL}, err);
}

static json_t *
reboot_vm(struct verb_call *call, struct err *err)
{
    struct vm_wish wish = {
        .reset = json_get_bool(call->params, "reset", false) != 0};

    return run(call, vm_plan_reboot, &wish, err);
}

static json_t *
suspend_vm(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_suspend, &(struct vm_wish){.vm = NULL}, err);
}

static json_t *
resume_vm(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_resume, &(struct vm_wish){.vm = NULL}, err);
}

static json_t *
delete_vm(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_delete, &(struct vm_wish){.vm = NULL}, err);
}

/* --- rows --------------------------------------------------------------- */

static const struct field vm_params[] = {VERB_VM_ROW};

static const struct field update_params[] = {
    VERB_VM_ROW,
    {.name = "memory",
     .type = FIELD_INT,
     .min = 1048576,
     .max = (int64_t)1 << 44,
     .range = "bytes, a multiple of 1 MiB up to 16 TiB",
     .doc = "Memory of the guest, from the next start"},
    {.name = "vcpus",
     .type = FIELD_INT,
     .min = 1,
     .max = 255,
     .range = "1..255",
     .doc = "Virtual CPUs, from the next start"},
    {.name = "virtio_scsi",
     .type = FIELD_BOOL,
     .doc = "The flag: off is refused while a disk uses it"},
    {.name = "controllers",
     .type = FIELD_ARRAY,
     .max = VM_CONTROLLERS_MAX,
     .range = "at most 16 objects {index, queues, iothread, max_sectors, "
              "cmd_per_lun, address}",
     .doc = "All virtio-scsi controllers as they shall be: a new one is "
            "hot-added to a running VM, a changed one and the removal of an "
            "empty one hold from its next start"},
    {.name = "autostart", .type = FIELD_BOOL, .doc = "Start with the host"},
};

static const struct field start_params[] = {
    VERB_VM_ROW,
    {.name = "paused",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Start with the processors stopped; ResumeVm lets it run"},
};

static const struct field reboot_params[] = {
    VERB_VM_ROW,
    {.name = "reset",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Reset the machine without asking the guest"},
};

#define ROW(name_, groups_, fn_, rows_, doc_)                                  \
    {.name = name_,                                                            \
     .group = "vm",                                                            \
     .action_group = groups_,                                                  \
     .mutating = true,                                                         \
     .lane = VERB_VM,                                                          \
     .doc = doc_,                                                              \
     .params = rows_,                                                          \
     .nparams = sizeof(rows_) / sizeof(*(rows_)),                              \
     .run = fn_}

const struct verb vm_verbs[] = {
    {.name = "CreateVm",
     .group = "vm",
     .action_group = "VM_CREATE",
     .asks_itself = true,
     .mutating = true,
     .lane = VERB_VM,
     .doc = "Define a VM with an address on every device, spare root ports "
            "and, unless switched off, a virtio-scsi controller.",
     .params = vm_fields,
     .nparams = VM_NFIELDS,
     .run = create_vm},
    ROW("UpdateVm", "VM_CREATE", update_vm, update_params,
        "Change a VM's definition: memory, vCPUs, the virtio_scsi flag, "
        "autostart."),
    ROW("StartVm", "VM_OPERATE", start_vm, start_params,
        "Start a VM, paused if asked."),
    ROW("ShutdownVm", "VM_OPERATE", shutdown_vm, vm_params,
        "Ask the guest to shut down."),
    ROW("DestroyVm", "VM_OPERATE", destroy_vm, vm_params,
        "Stop a VM at once, without asking the guest."),
    ROW("RebootVm", "VM_OPERATE", reboot_vm, reboot_params,
        "Ask the guest to reboot, or reset the machine."),
    ROW("SuspendVm", "VM_OPERATE", suspend_vm, vm_params,
        "Stop a VM's processors."),
    ROW("ResumeVm", "VM_OPERATE", resume_vm, vm_params,
        "Let a paused VM's processors run."),
    ROW("DeleteVm", "VM_CREATE", delete_vm, vm_params,
        "Remove the definition and record of a VM that is not running; its "
        "images stay."),
};
const size_t vm_nverbs = sizeof(vm_verbs) / sizeof(*vm_verbs);
