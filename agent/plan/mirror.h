// SPDX-License-Identifier: Apache-2.0
/*
 * What only our record knows of a VM, mirrored into the domain's <metadata>
 * (an element of our own namespace, JSON inside), so that another host which
 * adopts the domain has it too: disks that are not plugged with their
 * addresses, the ids of disks whose alias does not hold it, what a LUN asked
 * for, the virtio_scsi flag. What stands in the domain's XML itself is not
 * said twice. It is no grant: who wrote it is not known. Pure.
 */
#pragma once

#include "agent/plan/plan.h"

#define MIRROR_DISKS 1000 /* of one VM; more are not believed */

/* The text as it has to be once the plan is done; owned, NULL: there is
 * nothing to say. */
char *mirror_text(const struct known *known, const struct plan *plan);

/* Add to the plan what brings the mirror up to date, where it changes rows:
 * an edit of the definition, a last step for the running domain. */
void mirror_plan(const struct known *known, struct plan *plan);

/* --- reading -------------------------------------------------------------- */

/* One entry: a whole disk that is not plugged, or what is to be said of the
 * one at a target. */
struct mirror_disk {
    struct disk *disk; /* owned; NULL: it is in the domain's XML */
    char id[UUID_TEXT];
    char target[16];
    bool asks; /* scsi holds what it asked for */
    struct disk_scsi scsi;
};

struct mirror {
    struct mirror_disk *disks; /* owned */
    size_t ndisks;
    int virtio_scsi; /* -1: not said */
    char guest_os[32];
};

/* text comes from wherever the domain does: an entry that is not what one has
 * to be is left out, and named in bad (texts). Returns owned. */
struct mirror *mirror_read(const char *text, json_t *bad);
void mirror_free(struct mirror *mirror);

/* What is said of the plugged disk at that target, or NULL. */
const struct mirror_disk *mirror_at(const struct mirror *mirror,
                                    const char *target);

CLEANUP_DEFINE(mirror_cleanup_, struct mirror, mirror_free)
#define CLEANUP_MIRROR CLEANUP(mirror_cleanup_)
