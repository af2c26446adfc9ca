// SPDX-License-Identifier: Apache-2.0
/*
 * SCSI disks and multipath maps of this host, as the kernel knows them: no
 * device is asked anything, so that a dead path delays nobody. Whether one may
 * be plugged is host/lun.h's question. root as in sysfs.h. Any thread.
 */
#pragma once

#include "agent/common/json.h"

/*
 * [{guid, name ("dm-0", "sdb"), path ("/dev/mapper/3600…", "/dev/sdb"),
 * multipath: bool, size, logical_block, physical_block, vendor, product,
 * revision, serial, transport: "iscsi" | "fc" | "other", read_only,
 * discard_max, holders: [], partitions: [], paths: [{name, state: "running" …,
 * transport, lun, size, target: {iqn, address, port} | null}]}] of maps, and
 * of disks that no map holds; those without an identity are left out. Returns
 * owned.
 */
json_t *blockdev_list(const char *root);

/* Path of the device with that guid; returns owned, NULL: there is none. */
char *blockdev_path(const char *root, const char *guid);
