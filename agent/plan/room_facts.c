// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU opens each image of a disk's chain once. What it opens for a moment
 * while it plugs one has room in the margin.
 */
#include "agent/plan/room_facts.h"

#include "agent/common/cleanup.h"
#include "agent/host/qemu.h"

#define MARGIN 8

static uint64_t
needed(const struct known *known, const struct disk_wish *wishes, size_t n)
{
    uint64_t files = 0;

    for (size_t i = 0; i < n; i++) {
        const struct disk *disk = wishes[i].disk
                                      ? wishes[i].disk
                                      : known_disk(known, wishes[i].disk_id);
        bool plug = wishes[i].disk ? wishes[i].disk->wanted : true;

        if (disk && plug && !disk_plan_live(known, disk) &&
            disk->source_type != DISK_SOURCE_NONE)
            files += 1 + wishes[i].seen.backing;
    }
    return files;
}

int
room_facts_check(struct env *env, const struct known *known,
                 const struct disk_wish *wishes, size_t n, struct err *err)
{
    uint64_t files = needed(known, wishes, n), used, limit;
    struct err unseen = ERR_INIT;
    CLEANUP_TEXT char *pidfile = NULL;
    struct qemu_proc proc;
    int seen;

    if (!files || !known->vm->active)
        return 0;
    pidfile = hyper_pidfile(env->hyper, known->vm->record.name);
    if (!pidfile ||
        qemu_find(pidfile, known->vm->record.uuid, &proc, &unseen) < 0)
        return 0;
    seen = qemu_files(&proc, &used, &limit, &unseen);
    qemu_close(&proc);
    if (seen < 0 || used + files + MARGIN <= limit)
        return 0;
    return err_set(err, ERR_NO_FREE_FILES,
                   "The QEMU of VM \"%s\" may open %llu files and has %llu "
                   "open; %llu more are needed. Raise max_files in libvirt's "
                   "qemu.conf and start the VM anew, or spread the disks over "
                   "more VMs",
                   known->vm->record.name, (unsigned long long)limit,
                   (unsigned long long)used, (unsigned long long)files);
}
