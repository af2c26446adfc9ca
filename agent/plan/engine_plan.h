// SPDX-License-Identifier: Apache-2.0
/*
 * Plans for what a central engine sends: a whole domain, and disks that come
 * as libvirt XML with metadata. The same steps as of the native verbs; what
 * differs is that the engine decides places where it can, and that its
 * metadata go along. Planners are pure.
 */
#pragma once

#include "agent/plan/disk_plan.h"
#include "agent/spec/engine.h"

struct engine_tune {
    char disk_id[UUID_TEXT];
    struct disk_iotune limits;
};

struct engine_wish {
    struct engine_domain *domain; /* owned: VM.create */
    struct disk **disks;          /* owned: its disks */
    size_t ndisks;
    struct disk_seen *seen;       /* owned: facts of each, or NULL */
    struct disk_wish plug; /* hot plug: the disk and its facts */
    char *meta;            /* owned: text of its entry, or NULL */
    json_t *warnings;      /* borrowed: of its document, or NULL */
    char *alias;           /* owned: hot unplug: the disk's */
    struct engine_tune *tunes; /* owned: limits to set */
    size_t ntunes;
    char *qos;             /* owned: the policy's element, or NULL */
    void *ctx;             /* borrowed: of operation_run_on's begun */
};
void engine_wish_clear(struct engine_wish *wish);

int engine_plan_create(const struct known *known, const void *wish,
                       struct plan *plan, struct err *err);
int engine_plan_plug(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);
int engine_plan_unplug(const struct known *known, const void *wish,
                       struct plan *plan, struct err *err);

/* The medium of plug.disk, and its entry (meta; NULL: none, as of an empty
 * drive). */
int engine_plan_cd(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);

/* Tell QEMU of a volume that has grown: plug.disk_id, with plug.size the new
 * one, which counts for a qcow2; else the source's own size does. The result
 * has `size`. */
int engine_plan_extend(const struct known *known, const void *wish,
                       struct plan *plan, struct err *err);

/* Limits of several disks, and the policy that they come from. */
int engine_plan_tune(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);

/* Put an entry into the engine's metadata of the running VM, or take it out
 * (what an unplug leaves behind is no reason to fail). Nothing where the VM
 * has none and gone is set. */
void engine_plan_meta(const struct known *known, const char *entry, bool gone,
                      struct plan *plan);
