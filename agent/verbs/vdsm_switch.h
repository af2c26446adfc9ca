// SPDX-License-Identifier: Apache-2.0
/* Switches of the host under VDSM's names: its log, its page merging. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_switch_verbs[];
extern const size_t vdsm_switch_nverbs;
