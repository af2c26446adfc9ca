// SPDX-License-Identifier: Apache-2.0
/*
 * The pure half of recovery: for each kind of step, when its effect is there,
 * and whether it may be begun again by itself.
 */
#include <string.h>

#include "agent/plan/disk_plan.h"
#include "agent/plan/recover.h"

/* --- does the effect of a step hold? -------------------------------------- */

typedef bool (*holds_fn)(const struct step *step, const struct vm_info *vm);

static bool
never(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    (void)vm;
    return false;
}

static bool
always(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    (void)vm;
    return true;
}

static const struct disk *
live_disk(const struct step *step, const struct vm_info *vm)
{
    return vm->active && vm->live && step->disk->alias
               ? domain_disk_by_alias(vm->live, step->disk->alias)
               : NULL;
}

static bool
disk_there(const struct step *step, const struct vm_info *vm)
{
    return live_disk(step, vm) != NULL;
}

static bool
disk_gone(const struct step *step, const struct vm_info *vm)
{
    return live_disk(step, vm) == NULL;
}

static bool
device_there(const struct step *step, const struct vm_info *vm)
{
    return vm->active && vm->live && step->alias &&
           domain_has_alias(vm->live, step->alias);
}

static bool
device_gone(const struct step *step, const struct vm_info *vm)
{
    return !device_there(step, vm);
}

/* A pending unplug is of a disk or of another device. */
static bool
still_there(const struct step *step, const struct vm_info *vm)
{
    return step->disk ? disk_there(step, vm) : device_there(step, vm);
}

static bool
vcpus_are(const struct step *step, const struct vm_info *vm)
{
    return !vm->active || (vm->live && vm->live->vcpus == step->number);
}

static bool
controller_there(const struct step *step, const struct vm_info *vm)
{
    return vm->active && vm->live &&
           domain_controller(vm->live, step->controller.type,
                             step->controller.index);
}

static bool
iothread_there(const struct step *step, const struct vm_info *vm)
{
    return vm->active && vm->live &&
           domain_has_iothread(vm->live, (unsigned)step->number);
}

static bool
tuned(const struct step *step, const struct vm_info *vm)
{
    const struct disk *seen = live_disk(step, vm);

    return !vm->active || (seen && !memcmp(&seen->iotune, &step->disk->iotune,
                                           sizeof(seen->iotune)));
}

static bool
edit_there(const struct domain *config, const struct edit *edit)
{
    const struct disk *seen =
        edit->disk && edit->disk->alias
            ? domain_disk_by_alias(config, edit->disk->alias)
            : NULL;

    if (edit->kind == EDIT_ADD_DISK)
        return seen != NULL;
    if (edit->kind == EDIT_REMOVE_DISK)
        return seen == NULL;
    return false; /* written again: the same text twice is harmless */
}

static bool
defined(const struct step *step, const struct vm_info *vm)
{
    for (size_t i = 0; i < step->nedits; i++)
        if (!vm->config || !edit_there(vm->config, &step->edits[i]))
            return false;
    return true;
}

static bool
is_present(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    return vm->present;
}

static bool
is_absent(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    return !vm->present;
}

static bool
is_active(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    return vm->active;
}

static bool
is_stopped(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    return !vm->active;
}

static bool
is_paused(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    return !strcmp(vm->state, "paused");
}

static bool
is_running(const struct step *step, const struct vm_info *vm)
{
    (void)step;
    return !strcmp(vm->state, "running");
}

static bool
autostart_is(const struct step *step, const struct vm_info *vm)
{
    return vm->autostart == step->flag;
}

/* --- the table ------------------------------------------------------------ */

