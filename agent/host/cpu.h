// SPDX-License-Identifier: Apache-2.0
/*
 * The host's processors: what they are, how they are laid out, how busy they
 * have been. root as in sysfs.h. Any thread.
 */
#pragma once

#include "agent/common/json.h"

/*
 * {threads, cores, sockets, online: [0, 1], model, speed_mhz, flags: [],
 * topology: [{cpu, core, die, socket, node}]}; a core is counted once per
 * socket. Returns owned.
 */
json_t *cpu_read(const char *root);

/* {total: {…}, cpus: {"0": {user_ms, nice_ms, system_ms, idle_ms, iowait_ms,
 * irq_ms, steal_ms}}} since the start of the machine; NULL when it cannot be
 * read. */
json_t *cpu_times(const char *root);
