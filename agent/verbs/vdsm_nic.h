// SPDX-License-Identifier: Apache-2.0
/* NICs, memory and graphics of a running VM under VDSM's names. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_nic_verbs[];
extern const size_t vdsm_nic_nverbs;
