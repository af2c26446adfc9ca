// SPDX-License-Identifier: Apache-2.0
/*
 * One run of one script by berth-exec: its command line and its report. The
 * caller's thread waits; nothing of the script is left when it returns, but
 * for what the kernel does not let go (left). Worker threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/common/err.h"

struct helper_run {      /* borrowed */
    const char *program; /* path of berth-exec */
    const char *script;
    char *const *env;
    const char *cwd;
    int64_t timeout_ms;
    bool has_user;
    uid_t uid;
    gid_t gid;
};

struct helper_report {
    int status; /* exit code; -1: it did not end by itself */
    int signum; /* that ended it, 0: none */
    int error;  /* errno when it could not be started, 0 */
    char *step; /* owned; "start" …: at what; NULL */
    bool timed_out;
    int killed;   /* processes it left behind, ended */
    int left;     /* that could not be ended */
    int64_t us;   /* from its start until nothing of it was left */
    char *errout; /* owned; the beginning of its stderr */
};
void helper_clear(struct helper_report *report);
#define CLEANUP_HELPER_REPORT CLEANUP(helper_clear)

/* 0 with *out filled, whatever became of the script; -1 + err (INTERNAL) when
 * there is no report: berth-exec is missing or was ended. */
int helper_run(const struct helper_run *run, struct helper_report *out,
               struct err *err);
