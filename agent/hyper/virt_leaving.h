// SPDX-License-Identifier: Apache-2.0
/*
 * Which devices were asked to leave and have not gone yet. A second unplug of
 * one of them helps nobody (QEMU refuses it), and libvirt 9.0 uses freed
 * memory when the first ends while the second is under way: with the embedded
 * driver that would be our memory. Any thread.
 */
#pragma once

#include "agent/hyper/ops.h"

struct virt_leaving;

struct virt_leaving *virt_leaving_new(void);
void virt_leaving_free(struct virt_leaving *set);

/* Note that it is being asked; false when it was already. */
bool virt_leaving_begin(struct virt_leaving *set, const char *uuid,
                        const char *alias);
void virt_leaving_end(struct virt_leaving *set, const char *uuid,
                      const char *alias);

/* What an event ends: a device's removal or its refusal, a VM's stop, the
 * connection's loss and return (between which events are missing). */
void virt_leaving_see(struct virt_leaving *set,
                      const struct hyper_event *event);
