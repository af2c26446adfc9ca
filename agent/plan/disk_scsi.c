// SPDX-License-Identifier: Apache-2.0
/*
 * What a plan makes of a LUN: SCSI generic I/O as it can be had, who answers
 * at the source, and the privilege that whoever asks grants with it. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "agent/plan/disk_plan.h"

int
disk_plan_scsi(const struct known *known, const struct disk_wish *wish,
               bool plug, struct disk *disk, struct plan *plan,
               struct err *err)
{
    bool there = disk_plan_live(known, disk) != NULL;
    bool live = known->vm->active && (there || plug);
    const struct grant_how how = {live && !there, wish->allow_pending, ""};

    if (wish->seen.lun.capacity)
        disk_lun_set(disk, &wish->seen.lun);
    if (wish->seen.warning[0])
        plan_warn(plan, "%s", wish->seen.warning);
    if (disk->kind != DISK_LUN)
        return 0;
    if (grant_decide(&wish->seen.host, &how, disk, plan->warnings, err) < 0)
        return -1;
    grant_effective(live ? disk : NULL, wish->seen.host.rawio,
                    &disk->effective);
    return 0;
}

bool
disk_plan_grant(const struct known *known, struct disk *disk)
{
    char words[GRANT_WORDS];

    if (disk->grant.by[0] || !grant_is_privileged(disk, words))
        return false;
    snprintf(disk->grant.by, sizeof(disk->grant.by), "%s",
             known->request ? known->request->peer : "");
    clock_stamp(known->now_ms, disk->grant.at);
    return true;
}

void
disk_plan_unplugged(struct disk *disk)
{
    disk->wanted = false;
    disk->state = DISK_UNPLUGGED;
    if (disk->kind == DISK_LUN)
        grant_effective(NULL, 0, &disk->effective);
}
