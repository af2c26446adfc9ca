// SPDX-License-Identifier: Apache-2.0
/* Disks under VDSM's names. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_disk_verbs[];
extern const size_t vdsm_disk_nverbs;
