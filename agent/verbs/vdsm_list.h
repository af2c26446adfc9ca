// SPDX-License-Identifier: Apache-2.0
/* Questions about VMs under VDSM's names: lists, XML, statistics. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_list_verbs[];
extern const size_t vdsm_list_nverbs;
