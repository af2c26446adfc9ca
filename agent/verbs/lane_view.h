// SPDX-License-Identifier: Apache-2.0
/* A lane of the pool as answers show it. Any thread. */
#pragma once

#include "agent/common/json.h"
#include "agent/work/pool.h"

/* {lane, label, peer, op_id, since, running_ms, blocked, stuck, queued};
 * what is not known, or does not run, is null. Returns owned. */
json_t *lane_view_json(const struct lane_info *lane);
