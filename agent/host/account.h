// SPDX-License-Identifier: Apache-2.0
/*
 * Another user of this host, and what the modes of files let that user do.
 * Access lists (ACLs) are not read: they may allow more. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define ACCOUNT_GROUPS 64

struct account {
    char name[64];
    uid_t uid;
    gid_t groups[ACCOUNT_GROUPS];
    int ngroups;
};

/* The user that a libvirt of root runs QEMU as; false when there is none. */
bool account_qemu(struct account *out);

/* Whether the mode lets the user do all of want (R_OK | W_OK | X_OK). */
bool account_may(const struct account *account, const struct stat *st,
                 int want);

/* The first directory on the way into the absolute path dir that the user may
 * not enter, dir included, or that does not exist; returns owned, NULL: none. */
char *account_stopped_at(const struct account *account, const char *dir);
