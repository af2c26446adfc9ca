// SPDX-License-Identifier: Apache-2.0
/* Host.getStats: how the host is used, from memory. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_usage_verbs[];
extern const size_t vdsm_usage_nverbs;
