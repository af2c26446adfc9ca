// SPDX-License-Identifier: Apache-2.0
/*
 * Plans for disks: add, plug, unplug, remove, grow, change medium. Pure: the
 * facts that they need of files are in the wish (plan/disk_facts.h).
 */
#pragma once

#include "agent/plan/plan.h"

struct disk_wish {
    char disk_id[UUID_TEXT]; /* of a recorded disk, or "" with `disk` */
    struct disk *disk;       /* owned: a whole disk object, or NULL */
    uint64_t size;           /* ResizeDisk: bytes, or 0: what the device has */
    bool delete_image;       /* RemoveDisk */
    bool force;              /* ChangeCd */
    json_t *set;             /* borrowed: UpdateVmDisk, fields to change */

    /* Facts, filled in by disk_facts. */
    bool create;              /* the image is not there and is to be made */
    struct image_facts image; /* of the source */
    char used_by[256];        /* a VM in which the source is in use, or "" */
};
void disk_wish_clear(struct disk_wish *wish);

/* AddDisk, and HotPlugDisk of a whole object: record it with an address of
 * its own, make the image, plug it unless the wish says not to. */
int disk_plan_add(const struct known *known, const void *wish,
                  struct plan *plan, struct err *err);

/* Several of both in one operation (wish is a struct disk_wishes): live in
 * their order, verified once, the definition written once. */
struct disk_wishes {
    struct disk_wish *items; /* owned, each cleared */
    size_t n;
};
void disk_wishes_clear(struct disk_wishes *wishes);
int disk_plan_many(const struct known *known, const void *wishes,
                   struct plan *plan, struct err *err);

/* HotPlugDisk of a recorded disk: into the running VM and its definition. */
int disk_plan_plug(const struct known *known, const void *wish,
                   struct plan *plan, struct err *err);

/* HotUnplugDisk: out of the running VM, then out of its definition; the row
 * stays with its address. */
int disk_plan_unplug(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);

/* RemoveDisk: the row goes, and the image if asked. */
int disk_plan_remove(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);

/* ResizeDisk: grow the image, and tell QEMU. */
int disk_plan_resize(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);

/* ChangeCd: wish->disk is the disk with its new medium (or none). */
int disk_plan_cd(const struct known *known, const void *wish,
                 struct plan *plan, struct err *err);

/* UpdateVmDisk: field by field live, next start or impossible. */
int disk_plan_update(const struct known *known, const void *wish,
                     struct plan *plan, struct err *err);

/* BUSY while a rollback still takes the disk out of the VM. */
int disk_plan_usable(const struct known *known, const struct disk *row,
                     struct err *err);

/* Where the disk is now: in the running VM, in the definition. Borrowed. */
const struct disk *disk_plan_live(const struct known *known,
                                  const struct disk *disk);
const struct disk *disk_plan_config(const struct known *known,
                                    const struct disk *disk);

/* Address and target name for a disk that has none (or check what it asks
 * for); the controller it needs, where a view lacks it, is added as a step or
 * edit by the caller through *controller (index UINT_MAX: none needed). */
int disk_plan_place(const struct known *known, struct disk *disk,
                    struct controller *controller, struct err *err);
