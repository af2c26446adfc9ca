// SPDX-License-Identifier: Apache-2.0
/*
 * Taking an attached device out of a running domain again: asked for, waited
 * for where the guest can answer, looked for in QEMU where libvirt may have
 * forgotten it. Steps of all kinds of devices share it.
 */
#include "agent/plan/step.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"

#define UNDO_WAIT_MS 5000 /* then a rollback waits without a worker */

/* The event that our own attach or detach causes is no news. */
void
step_expect(struct step_run *run, const char *what, const char *alias)
{
    char event[192];

    snprintf(event, sizeof(event), "%s %s", what, alias);
    vm_table_expect(run->env->vms, run->vm, event);
}

bool
step_is_listed(const struct step_run *run, const char *alias)
{
    return domain_has_alias(run->info->live, alias);
}

enum guest { GUEST_GONE, GUEST_STILL, GUEST_RUNS };

/* As the events told it: only a guest that runs can let a PCI device go. */
static enum guest
guest_now(const struct step_run *run)
{
    CLEANUP_VM_INFO struct vm_info now = {.active = false};

    if (!vm_table_get(run->env->vms, run->vm, &now) || !now.present ||
        !now.active)
        return GUEST_GONE;
    return !strcmp(now.state, hyper_state_name(HYPER_PAUSED)) ||
                   !strcmp(now.state, hyper_state_name(HYPER_PM_SUSPENDED))
               ? GUEST_STILL
               : GUEST_RUNS;
}

bool
step_guest_stands(const struct step_run *run)
{
    return guest_now(run) == GUEST_STILL;
}

bool
step_vm_stopped(const struct step_run *run)
{
    return guest_now(run) == GUEST_GONE;
}

static int64_t
undo_wait_ms(const struct step_run *run)
{
    int64_t ms = conf_int(env_conf(run->env), CONF_OPS_UNPLUG_WAIT_MS);

    return ms < UNDO_WAIT_MS ? ms : UNDO_WAIT_MS;
}

/* A wait for what the guest has to let go: none where it cannot answer. */
static int64_t
until_gone(const struct step_run *run, bool pci, int64_t until)
{
    return pci && guest_now(run) == GUEST_STILL ? 0 : until;
}

static int
wait_gone(struct step_run *run, const struct step *step, bool pci,
          struct err *err)
{
    const char *alias = plan_attached(step);
    int64_t until =
        step->undo == UNDO_PENDING ? 0 : clock_mono_ms() + undo_wait_ms(run);
    enum ops_gone how = ops_gone_wait(run->env->ops, run->vm, alias,
                                      until_gone(run, pci, until));

    ops_gone_forget(run->env->ops, run->vm, alias);
    if (step_read_live(run, err) < 0)
        return -1;
    if (how == OPS_GONE_REMOVED || !step_is_listed(run, alias))
        return 0;
    run->end = how == OPS_GONE_REFUSED ? STEP_END_REFUSED : STEP_END_PENDING;
    return pci ? 0
               : err_set(err, ERR_HYPERVISOR_FAILED,
                         "%s could not be taken out again: QEMU did not let "
                         "it go within %lld ms",
                         alias, (long long)undo_wait_ms(run));
}

/* A death inside an attach can leave the device in QEMU and not in libvirt's
 * XML, or a block node without a device. */
static int
take_ghost(struct step_run *run, const struct step *step, bool pci,
           struct err *err)
{
    int64_t wait_ms = until_gone(run, pci, undo_wait_ms(run));
    struct err why = ERR_INIT;

    if (!step->doubtful || !hyper_can(run->env->hyper, HYPER_QEMU_MONITOR))
        return 0;
    if (step->undo == UNDO_PENDING)
        wait_ms = 0;
    if (hyper_forget_device(run->env->hyper, run->vm, plan_attached(step),
                            step->disk ? step->disk->path : NULL, wait_ms,
                            &why) == 0)
        return 0;
    if (why.kind == ERR_BUSY) {
        run->end = STEP_END_PENDING;
        return 0;
    }
    *err = why;
    return -1;
}

/* Take an attached device out again. That it is gone already is as good,
 * whoever did it: a rollback may be begun twice. */
int
step_take_out(struct step_run *run, const struct step *step, bool pci,
              struct err *err)
{
    const char *alias = plan_attached(step);
    struct err why = ERR_INIT;

    if (step_vm_stopped(run)) /* and it went with the process */
        return 0;
    if (step_read_live(run, err) < 0)
        return -1;
    if (!step_is_listed(run, alias))
        return take_ghost(run, step, pci, err);
    ops_gone_expect(run->env->ops, run->vm, alias);
    step_expect(run, "device_removed", alias);
    if (hyper_detach(run->env->hyper, run->vm, alias, &why) == 0 ||
        why.kind == ERR_BUSY)
        return wait_gone(run, step, pci, err);
    ops_gone_forget(run->env->ops, run->vm, alias);
    if (step_read_live(run, err) == 0 && !step_is_listed(run, alias))
        return 0;
    *err = why;
    return -1;
}

int
step_let_go(struct step_run *run, const char *alias, bool pci, struct err *err)
{
    enum ops_gone how;
    struct err why = ERR_INIT;

    ops_gone_expect(run->env->ops, run->vm, alias);
    step_expect(run, "device_removed", alias);
    if (hyper_detach(run->env->hyper, run->vm, alias, &why) < 0 &&
        why.kind != ERR_BUSY) { /* BUSY: asked before, join it */
        ops_gone_forget(run->env->ops, run->vm, alias);
        /* The view that listed it may have been stale (after a reconnect). */
        if (step_read_live(run, err) == 0 && !step_is_listed(run, alias))
            return 0;
        *err = why;
        return -1;
    }
    how = ops_gone_wait(run->env->ops, run->vm, alias,
                        until_gone(run, pci, run->wait_until));
    if (how == OPS_GONE_REFUSED)
        run->end = STEP_END_REFUSED;
    ops_gone_forget(run->env->ops, run->vm, alias);
    return 0;
}
