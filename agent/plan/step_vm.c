// SPDX-License-Identifier: Apache-2.0
/*
 * Steps on a domain as a whole and on its definition. A definition is read
 * just before it is edited, and read again to see that it says what was
 * planned and nothing else.
 */
#include "agent/plan/step.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/adopt.h"
#include "agent/state/vm_life.h"

/* --- definition --------------------------------------------------------- */

static int
define_run(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_TEXT char *xml = NULL, *edited = NULL;

    if (!step->nedits) /* only records change */
        return 0;
    xml = hyper_domain_xml(run->env->hyper, run->vm, HYPER_XML_CONFIG, err);
    edited = xml ? domain_edit(xml, step->edits, step->nedits, err) : NULL;
    if (!edited)
        return -1;
    free(step->text_was);
    step->text_was = STEAL(xml);
    vm_table_expect(run->env->vms, run->vm, "defined");
    return hyper_define(run->env->hyper, edited, err);
}

static int
controller_holds(const struct domain *view, const struct edit *edit,
                 struct err *err)
{
    const struct controller *want = edit->controller;
    const struct controller *seen =
        domain_controller(view, want->type, want->index);
    bool gone = edit->kind == EDIT_REMOVE_CONTROLLER;
    CLEANUP_TEXT char *mismatch =
        seen && !gone ? controller_mismatch(want, seen) : NULL;

    if (gone ? !seen : seen && !mismatch)
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "The definition %s the %s controller %u after it was "
                   "written%s%s",
                   gone   ? "still holds"
                   : seen ? "has otherwise"
                          : "lacks",
                   want->type, want->index, mismatch ? ": " : "",
                   mismatch ? mismatch : "");
}

static int
edit_holds(const struct domain *view, const struct edit *edit, struct err *err)
{
    const struct disk *seen =
        edit->disk && edit->disk->alias
            ? domain_disk_by_alias(view, edit->disk->alias)
            : NULL;
    CLEANUP_TEXT char *mismatch = NULL;

    if (edit->controller)
        return controller_holds(view, edit, err);
    if (edit->kind == EDIT_REMOVE_DISK)
        return seen ? err_set(err, ERR_HYPERVISOR_FAILED,
                              "The definition still holds disk %s",
                              edit->disk->alias)
                    : 0;
    if (edit->kind != EDIT_ADD_DISK)
        return 0;
    if (!seen)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The definition lacks disk %s after it was written",
                       edit->disk->alias);
    mismatch = disk_mismatch(edit->disk, seen);
    return mismatch ? err_set(err, ERR_HYPERVISOR_FAILED,
                              "The definition holds disk %s otherwise than "
                              "planned: %s",
                              edit->disk->alias, mismatch)
                    : 0;
}

/* Aliases that this step may bring, NULL-ended. */
static const char **
planned_aliases(const struct step *step)
{
    const char **names = mem_zalloc(step->nedits * 2 + 1, sizeof(*names));
    size_t n = 0;

    for (size_t i = 0; i < step->nedits; i++) {
        if (step->edits[i].disk)
            names[n++] = step->edits[i].disk->alias;
        if (step->edits[i].controller)
            names[n++] = step->edits[i].controller->alias;
    }
    return names;
}

static int
define_verify(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_DOMAIN struct domain *before = domain_ref(run->info->config);
    CLEANUP_FREE const char **allow = planned_aliases(step);
    CLEANUP_TEXT char *what = NULL;

    if (!step->nedits)
        return 0;
    if (step_read_config(run, err) < 0)
        return -1;
    for (size_t i = 0; i < step->nedits; i++)
        if (edit_holds(run->info->config, &step->edits[i], err) < 0)
            return -1;
    what = before ? domain_unplanned(before, run->info->config, allow) : NULL;
    return what ? err_set(err, ERR_HYPERVISOR_FAILED,
                          "libvirt wrote a device into the definition that "
                          "nobody planned: %s",
                          what)
                : 0;
}

static int
define_undo(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_TEXT char *now = NULL;

    if (!step->nedits)
        return 0;
    if (!step->text_was)
        return step->told || step->doubtful
                   ? err_set(err, ERR_HYPERVISOR_FAILED,
                             "What the definition was before is not known "
                             "any more; look at it with GetVmXml")
                   : 0;
    now = hyper_domain_xml(run->env->hyper, run->vm, HYPER_XML_CONFIG, err);
    if (!now)
        return -1;
    if (!strcmp(now, step->text_was)) /* it had not been written */
        return 0;
    vm_table_expect(run->env->vms, run->vm, "defined");
    if (hyper_define(run->env->hyper, step->text_was, err) < 0)
        return -1;
    return step_read_config(run, err);
}

const struct step_ops step_vm_define = {define_run, define_verify, define_undo};

/* --- make and remove ---------------------------------------------------- */

