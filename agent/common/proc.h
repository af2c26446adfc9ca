// SPDX-License-Identifier: Apache-2.0
/*
 * Run a program: argv, no shell, posix_spawn into its own process group;
 * stdin fed and outputs drained by one poll loop with a deadline and caps;
 * at the deadline the group gets SIGTERM, then SIGKILL. Waits for its own
 * child by pid only. Worker threads only: it blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/common/err.h"

struct proc {
    const char *const *argv; /* argv[0] is a path or found on PATH */
    const char *const *env;  /* NULL: a small fixed environment (PATH, LANG) */
    const void *input;       /* fed to stdin, may be NULL */
    size_t input_len;
    int64_t timeout_ms; /* from the start, writing of stdin included */
    size_t max_output;  /* per stream; what is over is dropped */
};

struct proc_result {
    int status;   /* exit code, or 128 + signal */
    int timed_out;
    char *out;    /* owned, NUL-terminated, never NULL after success */
    char *errout; /* owned */
};

/* Returns 0 when the program ran (whatever its status), -1 + err when it
 * could not be started. */
int proc_run(const struct proc *proc, struct proc_result *result,
             struct err *err);
void proc_result_free(struct proc_result *result);
