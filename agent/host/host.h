// SPDX-License-Identifier: Apache-2.0
/*
 * This machine: processors, memory, load, whether KVM runs a guest. Any
 * thread but host_kvm_works (main, before threads).
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"

/* Whether guests run on KVM here; /dev/kvm may be there and yet run none. A
 * guest of one instruction (HLT) must run (2 s), QEMU must start with KVM
 * and the host's CPU (5 s), and QEMU's own user must be let in. */
bool host_kvm_works(void);

/* {hostname, kernel, cpus, memory, hugepages, uuid …}; returns owned. */
json_t *host_facts(void);

/* {cpu: {user_ms, system_ms, idle_ms}, load: [], memory: {total, available},
 * uptime_ms, …}; returns owned. */
json_t *host_stats(void);
