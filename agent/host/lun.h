// SPDX-License-Identifier: Apache-2.0
/*
 * A block device of this host as a LUN: who it is (asked by SG_IO, fresh each
 * time, since the kernel keeps what it read once), and that it is a whole
 * device which nothing else holds. What holds it is read from /sys and /proc
 * below a root: "" is the machine's own, a test's folder another. Worker
 * threads; SG_IO may block on a device that does not answer.
 */
#pragma once

#include <sys/types.h>

#include "agent/host/lun_scsi.h"

struct lun_facts {
    struct lun_scsi scsi;
    char map[128];       /* its name where it is a multipath map, or "" */
    unsigned paths;      /* of the map */
    char bad_paths[256]; /* those that are not running: "sdb, sdc", or "" */
};

/*
 * Whether the device may be a LUN: SOURCE_BAD for what is no whole device (a
 * partition, a logical volume, a loop device …), LUN_IN_USE for what is held,
 * each naming it. Fills map and paths. path is for messages.
 */
int lun_free(const char *root, const char *path, dev_t dev,
             struct lun_facts *out, struct err *err);

/* Its identity and capacity by SG_IO on an open descriptor; a multipath map's
 * by its WWID. SOURCE_BAD when it takes no SCSI commands. */
int lun_ask(const char *root, const char *path, int fd, struct lun_facts *out,
            struct err *err);
