// SPDX-License-Identifier: Apache-2.0
/*
 * One reading is compared with the one before by a number that the VM table
 * keeps: the time between them passes without a worker.
 */
#include "agent/plan/settle.h"

#include <time.h>

#include "agent/common/clock.h"
#include "agent/plan/adopt.h"
#include "agent/state/vm_doubt.h"

/* Two equal readings. That libvirt is at rest with a VM is a sure sign by
 * itself (from its first answer on it is occupied, until QEMU has told what
 * it has); so a start need not wait, and what follows a loss has time. */
#define START_APART_MS 20
#define LOSS_APART_MS 200
#define JOB_APART_MS 2500 /* of a VM whose long job libvirt may resume */
#define BUSY_MS 100       /* libvirt waits for QEMU: ask again */
#define WAIT_MS 2500
#define RETRY_MS 1000

/* The table has a fresh reading: is it as the one before? */
static int
compare(struct env *env, const char *uuid, enum hyper_at at, uint64_t print,
        int64_t *again_ms)
{
    CLEANUP_VM_INFO struct vm_info info = {.active = false};
    int64_t apart = at == HYPER_AT_JOB             ? JOB_APART_MS
                    : vm_doubt_loss(env->vms) == 0 ? START_APART_MS
                                                   : LOSS_APART_MS;
    int64_t same;

    vm_table_get(env->vms, uuid, &info);
    if (at == HYPER_AT_QEMU) {
        *again_ms = BUSY_MS;
        return 0;
    }
    if (!info.active) /* no QEMU that could say otherwise */
        return 1;
    same = vm_doubt_print(env->vms, uuid, print);
    *again_ms = apart - same;
    return same >= apart;
}

int
settle_look(struct env *env, const char *uuid, int64_t *again_ms,
            struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.doubt = VM_DOUBT_VIEWS};
    unsigned loss = vm_doubt_loss(env->vms);
    struct err why = ERR_INIT;
    enum hyper_at at;
    uint64_t print;
    int settled = 1;

    vm_table_get(env->vms, uuid, &info);
    if (info.doubt != VM_DOUBT_VIEWS)
        return 1;
    at = hyper_at(env->hyper, uuid, &why);
    /* Read even while it is busy: questions are answered from it. */
    if (at != HYPER_AT_FAILED && adopt_read(env, uuid, &print, &why) == 0)
        settled = compare(env, uuid, at, print, again_ms);
    else if (why.kind == ERR_NOT_FOUND)
        vm_table_absent(env->vms, uuid);
    else
        settled = -1;
    if (settled == 1)
        vm_doubt_lower(env->vms, uuid, VM_DOUBT_ROWS, loss);
    if (settled < 0)
        *err = why;
    return settled;
}

int
settle_wait(struct env *env, const char *uuid, struct err *err)
{
    int64_t until = clock_mono_ms() + WAIT_MS, again_ms = 0;
    int settled;

    while ((settled = settle_look(env, uuid, &again_ms, err)) == 0 &&
           clock_mono_ms() < until) {
        struct timespec pause = {0, again_ms % 1000 * 1000000};

        nanosleep(&pause, NULL);
    }
    if (settled)
        return settled < 0 ? -1 : 0;
    err_set(err, ERR_RECOVERING,
            "libvirt still waits for an answer of the VM's QEMU, which may "
            "hang");
    err->retry_after_ms = RETRY_MS;
    return -1;
}