/* What the hypervisor says now, into the table and run->info. */
static int
look(struct step_run *run, struct err *err)
{
    struct hyper_domain seen;
    struct vm_info fresh;

    if (adopt_state(run->env, run->vm, &seen, err) < 0)
        return -1;
    if (!hyper_state_active(seen.state))
        vm_table_no_live(run->env->vms, run->vm);
    if (vm_table_get(run->env->vms, run->vm, &fresh)) {
        vm_info_clear(run->info);
        *run->info = fresh;
    }
    return 0;
}

static int
define_new_run(struct step_run *run, struct step *step, struct err *err)
{
    vm_table_expect(run->env->vms, run->vm, "defined");
    return hyper_define(run->env->hyper, step->text, err);
}

static int
define_new_verify(struct step_run *run, struct step *step, struct err *err)
{
    if (look(run, err) < 0 || step_read_config(run, err) < 0)
        return -1;
    for (size_t i = 0; i < step->nrecords; i++) {
        const struct device *device = step->records[i].device;
        struct edit edit = {.kind = EDIT_ADD_DISK};

        edit.disk = device ? device->disk : NULL;
        if (edit.disk && edit_holds(run->info->config, &edit, err) < 0)
            return -1;
    }
    return 0;
}

static int
undefine_run(struct step_run *run, struct step *step, struct err *err)
{
    free(step->text_was);
    step->text_was =
        hyper_domain_xml(run->env->hyper, run->vm, HYPER_XML_CONFIG, err);
    if (!step->text_was)
        return -1;
    return hyper_undefine(run->env->hyper, run->vm, err);
}

static int
undefine_undo(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_define(run->env->hyper, step->text_was, err);
}

/* That it is gone is as good: a rollback may be begun twice. */
static int
define_new_undo(struct step_run *run, struct step *step, struct err *err)
{
    struct err why = ERR_INIT;

    if (undefine_run(run, step, &why) == 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    *err = why;
    return -1;
}

const struct step_ops step_vm_define_new = {define_new_run, define_new_verify,
                                            define_new_undo};
const struct step_ops step_vm_undefine = {undefine_run, NULL, undefine_undo};

/* --- memory, vCPUs, autostart ------------------------------------------- */

static int
config_verify(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return step_read_config(run, err);
}

static int
memory_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_memory(run->env->hyper, run->vm, step->number, err);
}

/* Nothing to undo where it had not come so far. */
static int
memory_undo(struct step_run *run, struct step *step, struct err *err)
{
    if (step_read_config(run, err) < 0)
        return -1;
    if (run->info->config->memory == step->was)
        return 0;
    return hyper_memory(run->env->hyper, run->vm, step->was, err) < 0
               ? -1
               : step_read_config(run, err);
}

static int
vcpus_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_vcpus(run->env->hyper, run->vm, (unsigned)step->number, err);
}

static int
vcpus_undo(struct step_run *run, struct step *step, struct err *err)
{
    if (step_read_config(run, err) < 0)
        return -1;
    if (run->info->config->vcpus == step->was)
        return 0;
    return hyper_vcpus(run->env->hyper, run->vm, (unsigned)step->was, err) < 0
               ? -1
               : step_read_config(run, err);
}

static int
autostart_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_autostart(run->env->hyper, run->vm, step->flag, err);
}

static int
state_verify(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return look(run, err);
}

/* libvirt 9.0 says yes although it could not make the link. */
static int
autostart_verify(struct step_run *run, struct step *step, struct err *err)
{
    if (look(run, err) < 0)
        return -1;
    return run->info->autostart == step->flag
               ? 0
               : err_set(err, ERR_HYPERVISOR_FAILED,
                         "libvirt said that autostart of VM \"%s\" is %s, but "
                         "it is not; look at its folder of autostart links",
                         run->info->record.name, step->flag ? "on" : "off");
}

static int
autostart_undo(struct step_run *run, struct step *step, struct err *err)
{
    if (look(run, err) < 0)
        return -1;
    return run->info->autostart != step->flag
               ? 0
               : hyper_autostart(run->env->hyper, run->vm, !step->flag, err);
}

const struct step_ops step_vm_memory = {memory_run, config_verify, memory_undo};
const struct step_ops step_vm_vcpus = {vcpus_run, config_verify, vcpus_undo};
const struct step_ops step_vm_autostart = {autostart_run, autostart_verify,
                                           autostart_undo};

/* --- life-cycle --------------------------------------------------------- */

/* As hook scripts want it, this once: libvirt takes a definition along under
 * the XML that it starts, and has it again when the domain stops or, in each
 * of the ways that were tried, fails to start. */
static int
start_run(struct step_run *run, struct step *step, struct err *err)
{
    if (step->text)
        return hyper_create(run->env->hyper, step->text, step->flag, err);
    return hyper_start(run->env->hyper, run->vm, step->flag, err);
}

