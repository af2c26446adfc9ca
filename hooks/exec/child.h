// SPDX-License-Identifier: Apache-2.0
/* The script's own process: from fork to execve. Single-threaded. */
#pragma once

#include <sys/types.h>

#include "hooks/exec/options.h"

struct child {
    pid_t pid;
    int out, errout;  /* our ends of its pipes, non-blocking */
    int failed;       /* errno of the step that failed, 0: it runs */
    const char *step; /* "start", "enter its directory" …; static */
};

/* 0 with *out filled (failed tells of what came after the fork), -1 when
 * there could be none. */
int child_start(const struct options *options, struct child *out);
