// SPDX-License-Identifier: Apache-2.0
/* Operations: what became of them, and asking one to stop. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb ops_verbs[];
extern const size_t ops_nverbs;
