// SPDX-License-Identifier: Apache-2.0
/*
 * What scripts of one point share: a private directory (their working
 * directory) with the payload's file, which each may rewrite, and with the
 * launch flags where a VM starts. What comes back is read as hostile: bounded,
 * a regular file, no link. One owner; worker threads.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/common/err.h"

#define PAYLOAD_MAX (16u << 20) /* what agent/common/xml.h parses */

struct payload {
    char *dir;   /* mode 0700 */
    char *path;  /* of the file, mode 0600 */
    char *flags; /* of the launch flags, NULL: none */
};

struct payload_spec {
    const char *work_dir; /* made when it is not there */
    uid_t uid;            /* whose the directory is to be */
    gid_t gid;
    const char *text; /* NULL: an empty file */
    size_t len;
    int64_t flags; /* -1: no such file */
};

/* 0 with *out owned (payload_remove), -1 + err (INTERNAL). */
int payload_make(const struct payload_spec *spec, struct payload *out,
                 struct err *err);

/* The file's content now; returns owned, NULL + err (HOOK_FAILED: it is gone,
 * no regular file, or larger than PAYLOAD_MAX). */
char *payload_read(const struct payload *payload, size_t *len, struct err *err);

/* The number in the launch flags' file; -1 + err (HOOK_FAILED). */
int64_t payload_flags(const struct payload *payload, struct err *err);

/* Take the directory away with all that scripts left in it. */
void payload_remove(struct payload *payload);

/* Take away what a berthd that died left below work_dir. */
void payload_sweep(const char *work_dir);

#define CLEANUP_PAYLOAD CLEANUP(payload_remove)
