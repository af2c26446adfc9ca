// SPDX-License-Identifier: Apache-2.0
/*
 * Machine types under names that this host's QEMU does not have ([vdsm]
 * machine_aliases): one map for what an engine is told and for what it sends.
 * Memory only; any thread.
 */
#pragma once

#include "agent/plan/env.h"

/* Every word is NAME=MACHINE; INVALID. */
int vdsm_machine_check(const struct conf *conf, struct err *err);

/* Append the names whose MACHINE is in the array and which are not. */
void vdsm_machine_add(const struct conf *conf, json_t *machines);

/*
 * What stands for a machine type that an engine asks for: its MACHINE; NULL
 * where QEMU has the name itself or no alias is of that name. While libvirt
 * was not asked yet what QEMU has, an alias counts. Returns owned.
 */
char *vdsm_machine_real(struct env *env, const char *name);
