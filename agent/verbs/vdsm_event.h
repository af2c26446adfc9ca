// SPDX-License-Identifier: Apache-2.0
/*
 * Our events in VDSM's form, for those who have subscribed to its queue: the
 * status of VMs, jobs, and everything else under berth's own name.
 */
#pragma once

#include "agent/plan/env.h"

/* Tell them of an event as the event log made it; borrowed. Any thread, never
 * blocks. */
void vdsm_event_tell(struct env *env, const json_t *event);
