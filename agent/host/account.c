// SPDX-License-Identifier: Apache-2.0
/*
 * The user database and mode bits, as the kernel weighs them: the owner's
 * bits for the owner alone, then the group's for its members, then others'.
 */
#include "agent/host/account.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"

#define TEXTS 16384 /* of one entry of the user database */

bool
account_qemu(struct account *out)
{
    static const char *const users[] = {"libvirt-qemu", "qemu"};
    char texts[TEXTS];
    struct passwd entry, *user = NULL;

    for (size_t i = 0; i < 2 && !user; i++)
        getpwnam_r(users[i], &entry, texts, sizeof(texts), &user);
    if (!user)
        return false;
    snprintf(out->name, sizeof(out->name), "%s", user->pw_name);
    out->uid = user->pw_uid;
    out->ngroups = ACCOUNT_GROUPS;
    if (getgrouplist(user->pw_name, user->pw_gid, out->groups, &out->ngroups) <
        0)
        out->ngroups = ACCOUNT_GROUPS; /* as many as there was room for */
    return true;
}

bool
account_may(const struct account *account, const struct stat *st, int want)
{
    mode_t mode = st->st_mode;

    if (account->uid == 0)
        return true;
    if (account->uid == st->st_uid)
        return (int)(mode >> 6 & (mode_t)want) == want;
    for (int i = 0; i < account->ngroups; i++)
        if (account->groups[i] == st->st_gid)
            return (int)(mode >> 3 & (mode_t)want) == want;
    return (int)(mode & (mode_t)want) == want;
}

char *
account_stopped_at(const struct account *account, const char *dir)
{
    CLEANUP_FREE char *part = mem_dup(dir);
    struct stat st;

    for (char *at = part + 1; *part; at++) {
        char end = *at;

        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        if (stat(part, &st) < 0 || !account_may(account, &st, X_OK))
            return STEAL(part);
        *at = end;
        if (end == '\0')
            break;
    }
    return NULL;
}
