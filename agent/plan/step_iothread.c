// SPDX-License-Identifier: Apache-2.0
/*
 * The I/O thread of a controller that is hot-added next: QEMU takes none that
 * is not there. Its definition gets it with the controller.
 */
#include "agent/plan/step.h"

#include <stdio.h>

static int
add_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_iothread(run->env->hyper, run->vm, (unsigned)step->number,
                          true, err);
}

static int
add_verify(struct step_run *run, struct step *step, struct err *err)
{
    if (step_read_live(run, err) < 0)
        return -1;
    if (domain_has_iothread(run->info->live, (unsigned)step->number))
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "libvirt said that I/O thread %u is added, but the running "
                   "domain lacks it",
                   (unsigned)step->number);
}

/* A controller that stays in the VM keeps its thread. */
static bool
is_used(const struct domain *live, uint64_t id)
{
    for (size_t i = 0; i < live->ncontrollers; i++)
        if (live->controllers[i].iothread == id)
            return true;
    return false;
}

/* A death inside the call leaves it in QEMU and not in libvirt's XML. */
static int
take_ghost(struct step_run *run, const struct step *step, struct err *err)
{
    char id[32];

    if (!step->doubtful || !hyper_can(run->env->hyper, HYPER_QEMU_MONITOR))
        return 0;
    snprintf(id, sizeof(id), "iothread%u", (unsigned)step->number);
    return hyper_forget_device(run->env->hyper, run->vm, id, NULL, 0, err);
}

static int
add_undo(struct step_run *run, struct step *step, struct err *err)
{
    if (step_read_live(run, err) < 0)
        return -1;
    if (!domain_has_iothread(run->info->live, (unsigned)step->number))
        return take_ghost(run, step, err);
    if (is_used(run->info->live, step->number)) {
        run->end = STEP_END_KEPT;
        return 0;
    }
    return hyper_iothread(run->env->hyper, run->vm, (unsigned)step->number,
                          false, err);
}

const struct step_ops step_iothread_add = {add_run, add_verify, add_undo};
