// SPDX-License-Identifier: Apache-2.0
/*
 * NBD protocol, "Newstyle negotiation": the server speaks first, and begins
 * with NBDMAGIC.
 */
#include "agent/host/nbd.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/common/clock.h"

#define GREETING "NBDMAGIC"
#define GREETING_BYTES 8

static int
failed(const char *host, unsigned port, const char *why, struct err *err)
{
    return err_set(err, ERR_SOURCE_BAD,
                   "source: no NBD server answers at %s port %u: %s", host,
                   port, why);
}

/* 0 when it is ready for events before the deadline. */
static int
wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd pfd = {.fd = fd, .events = events};
    int64_t left;
    int n;

    do {
        left = deadline_ms - clock_mono_ms();
        n = left > 0 ? poll(&pfd, 1, (int)left) : 0;
    } while (n < 0 && errno == EINTR);
    return n > 0 ? 0 : -1;
}

static int
give(int *fd)
{
    int given = *fd;

    *fd = -1;
    return given;
}

/* A connected socket, or -1 with errno. */
static int
connect_to(const struct addrinfo *at, int64_t deadline_ms)
{
    CLEANUP_FD int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof(int);
    int error = 0;

    if (fd < 0)
        return -1;
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
        return give(&fd);
    if (errno != EINPROGRESS)
        return -1;
    if (wait_for(fd, POLLOUT, deadline_ms) < 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -1;
    errno = error;
    return error ? -1 : give(&fd);
}

static int
read_greeting(int fd, int64_t deadline_ms, char greeting[GREETING_BYTES])
{
    size_t len = 0;

    while (len < GREETING_BYTES && wait_for(fd, POLLIN, deadline_ms) == 0) {
        ssize_t n = recv(fd, greeting + len, GREETING_BYTES - len, 0);

        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    return len == GREETING_BYTES ? 0 : -1;
}

static void
free_addresses(struct addrinfo **list)
{
    if (*list)
        freeaddrinfo(*list);
}

int
nbd_try(const char *host, unsigned port, int64_t deadline_ms, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    CLEANUP(free_addresses) struct addrinfo *list = NULL;
    CLEANUP_FD int fd = -1;
    char service[12], greeting[GREETING_BYTES];
    int rc;

    snprintf(service, sizeof(service), "%u", port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc)
        return failed(host, port, gai_strerror(rc), err);
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        fd = connect_to(at, deadline_ms);
    if (fd < 0)
        return failed(host, port, strerror(errno), err);
    if (read_greeting(fd, deadline_ms, greeting) < 0)
        return failed(host, port,
                      "it said nothing in time; a VM with it would stand still",
                      err);
    if (memcmp(greeting, GREETING, GREETING_BYTES) != 0)
        return failed(host, port, "what answers there speaks something else",
                      err);
    return 0;
}
