// SPDX-License-Identifier: Apache-2.0
/*
 * What changes the disks of a machine on a VMware host: read devices and
 * changeVersion → decide → one ReconfigVM_Task. The wish is the verb's checked
 * parameters (struct remote_disk_wish). Worker threads.
 */
#pragma once

#include "agent/plan/remote_disk_add.h"

void remote_disk_work_clear(struct remote_disk_wish *wish);

extern const struct remote_work remote_disk_work_add, remote_disk_work_plug,
    remote_disk_work_unplug, remote_disk_work_update, remote_disk_work_resize,
    remote_disk_work_remove, remote_disk_work_cd;

/* Disks of the machine as remote_disks_merge gives them; owned, NULL + err. */
json_t *remote_disk_work_list(struct remote *remote, struct err *err);
