// SPDX-License-Identifier: Apache-2.0
/*
 * Listening sockets. What accept(2) reports of a connection that has gone
 * again is skipped; when descriptors or memory are out, the socket stays
 * readable, so the listener rests a moment instead of spinning.
 */
#include "agent/front/listener.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "protocol/limits.h"

#define REST_MS 100
#define ACCEPT_ROUNDS 32 /* per wake-up: open connections wait as well */

struct listener {
    int fd;
    char *path; /* of a unix socket, else NULL */
    struct listener_owner owner;
    struct event *ready;
    struct event *rest;
};

CLEANUP_DEFINE(addrinfo_cleanup, struct addrinfo, freeaddrinfo)

/* --- accepting ----------------------------------------------------------- */

static void
name_peer(int fd, const struct sockaddr_storage *from, socklen_t len,
          char out[LISTENER_PEER])
{
    struct ucred cred = {.uid = (uid_t)-1};
    socklen_t size = sizeof(cred);
    char host[NI_MAXHOST] = "?";
    char port[NI_MAXSERV] = "?";

    if (from->ss_family == AF_UNIX) {
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size);
        snprintf(out, LISTENER_PEER, "uid:%u", cred.uid);
        return;
    }
    getnameinfo((const struct sockaddr *)from, len, host, sizeof(host), port,
                sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(out, LISTENER_PEER,
             strchr(host, ':') ? "[%.48s]:%.5s" : "%.48s:%.5s", host, port);
}

/* False when the listener had to rest. */
static bool
accept_failed(struct listener *listener, int cause)
{
    const struct timeval tv = {.tv_usec = REST_MS * 1000};

    if (cause != EMFILE && cause != ENFILE && cause != ENOBUFS &&
        cause != ENOMEM)
        return cause != EAGAIN;
    log_error("no connection can be accepted for a moment: %s",
              strerror(cause));
    event_del(listener->ready);
    event_add(listener->rest, &tv);
    return false;
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;
    char peer[LISTENER_PEER];

    (void)what;
    for (int i = 0; i < ACCEPT_ROUNDS; i++) {
        struct sockaddr_storage from = {.ss_family = AF_UNIX};
        socklen_t len = sizeof(from);
        int got = accept4(fd, (struct sockaddr *)&from, &len,
                          SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (got < 0) {
            if (accept_failed(listener, errno))
                continue;
            return;
        }
        name_peer(got, &from, len, peer);
        listener->owner.accepted(listener->owner.ctx, got, peer);
    }
}

static void
on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    event_add(listener->ready, NULL);
}

static struct listener *
start(struct event_base *base, int fd, const char *path,
      const struct listener_owner *owner)
{
    struct listener *listener = mem_zalloc(1, sizeof(*listener));

    listener->fd = fd;
    listener->path = mem_dup(path);
    listener->owner = *owner;
    listener->ready =
        event_new(base, fd, EV_READ | EV_PERSIST, on_ready, listener);
    listener->rest = event_new(base, -1, 0, on_rested, listener);
    event_add(listener->ready, NULL);
    return listener;
}

void
listener_free(struct listener *listener)
{
    if (!listener)
        return;
    event_free(listener->ready);
    event_free(listener->rest);
    if (listener->path)
        unlink(listener->path);
    close(listener->fd);
    free(listener->path);
    free(listener);
}

/* --- TCP ----------------------------------------------------------------- */

/* Cut "HOST:PORT" or "[HOST]:PORT" in place. */
static int
split(char *address, char **host, char **port)
{
    char *colon = strrchr(address, ':');
    size_t len;

    if (!colon || colon == address || !colon[1])
        return -1;
    *colon = '\0';
    *port = colon + 1;
    *host = address;
    len = strlen(address);
    if (address[0] == '[' && address[len - 1] == ']') {
        address[len - 1] = '\0';
        *host = address + 1;
    } else if (strchr(address, ':')) {
        return -1;
    }
    return 0;
}

static struct addrinfo *
resolve(const char *setting, const char *address, struct err *err)
{
    static const char expected[] =
        "an address and a port, such as [::]:54321 or 127.0.0.1:54321";
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    CLEANUP_FREE char *text = mem_dup(address);
    struct addrinfo *found = NULL;
    char *host, *port;
    int rc;

    if (split(text, &host, &port) < 0) {
        err_param(err, ERR_INVALID, setting, address, expected);
        return NULL;
    }
    rc = getaddrinfo(host, port, &hints, &found);
    if (rc) {
        err_param(err, ERR_INVALID, setting, address, expected);
        err_wrap(err, "%s", gai_strerror(rc));
        return NULL;
    }
    return found;
}

/* Returns the descriptor, -1 with errno set. */
static int
listen_at(const struct sockaddr *at, socklen_t len)
{
    const int on = 1;
    const int off = 0;
    CLEANUP_FD int fd =
        socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int out;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, at, len) < 0 || listen(fd, LIMIT_BACKLOG) < 0)
        return -1;
    out = fd;
    fd = -1;
    return out;
}

