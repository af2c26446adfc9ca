// SPDX-License-Identifier: Apache-2.0
/*
 * How the host is used now, in one reading of small files. root as in
 * sysfs.h. Any thread that may wait for a disk: free space is asked of file
 * systems.
 */
#pragma once

#include "agent/common/json.h"

/*
 * {uptime_ms, load: [], times: as cpu_times, self: {user_ms, system_ms} of
 * this process, memory: as memory_read, nodes: as memory_nodes, hugepages,
 * ksm, thp, net: as net_counters, disks: {"/var/log": {free, total}}}; null
 * where it cannot be read. Returns owned.
 */
json_t *usage_read(const char *root);
