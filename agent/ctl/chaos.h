// SPDX-License-Identifier: Apache-2.0
/* `berthctl chaos` as a whole: labs, jobs, the end of both. */
#pragma once

#include "agent/common/json.h"
#include "agent/ctl/ctl.h"

/* What the row's arguments say: berthd, verbs, points, jobs, keep. Returns an
 * exit code. */
int chaos_main(const struct ctl *ctl, const json_t *params);