static int
active_verify(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    if (look(run, err) < 0)
        return -1;
    if (!run->info->active)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "VM \"%s\" was started but is %s again; its QEMU log "
                       "says why",
                       run->info->record.name, run->info->state);
    return step_read_live(run, err);
}

/* The disk as libvirt was given it: scripts may have changed its source. Its
 * place they may not. Returns owned. */
static struct disk *
as_sent(const struct domain *sent, const struct disk *disk)
{
    const struct disk *other =
        sent ? domain_disk_by_alias(sent, disk->alias) : NULL;
    struct disk *copy = disk_copy(other ? other : disk);

    copy->address = disk->address;
    return copy;
}

/* What came without an address has the one that libvirt gave it: that is
 * recorded. All else is as it was asked for. */
static int
record_placed(const struct step_run *run, struct device *device,
              const struct domain *sent, struct err *err)
{
    const struct domain *live = run->info->live;
    const struct controller *c;
    const struct disk *seen;
    CLEANUP_DISK struct disk *want = NULL;
    CLEANUP_TEXT char *mismatch = NULL;

    if (!device->disk) {
        c = domain_controller(live, device->controller.type,
                              device->controller.index);
        if (c)
            device->controller.address = c->address;
        return 0;
    }
    seen = device->disk->alias ? domain_disk_by_alias(live, device->disk->alias)
                               : NULL;
    if (!seen)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The VM was started without disk %s",
                       device->disk->alias);
    if (device->disk->address.type == ADDRESS_NONE)
        device->disk->address = seen->address;
    want = as_sent(sent, device->disk);
    mismatch = disk_mismatch(want, seen);
    return mismatch ? err_set(err, ERR_HYPERVISOR_FAILED,
                              "The VM was started with disk %s otherwise than "
                              "planned: %s",
                              device->disk->alias, mismatch)
                    : 0;
}

static int
transient_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_create(run->env->hyper, step->text, step->flag, err);
}

static int
transient_verify(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_DOMAIN struct domain *sent =
        step->scripted ? domain_parse(step->text, NULL) : NULL;

    if (active_verify(run, step, err) < 0)
        return -1;
    for (size_t i = 0; i < step->nrecords; i++) {
        struct device *device = step->records[i].device;
        bool plugged =
            device && (!device->disk || device->disk->state == DISK_PLUGGED);

        if (plugged && record_placed(run, device, sent, err) < 0)
            return -1;
    }
    return 0;
}

/* A VM that has stopped by itself meanwhile is as good. */
static int
destroy_run(struct step_run *run, struct step *step, struct err *err)
{
    struct err why = ERR_INIT, ignored = ERR_INIT;

    (void)step;
    /* Its event may come when the next VM of this UUID runs already. */
    vm_table_expect(run->env->vms, run->vm, "stopped");
    if (hyper_destroy(run->env->hyper, run->vm, &why) == 0) {
        if (look(run, &ignored) < 0 && ignored.kind == ERR_NOT_FOUND)
            vm_table_absent(run->env->vms, run->vm);
        return 0;
    }
    vm_table_stale(run->env->vms, run->vm, "stopped");
    if (why.kind == ERR_BAD_STATE && look(run, &ignored) == 0 &&
        !run->info->active)
        return 0;
    *err = why;
    return -1;
}

static int
destroy_step(struct step_run *run, struct step *step, struct err *err)
{
    if (destroy_run(run, step, err) < 0)
        return -1;
    vm_life_stopped(run->env->vms, run->vm, "destroyed");
    return 0;
}

/* A transient domain is gone altogether. */
static int
stopped_verify(struct step_run *run, struct step *step, struct err *err)
{
    struct err gone = ERR_INIT;

    (void)step;
    if (look(run, &gone) < 0) {
        if (gone.kind == ERR_NOT_FOUND) {
            vm_table_absent(run->env->vms, run->vm);
            return 0;
        }
        *err = gone;
        return -1;
    }
    if (run->info->active)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "VM \"%s\" is still %s after it was destroyed",
                       run->info->record.name, run->info->state);
    return 0;
}

static int
shutdown_run(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return hyper_shutdown(run->env->hyper, run->vm, err);
}

static int
reboot_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_reboot(run->env->hyper, run->vm, step->flag, err);
}

static int
suspend_run(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return hyper_suspend(run->env->hyper, run->vm, err);
}

static int
resume_run(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return hyper_resume(run->env->hyper, run->vm, err);
}

const struct step_ops step_vm_start = {start_run, active_verify, destroy_run};
const struct step_ops step_vm_transient = {transient_run, transient_verify,
                                           destroy_run};
const struct step_ops step_vm_shutdown = {shutdown_run, NULL, NULL};
const struct step_ops step_vm_destroy = {destroy_step, stopped_verify, NULL};
const struct step_ops step_vm_reboot = {reboot_run, state_verify, NULL};
const struct step_ops step_vm_suspend = {suspend_run, state_verify, resume_run};
const struct step_ops step_vm_resume = {resume_run, state_verify, NULL};
