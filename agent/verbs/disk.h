// SPDX-License-Identifier: Apache-2.0
/* Verbs that change disks: rows for verbs/table.c. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb disk_verbs[];
extern const size_t disk_nverbs;
