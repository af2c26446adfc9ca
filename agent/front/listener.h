// SPDX-License-Identifier: Apache-2.0
/*
 * A listening socket, TCP or unix: opened from its setting, accepting for its
 * owner, resting when the process is out of descriptors. I/O thread only.
 */
#pragma once

#include <event2/event.h>

#include "agent/common/err.h"

#define LISTENER_PEER 64 /* "uid:1000", "192.0.2.1:40000", with the NUL */

struct listener;

struct listener_owner {
    /* A connection, non-blocking; takes fd. peer is the uid of a unix peer,
     * the address of another. */
    void (*accepted)(void *ctx, int fd, const char *peer);
    void *ctx;
};

/* "[::]:54321" (IPv4 as well), "127.0.0.1:0", "localhost:54321". Logs the
 * address that it got. Returns owned, NULL + err (INVALID, BUSY). */
struct listener *listener_tcp(struct event_base *base, const char *address,
                              const struct listener_owner *owner,
                              struct err *err);

/* The same without TLS, of a loopback address alone (INVALID: another); says
 * in the log what that means. */
struct listener *listener_plain(struct event_base *base, const char *address,
                                const struct listener_owner *owner,
                                struct err *err);

/* The socket alone, listening and non-blocking; name is the address that it
 * got. setting is named in what is refused. Returns owned, -1 + err. */
int listener_socket(const char *setting, const char *address,
                    char name[LISTENER_PEER], struct err *err);

/* A socket that nobody answers is replaced; one that is answered is BUSY.
 * A group that does not exist is a warning. */
struct listener *listener_unix(struct event_base *base, const char *path,
                               unsigned mode, const char *group,
                               const struct listener_owner *owner,
                               struct err *err);

void listener_free(struct listener *listener); /* closes, unlinks the path */
