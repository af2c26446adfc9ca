// SPDX-License-Identifier: Apache-2.0
/* A VM's devices as a tree of buses, as GetTopology answers. */
#pragma once

#include "agent/verbs/vm_view.h"

/*
 * [{kind, label, alias, address, detail, children: […]}]: what sits on the
 * root bus, below root ports what is behind each (and "free"), below disk
 * controllers their disks (for SCSI by target; of a LUN {device, lun_id,
 * behind}: who answers, and what this host calls its device), and last the
 * recorded disks that are not plugged. Returns owned.
 */
json_t *topology_json(const struct vm_view *view);
