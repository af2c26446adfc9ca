// SPDX-License-Identifier: Apache-2.0
/*
 * Plans for disks: add, plug, unplug, remove, grow, change medium. Pure: the
 * facts that they need of files are in the wish (plan/disk_facts.h).
 */
#pragma once

#include "agent/plan/grant.h"
#include "agent/plan/plan.h"

/* Facts of one disk's source and of what this host can give it, filled in by
 * plan/disk_facts.h. */
struct disk_seen {
    bool create;              /* the image is not there and is to be made */
    struct image_facts image; /* of the source */
    unsigned backing;         /* images below it */
    char used_by[256];        /* a VM in which the source is in use, or "" */
    struct disk_lun lun;      /* who answers, where it can be asked; owned */
    char warning[256];        /* of the LUN's paths, or "" */
    struct grant_host host;
};
void disk_seen_clear(struct disk_seen *seen);

struct disk_wish {
    char disk_id[UUID_TEXT]; /* of a recorded disk, or "" with `disk` */
    struct disk *disk;       /* owned: a whole disk object, or NULL */
    uint64_t size;           /* ResizeDisk: bytes, or 0: what the device has */
    bool delete_image;       /* RemoveDisk */
    bool force;              /* ChangeCd */
    json_t *set;             /* borrowed: UpdateVmDisk, fields to change */
    bool allow_pending;      /* what works from the next start only may wait */
    struct disk_seen seen;
};
void disk_wish_clear(struct disk_wish *wish);

/* Parts of a plan that plugs. The source is free for the disk; the steps that
 * bring a placed disk into the VM where it is not yet (live, definition). */
int disk_plan_source(const struct known *known, const struct disk *disk,
                     const struct disk_wish *wish, struct err *err);
int disk_plan_attach(const struct known *known, struct disk *disk,
                     const struct controller *controller, struct plan *plan,
                     struct err *err);

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

/* What a disk gets of SCSI generic I/O when it is plugged (plug) or recorded:
 * emitted, effective, lun; SGIO_UNSUPPORTED. */
int disk_plan_scsi(const struct known *known, const struct disk_wish *wish,
                   bool plug, struct disk *disk, struct plan *plan,
                   struct err *err);

/* Note who asks as who granted what the disk is privileged to; false where
 * nothing is, or it was granted before. The caller adds plan_grant. */
bool disk_plan_grant(const struct known *known, struct disk *disk);

/* The disk as it is when it is not in the VM. */
void disk_plan_unplugged(struct disk *disk);

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
