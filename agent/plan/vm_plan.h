// SPDX-License-Identifier: Apache-2.0
/*
 * Plans for VMs: make, change, start, stop, remove. Pure.
 */
#pragma once

#include "agent/plan/controller_plan.h"
#include "agent/plan/disk_plan.h"

struct vm_wish {
    struct vm *vm;       /* owned: CreateVm, placed and checked */
    struct disk_seen *seen; /* owned: facts of each disk of vm */
    size_t nseen;
    uint64_t memory;     /* UpdateVm: bytes, 0: leave */
    unsigned vcpus;      /* UpdateVm: 0: leave */
    int virtio_scsi;     /* UpdateVm: 0, 1, or -1: leave */
    int autostart;       /* UpdateVm: 0, 1, or -1: leave */
    struct controller_wish controllers; /* UpdateVm */
    bool paused;         /* StartVm */
    bool reset;          /* RebootVm */
};
void vm_wish_clear(struct vm_wish *wish);

int vm_plan_create(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);
int vm_plan_update(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);
int vm_plan_start(const struct known *known, const void *wish,
                  struct plan *plan, struct err *err);
int vm_plan_shutdown(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);
int vm_plan_destroy(const struct known *known, const void *wish,
                    struct plan *plan, struct err *err);
int vm_plan_reboot(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);
int vm_plan_suspend(const struct known *known, const void *wish,
                    struct plan *plan, struct err *err);
int vm_plan_resume(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);
int vm_plan_delete(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);
