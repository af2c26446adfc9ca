// SPDX-License-Identifier: Apache-2.0
/*
 * The statistics of one VM as VDSM's clients read them: numbers as text where
 * those want text, rates from the last two samples, and the sample's age.
 * Memory only; any thread.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/state/sampled.h"

/* What the VMs of one answer share. */
struct vdsm_stats;

struct vdsm_stats *vdsm_stats_new(void);
void vdsm_stats_free(struct vdsm_stats *v);

/* sampled may be NULL: nothing was read of it yet. Returns owned. */
json_t *vdsm_stats_vm(const struct vdsm_stats *v, const struct vm_info *info,
                      const struct sampled_vm *sampled);

/* [{name, path, ioTune: {…}}] of its disks; live may be NULL. */
json_t *vdsm_stats_limits(const struct domain *live);

/* {vmId, status, statusTime}, and how it ended where it is down. */
json_t *vdsm_stats_status(const struct vm_info *info);
