// SPDX-License-Identifier: Apache-2.0
/*
 * Plans for a running VM beyond its disks: NICs, memory, vCPUs in use,
 * passwords of graphics, the guest's file systems. Pure.
 */
#pragma once

#include "agent/plan/plan.h"
#include "agent/spec/nic.h"

struct live_wish {
    char *xml;    /* owned: of the device; it has the alias */
    char *alias;  /* owned: of the device */
    char *meta;   /* owned: its entry in the engine's metadata, or NULL */
    struct nic_change change; /* of a NIC; texts are borrowed */
    unsigned vcpus;
    char *graphics; /* owned: "vnc", "spice" */
    char *secret;   /* owned: a password */
    char *until;    /* owned: how long it is good, "2026-01-01T00:00:00" */
    char *connected; /* owned: what becomes of who is connected, or NULL */
};
void live_wish_clear(struct live_wish *wish);

int live_plan_nic_plug(const struct known *known, const void *wish,
                       struct plan *plan, struct err *err);
int live_plan_nic_unplug(const struct known *known, const void *wish,
                         struct plan *plan, struct err *err);
/* By xml (a whole <interface>), or by change where xml is NULL. */
int live_plan_nic_update(const struct known *known, const void *wish,
                         struct plan *plan, struct err *err);
int live_plan_memory_plug(const struct known *known, const void *wish,
                          struct plan *plan, struct err *err);
int live_plan_memory_unplug(const struct known *known, const void *wish,
                            struct plan *plan, struct err *err);
int live_plan_vcpus(const struct known *known, const void *wish,
                    struct plan *plan, struct err *err);
int live_plan_ticket(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);
int live_plan_freeze(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);
int live_plan_thaw(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);
