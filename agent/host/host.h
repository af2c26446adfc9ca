// SPDX-License-Identifier: Apache-2.0
/*
 * This machine: processors, memory, load, whether KVM runs a guest. Any
 * thread but host_kvm_works (main, before threads).
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"

/* Whether a guest of one instruction (HLT) runs: /dev/kvm may be there and
 * yet run none. Tried in a child with a deadline of 2 s. */
bool host_kvm_works(void);

/* {hostname, kernel, cpus, memory, hugepages, uuid …}; returns owned. */
json_t *host_facts(void);

/* {cpu: {user_ms, system_ms, idle_ms}, load: [], memory: {total, available},
 * uptime_ms, …}; returns owned. */
json_t *host_stats(void);
