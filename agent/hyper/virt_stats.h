// SPDX-License-Identifier: Apache-2.0
/* Statistics over libvirt, on a connection of their own: a QEMU that hangs
 * holds them up, and nothing else. backend is a struct virt. */
#pragma once

#include "agent/hyper/ops.h"

json_t *virt_stats_read(void *backend, const char *uuid, struct err *err);
