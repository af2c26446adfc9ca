// SPDX-License-Identifier: Apache-2.0
/* Verbs that change VMs: rows for verbs/table.c. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vm_verbs[];
extern const size_t vm_nverbs;
