// SPDX-License-Identifier: Apache-2.0
/*
 * What would be lost by moving a VM's disks to the other kind of hypervisor:
 * rows for verbs/table.c, and the comparison, which is pure.
 */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb portability_verbs[];
extern const size_t portability_nverbs;
extern const struct verb portability_remote_verbs[];
extern const size_t portability_remote_nverbs;

/* [{field, value, why}] of a disk as GetDisk shows it; returns owned. */
json_t *portability_lost(const json_t *disk, bool to_esx);
