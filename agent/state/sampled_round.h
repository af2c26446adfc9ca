// SPDX-License-Identifier: Apache-2.0
/*
 * What a hypervisor counted of its VMs, as samples: with how fast each
 * counter grows since the VM's last one, and those that could not be asked
 * kept as they were. Any thread, one at a time.
 */
#pragma once

#include "agent/state/sampled.h"

/*
 * stats (takes): an array as hyper_stats answers it. kept: UUIDs of VMs that
 * hold up whoever asks them; what is known of them stays, stale. Others that
 * stats does not name are gone. Says in the log who does not answer any more,
 * and who does again.
 */
void sampled_round_put(struct sampled *sampled, json_t *stats,
                       const char *const *kept, size_t nkept, int64_t taken_ms);
