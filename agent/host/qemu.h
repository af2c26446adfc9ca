// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU's process, found and read through /proc. Worker threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/common/err.h"

/* A running QEMU: its /proc directory stays open, so that a reused pid cannot
 * be mistaken for it. */
struct qemu_proc {
    int dir; /* descriptor of /proc/PID, -1 */
    pid_t pid;
};

/* The holder of the lock (F_GETLK) on libvirt's pidfile whose command line
 * has -uuid UUID. NOT_FOUND otherwise. */
int qemu_find(const char *pidfile, const char *uuid, struct qemu_proc *out,
              struct err *err);
void qemu_close(struct qemu_proc *proc);

/* Whether it holds a descriptor on that file (st_dev, st_ino), or, with dev 0,
 * on that block device (st_rdev). 1, 0, or -1 + err when /proc cannot be
 * read. */
int qemu_holds(const struct qemu_proc *proc, uint64_t dev, uint64_t inode,
               struct err *err);

/* Whether a capability (CAP_SYS_RAWIO …) is effective in it. 1, 0, or -1 +
 * err when /proc cannot be read. */
int qemu_has_cap(const struct qemu_proc *proc, int cap, struct err *err);

/* How many descriptors it has, and how many it may have (soft limit). */
int qemu_files(const struct qemu_proc *proc, uint64_t *used, uint64_t *limit,
               struct err *err);
