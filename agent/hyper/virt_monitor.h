// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU's own monitor, through libvirt: only for what libvirt has forgotten
 * (killed inside an attach, it lists neither the device nor the block node
 * that QEMU has). libvirt marks such a domain as tainted.
 */
#pragma once

#include "agent/hyper/ops.h"

/* See hyper_forget_device. */
int virt_monitor_forget(void *backend, const char *uuid, const char *alias,
                        const char *path, int64_t wait_ms, struct err *err);
