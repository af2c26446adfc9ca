// SPDX-License-Identifier: Apache-2.0
/* The life of a VM under VDSM's names. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_vm_verbs[];
extern const size_t vdsm_vm_nverbs;
