// SPDX-License-Identifier: Apache-2.0
/* VM verbs as VMware hosts serve them: rows for verbs/table.c. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb remote_vm_verbs[];
extern const size_t remote_vm_nverbs;
