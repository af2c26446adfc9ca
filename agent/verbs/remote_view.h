// SPDX-License-Identifier: Apache-2.0
/* Questions about VMware hosts and their machines: rows for verbs/table.c. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb remote_view_verbs[];
extern const size_t remote_view_nverbs;
