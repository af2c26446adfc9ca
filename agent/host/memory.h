// SPDX-License-Identifier: Apache-2.0
/*
 * The host's memory, in bytes: what there is and what is free, per NUMA node
 * too, huge pages, and what the kernel merges. root as in sysfs.h. Any
 * thread.
 */
#pragma once

#include "agent/common/json.h"

/*
 * {total, free, available, buffers, cached, committed, swap_total, swap_free,
 * anon_huge}: a figure that the kernel does not tell is left out.
 * Returns owned.
 */
json_t *memory_read(const char *root);

/* {"0": {cpus: [0, 1], total, free, distances: [10, 20], hugepages: as
 * below}}; a machine without NUMA has the node "0". Returns owned. */
json_t *memory_nodes(const char *root);

/* {"2097152": {total, free, reserved, surplus}} by size of a page. */
json_t *memory_hugepages(const char *root);

/* {run: 0, pages_sharing, pages_to_scan, sleep_ms, merge_across_nodes} of the
 * kernel's same-page merging; NULL where it has none. */
json_t *memory_ksm(const char *root);

/* Switch it on or off (run 1, 0) and its merging across nodes; -1: leave as it
 * is. A kernel without it is off. UNSUPPORTED, or what the kernel said. */
int memory_ksm_set(const char *root, int run, int across, struct err *err);

/* "always", "madvise" or "never"; returns owned. */
char *memory_thp(const char *root);
