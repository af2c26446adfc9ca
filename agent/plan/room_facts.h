// SPDX-License-Identifier: Apache-2.0
/*
 * Whether QEMU has descriptors left for what is to be plugged: it says "Too
 * many open files" at the disk that is one too many, when the others are in.
 * Worker threads; changes nothing.
 */
#pragma once

#include "agent/plan/disk_plan.h"
#include "agent/plan/env.h"

/* NO_FREE_FILES when the wishes need more than QEMU may open. Where that
 * cannot be seen, nothing is said. */
int room_facts_check(struct env *env, const struct known *known,
                     const struct disk_wish *wishes, size_t n,
                     struct err *err);
