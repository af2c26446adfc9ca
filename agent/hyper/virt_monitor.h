// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU's own monitor, through libvirt: only for what libvirt has forgotten
 * (killed inside an attach, it lists neither the device nor the block node
 * that QEMU has), and for the tray of a CD-ROM drive that was plugged into a
 * running VM, which libvirt (9 to 11) does not know to have one and never
 * opens. libvirt marks such a domain as tainted.
 */
#pragma once

#include "agent/hyper/ops.h"
#include "agent/hyper/virt.h"

/* See hyper_forget_device. */
int virt_monitor_forget(void *backend, const char *uuid, const char *alias,
                        const char *path, int64_t wait_ms, struct err *err);

/* Open the tray of the drive of that alias: at once by force, else by asking
 * the guest (TRAY_LOCKED after 5 s); and close it again. */
int virt_monitor_open_tray(const struct virt_handle *handle, const char *alias,
                           bool force, struct err *err);
void virt_monitor_close_tray(const struct virt_handle *handle,
                             const char *alias);
