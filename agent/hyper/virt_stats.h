// SPDX-License-Identifier: Apache-2.0
/* Statistics over libvirt: those of all on a connection of their own, so that
 * a QEMU that hangs holds up nothing else; named ones on the thread's. backend
 * is a struct virt. */
#pragma once

#include "agent/hyper/ops.h"

json_t *virt_stats_read(void *backend, const struct hyper_whose *whose,
                        struct err *err);
