// SPDX-License-Identifier: Apache-2.0
/*
 * Events of machines on hosts by proxy: each host is asked every few seconds
 * what changed, more rarely while it does not answer. The jobs run in a lane
 * of the host's own. Any thread.
 */
#pragma once

#include "agent/plan/env.h"

/* Watch that host from now on; until later_stop. */
void remote_watch_start(struct env *env, struct esx *esx);
