// SPDX-License-Identifier: Apache-2.0
/*
 * What changes machines of a VMware host: their power by vSphere's own calls
 * (libvirt's driver sends one again when its answer is lost, and hangs at a
 * question that comes late), the rest by that driver. Worker threads.
 */
#pragma once

#include "agent/plan/remote.h"

enum remote_power {
    REMOTE_POWER_START,
    REMOTE_POWER_STOP,
    REMOTE_POWER_SHUTDOWN,
    REMOTE_POWER_REBOOT,
    REMOTE_POWER_RESET,
    REMOTE_POWER_SUSPEND,
    REMOTE_POWER_RESUME,
    REMOTE_POWERS
};

/* The wish is an enum remote_power. */
extern const struct remote_work remote_vm_work_power;

/* A call of libvirt's driver. */
struct remote_virt_wish {
    const char *call;    /* static */
    json_t *args;        /* owned: "vm" is put in */
    json_t *expect;      /* owned: remote_look.h */
    const char *event;   /* static, or NULL */
    bool skip;           /* where expect holds already, nothing is done */
};
void remote_vm_work_clear(struct remote_virt_wish *wish);
extern const struct remote_work remote_vm_work_virt;
