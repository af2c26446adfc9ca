// SPDX-License-Identifier: Apache-2.0
/* VDSM's signs of life: rows for verbs/table.c. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_ping_verbs[];
extern const size_t vdsm_ping_nverbs;
