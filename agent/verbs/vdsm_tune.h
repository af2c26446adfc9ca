// SPDX-License-Identifier: Apache-2.0
/* Limits of I/O under VDSM's names. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_tune_verbs[];
extern const size_t vdsm_tune_nverbs;

/* [{name, path, guaranteed: {}, maximum: {}}] as the engine gave it; [] of a
 * VM that does not run. Memory only; returns owned. */
json_t *vdsm_tune_policy(const struct vm_info *info);
