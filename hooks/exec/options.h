// SPDX-License-Identifier: Apache-2.0
/*
 * berth-exec's command line, which only berthd writes (hooks/helper.c). All
 * numbers are decimal. Single-threaded.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct options {
    pid_t parent;       /* who waits for the report: its death ends all */
    int64_t timeout_ms; /* of the script, from its start */
    int64_t grace_ms;   /* between SIGTERM and SIGKILL */
    int64_t output_max; /* bytes of stderr that are reported */
    const char *cwd;
    bool has_user;
    uid_t uid;
    gid_t gid;
    const char *path; /* of the script, its only argument too */
};

/* 0, or -1 when the line is not as it must be (told on stderr). */
int options_read(int argc, char **argv, struct options *out);