static const struct rule {
    holds_fn holds;
    bool resume; /* recovery may begin it */
    bool half;   /* begun but not held, something may be left to undo */
    const char *not_done;
} rules[STEP_KINDS] = {
    [STEP_CREATE_IMAGE] = {never, false, true, "the image was not finished"},
    [STEP_RESIZE_IMAGE] = {never, true, false, ""},
    [STEP_DELETE_IMAGE] = {never, true, false, ""},
    [STEP_ADD_IOTHREAD] = {iothread_there, false, true,
                           "the I/O thread had not been added"},
    [STEP_ATTACH_CONTROLLER] = {controller_there, false, true,
                                "the controller had not reached the VM"},
    [STEP_ATTACH_DISK] = {disk_there, false, true,
                          "the disk had not reached the VM"},
    [STEP_DETACH_DISK] = {disk_gone, true, false, ""},
    /* That libvirt lists the medium says nothing of the tray. */
    [STEP_UPDATE_DISK] = {never, true, true, ""},
    [STEP_TUNE_DISK] = {tuned, true, false, ""},
    [STEP_RESIZE_DISK] = {never, true, false, ""},
    [STEP_DEFINE] = {defined, true, false, ""},
    [STEP_DEFINE_NEW] = {is_present, false, false,
                         "the definition had not been written"},
    [STEP_UNDEFINE] = {is_absent, false, false,
                       "the definition had not been removed"},
    /* Each is two calls to libvirt: done again, they hold for certain. */
    [STEP_MEMORY] = {never, true, true, ""},
    [STEP_VCPUS] = {never, true, true, ""},
    [STEP_AUTOSTART] = {autostart_is, true, false, ""},
    [STEP_START] = {is_active, false, false, "the VM had not started"},
    [STEP_SHUTDOWN] = {always, false, false, ""},
    [STEP_DESTROY] = {is_stopped, false, false, "the VM had not stopped"},
    [STEP_REBOOT] = {never, false, false,
                     "whether the guest got the request is not known"},
    [STEP_SUSPEND] = {is_paused, false, false, "the VM had not paused"},
    [STEP_RESUME] = {is_running, false, false, "the VM had not resumed"},
    [STEP_START_TRANSIENT] = {is_active, false, false,
                              "the VM had not started"},
    [STEP_ATTACH_NIC] = {device_there, false, true,
                         "the NIC had not reached the VM"},
    [STEP_DETACH_NIC] = {device_gone, true, false, ""},
    /* Written again: the same twice is harmless. */
    [STEP_UPDATE_NIC] = {never, true, true, ""},
    [STEP_ATTACH_MEMORY] = {device_there, false, true,
                            "the memory had not reached the VM"},
    [STEP_DETACH_MEMORY] = {device_gone, true, false, ""},
    [STEP_SET_METADATA] = {never, true, true, ""},
    [STEP_MIRROR] = {never, true, true, ""},
    [STEP_LIVE_VCPUS] = {vcpus_are, false, true,
                         "the VM had not got its vCPUs"},
    [STEP_SET_TICKET] = {never, false, false,
                         "whether the password was set is not known"},
    /* What may be frozen is let go. */
    [STEP_FREEZE] = {never, false, true,
                     "the guest is not left frozen by itself"},
    [STEP_THAW] = {never, true, true, ""},
};

/* Steps on a running domain mean nothing once it has stopped: its definition
 * alone decides what it will have. */
static bool
is_moot(const struct step *step, const struct vm_info *vm)
{
    return !vm->active && (step->kind == STEP_DETACH_DISK ||
                           step->kind == STEP_UPDATE_DISK ||
                           step->kind == STEP_TUNE_DISK ||
                           step->kind == STEP_DETACH_NIC ||
                           step->kind == STEP_UPDATE_NIC ||
                           step->kind == STEP_DETACH_MEMORY ||
                           step->kind == STEP_SET_METADATA ||
                           step->kind == STEP_MIRROR ||
                           step->kind == STEP_THAW);
}

static bool
is_detach(const struct step *step)
{
    return step->kind == STEP_DETACH_DISK || step->kind == STEP_DETACH_NIC ||
           step->kind == STEP_DETACH_MEMORY;
}

static struct recover_action
roll_back(size_t from, const char *why)
{
    return (struct recover_action){RECOVER_ROLL_BACK, from, false, why};
}

/* The step that stands next, and was (begun) or was not asked for. */
static struct recover_action
decide_step(const struct recover_facts *facts)
{
    const struct step *step = &facts->plan->steps[facts->done];
    const struct rule *rule = &rules[step->kind];
    bool holds = facts->begun && (rule->holds(step, facts->vm) ||
                                  is_moot(step, facts->vm));

    if (holds)
        return (struct recover_action){RECOVER_FINISH, facts->done, true, ""};
    if (facts->expired && !is_detach(step))
        return roll_back(facts->done + (rule->half && facts->begun),
                         "its deadline passed");
    if (!facts->vm->present && step->kind != STEP_DELETE_IMAGE &&
        step->kind != STEP_RESIZE_IMAGE)
        return roll_back(facts->done + (rule->half && facts->begun),
                         "the VM is gone");
    if (rule->resume)
        return (struct recover_action){RECOVER_FINISH, facts->done, false, ""};
    return roll_back(facts->done + (rule->half && facts->begun),
                     facts->begun ? rule->not_done : "it had gone no further");
}

/* Whether every device that a rollback waits for is still in the VM, as far
 * as libvirt knows. */
static bool
all_stay(const struct recover_facts *facts)
{
    for (size_t i = 0; i < facts->held; i++) {
        const struct step *step = &facts->plan->steps[i];

        if (step->undo == UNDO_PENDING &&
            !rules[step->kind].holds(step, facts->vm))
            return false;
    }
    return true;
}

struct recover_action
recover_decide(const struct recover_facts *facts)
{
    const struct plan *plan = facts->plan;

    if (facts->undoing && facts->waiting && all_stay(facts))
        return (struct recover_action){RECOVER_WAIT, facts->held, false, ""};
    if (facts->undoing)
        return roll_back(facts->held, "it was being undone");
    if (facts->done >= plan->nsteps)
        return (struct recover_action){RECOVER_FINISH, plan->nsteps, false,
                                       ""};
    if (facts->pending && still_there(&plan->steps[facts->done], facts->vm))
        return (struct recover_action){RECOVER_WAIT, facts->done, false, ""};
    if (facts->pending)
        return (struct recover_action){RECOVER_FINISH, facts->done, true, ""};
    return decide_step(facts);
}