/* "[::]" on a host without IPv6 means every address that there is. */
static int
listen_any4(const struct sockaddr *at)
{
    const struct sockaddr_in6 *six = (const void *)at;
    struct sockaddr_in four = {.sin_family = AF_INET};

    if (at->sa_family != AF_INET6 ||
        (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL) ||
        !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
        return -1;
    four.sin_port = six->sin6_port;
    return listen_at((const struct sockaddr *)&four, sizeof(four));
}

/* Listen at what was found; *name is the address that it got. */
static int
listen_found(const struct addrinfo *found, const char *setting,
             const char *address, char name[LISTENER_PEER], struct err *err)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof(at);
    int fd = listen_at(found->ai_addr, found->ai_addrlen);

    if (fd < 0)
        fd = listen_any4(found->ai_addr);
    if (fd < 0)
        return err_set(err, errno == EADDRINUSE ? ERR_BUSY : ERR_INVALID,
                       "Cannot listen at %s (%s): %s; choose an address of "
                       "this host and a port that nobody else has.",
                       address, setting, strerror(errno));
    getsockname(fd, (struct sockaddr *)&at, &len);
    name_peer(fd, &at, len, name);
    return fd;
}

int
listener_socket(const char *setting, const char *address,
                char name[LISTENER_PEER], struct err *err)
{
    CLEANUP(addrinfo_cleanup)
    struct addrinfo *found = resolve(setting, address, err);

    return found ? listen_found(found, setting, address, name, err) : -1;
}

struct listener *
listener_tcp(struct event_base *base, const char *address,
             const struct listener_owner *owner, struct err *err)
{
    char name[LISTENER_PEER];
    int fd = listener_socket("listen.tls", address, name, err);

    if (fd < 0)
        return NULL;
    log_info("listening on TLS %s", name);
    return start(base, fd, NULL, owner);
}

static bool
is_loopback(const struct sockaddr *at)
{
    if (at->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr);
    return at->sa_family == AF_INET &&
           ntohl(((const struct sockaddr_in *)(const void *)at)
                     ->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

struct listener *
listener_plain(struct event_base *base, const char *address,
               const struct listener_owner *owner, struct err *err)
{
    CLEANUP(addrinfo_cleanup)
    struct addrinfo *found = resolve("listen.plain", address, err);
    char name[LISTENER_PEER];
    int fd;

    if (!found)
        return NULL;
    if (!is_loopback(found->ai_addr)) {
        err_param(err, ERR_INVALID, "listen.plain", address,
                  "a loopback address such as 127.0.0.1:54322, since nothing "
                  "is encrypted and nobody proves who it is; listen.tls is "
                  "for the network");
        return NULL;
    }
    fd = listen_found(found, "listen.plain", address, name, err);
    if (fd < 0)
        return NULL;
    log_warning("listening WITHOUT TLS on %s: whoever is on this host can ask, "
                "without a certificate",
                name);
    return start(base, fd, NULL, owner);
}

/* --- unix ---------------------------------------------------------------- */

/* Remove what a dead process left at the path. */
static int
clear_path(const struct sockaddr_un *at, struct err *err)
{
    CLEANUP_FD int fd = -1;
    struct stat st;

    if (lstat(at->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return err_param(err, ERR_INVALID, "listen.socket", at->sun_path,
                         "a path where no file other than a socket lies");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 &&
        errno == ECONNREFUSED) {
        unlink(at->sun_path);
        return 0;
    }
    return err_set(err, ERR_BUSY,
                   "Somebody answers at %s already; stop the other berthd or "
                   "give this one another listen.socket.",
                   at->sun_path);
}

/* The directory of a run time path may be gone since the last boot. */
static int
make_dir(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP_FREE char *dir = NULL;

    if (!slash || slash == path)
        return 0;
    dir = mem_ndup(path, (size_t)(slash - path));
    return file_mkdirs(dir, 0755, err);
}

static void
give_group(const char *path, const char *group)
{
    const struct group *entry;

    if (!group || !group[0])
        return;
    entry = getgrnam(group);
    if (!entry)
        log_warning("there is no group \"%s\" (listen.socket_group): only "
                    "this user can use %s",
                    group, path);
    else if (chown(path, (uid_t)-1, entry->gr_gid) < 0)
        log_warning("cannot give %s to the group \"%s\": %s", path, group,
                    strerror(errno));
}

struct listener *
listener_unix(struct event_base *base, const char *path, unsigned mode,
              const char *group, const struct listener_owner *owner,
              struct err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    CLEANUP_FD int fd = -1;
    int owned;

    if (strlen(path) >= sizeof(at.sun_path)) {
        err_param(err, ERR_INVALID, "listen.socket", path,
                  "a path of at most 107 bytes");
        return NULL;
    }
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    if (make_dir(path, err) < 0 || clear_path(&at, err) < 0)
        return NULL;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Nobody can connect before listen, so mode and group come first. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        err_set(err, ERR_INVALID,
                "Cannot listen at %s (listen.socket): %s; its directory must "
                "exist and be writable.",
                path, strerror(errno));
        return NULL;
    }
    give_group(path, group);
    if (chmod(path, (mode_t)mode) < 0 || listen(fd, LIMIT_BACKLOG) < 0) {
        err_set(err, ERR_INVALID, "Cannot open %s to its users: %s.", path,
                strerror(errno));
        unlink(path);
        return NULL;
    }
    log_info("listening on unix %s", path);
    owned = fd;
    fd = -1;
    return start(base, owned, path, owner);
}
