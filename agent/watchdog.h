// SPDX-License-Identifier: Apache-2.0
/*
 * Lanes in which a job runs for longer than [ops] stuck_ms: named in the log
 * and told to subscribers (lane.stuck, then lane.free). It ends nothing: what
 * hangs in the hypervisor cannot be called back. Any thread.
 */
#pragma once

#include "agent/plan/env.h"

/* Watch env->pool from now on by what the settings say; again after they
 * have changed. */
void watchdog_set(struct env *env);
