// SPDX-License-Identifier: Apache-2.0
/*
 * SO_PEERCRED and SO_PEERGROUPS (unix(7), socket(7)): what the process had
 * when it connected, whatever it becomes later.
 */
#include "agent/front/peercred.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/common/mem.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static void
add_groups(struct identity *who, int fd)
{
    CLEANUP_FREE gid_t *groups = NULL;
    gid_t none;
    socklen_t size = 0;

    /* Too small fails with ERANGE, and size says how much there is. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &none, &size) == 0 || !size)
        return;
    groups = mem_zalloc(1, size);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return;
    for (size_t i = 0; i < size / sizeof(*groups); i++)
        identity_add_number(who, IDENTITY_GID, groups[i]);
}

struct identity *
peercred_identity(int fd)
{
    struct ucred cred = {.uid = (uid_t)-1};
    socklen_t size = sizeof(cred);
    char name[IDENTITY_NAME];
    struct identity *who;
    int rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size);

    snprintf(name, sizeof(name), "uid:%u", cred.uid);
    who = identity_new(name);
    if (rc < 0)
        return who;
    identity_add_number(who, IDENTITY_UID, cred.uid);
    identity_add_number(who, IDENTITY_GID, cred.gid);
    add_groups(who, fd);
    return who;
}
