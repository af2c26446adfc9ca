// SPDX-License-Identifier: Apache-2.0
/*
 * Views that can be believed. libvirt, started anew, shows each domain as it
 * last wrote it down, and only then asks its QEMU; so after a start or a loss
 * a reading counts when libvirt is at rest with the VM and a later one says
 * the same. Workers, in the VM's lane.
 */
#pragma once

#include "agent/plan/env.h"

/*
 * Look once. 1: the views in the table can be believed (or the VM is absent);
 * 0: not yet, look again after *again_ms; -1 + err.
 */
int settle_look(struct env *env, const char *uuid, int64_t *again_ms,
                struct err *err);

/* Look until then, which is as soon as the VM is not doubted: at most some
 * seconds. -1 + err (RECOVERING, UNREACHABLE). */
int settle_wait(struct env *env, const char *uuid, struct err *err);
