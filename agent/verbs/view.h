// SPDX-License-Identifier: Apache-2.0
/* Questions about VMs and disks, answered from memory. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb view_verbs[];
extern const size_t view_nverbs;
