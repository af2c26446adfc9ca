// SPDX-License-Identifier: Apache-2.0
/*
 * The end of whatever was started below one folder: processes that name it,
 * and the folder itself. A guard process does this even when its parent is
 * killed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/common/err.h"

struct chaos_guard {
    pid_t pid;
    int fd; /* while it is open the guard waits */
};

/* Every QEMU (and qemu-img), and every berthd by the name of its program (NULL:
 * none), whose command line names a file below dir. Returns owned. */
pid_t *chaos_sweep_find(const char *dir, const char *berthd, size_t *n);

/* Kill them, and wait until they are gone. */
void chaos_sweep_kill(const char *dir, const char *berthd);

void chaos_sweep_remove(const char *path); /* a folder and all in it */

/* From now on dir is swept when this process ends, however it does; before
 * any thread exists. keep: the folder itself stays. */
int chaos_sweep_guard(const char *dir, const char *berthd, bool keep,
                      struct chaos_guard *guard, struct err *err);

/* Sweep now and wait for it. */
void chaos_sweep_end(struct chaos_guard *guard);
