// SPDX-License-Identifier: Apache-2.0
/*
 * Multipath maps of this host, as the kernel knows them: no device is asked
 * anything, so that a dead path delays nobody. Whether one may be plugged is
 * host/lun.h's question. root as in sysfs.h. Any thread.
 */
#pragma once

#include "agent/common/json.h"

/*
 * [{guid, name (of the map: the guid, or an alias), node: "dm-0", size,
 * logical_block, physical_block, vendor, product, revision, serial, transport:
 * "iscsi" | "fc" | "other", discard_max, holders: [], partitions: [], paths:
 * [{name, state: "running" …, transport, lun, size, target: {iqn, address,
 * port} | null}]}]. Returns owned.
 */
json_t *blockdev_maps(const char *root);
