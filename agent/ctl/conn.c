// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets are non-blocking and every wait is one poll with what is left of
 * the deadline. Bytes that came are kept until their line is whole, so a
 * caller may give up on a wait and come again.
 */
#include "agent/ctl/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/common/buf.h"
#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/ctl/ctl_tls.h"
#include "protocol/limits.h"

#define CHUNK (64u << 10)

struct conn {
    int fd;
    struct ctl_tls *tls; /* NULL: plain */
    struct buf in;       /* bytes not yet handed out */
    size_t scanned;      /* of them, without LF */
};

struct conn *
conn_new(int fd)
{
    struct conn *conn = mem_zalloc(1, sizeof(*conn));

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    conn->fd = fd;
    return conn;
}

void
conn_close(struct conn *conn)
{
    if (conn->tls)
        ctl_tls_free(conn->tls);
    close(conn->fd);
    buf_free(&conn->in);
    free(conn);
}

/* 0 when fd is ready for events, -1 + TIMEOUT when the deadline passed. */
static int
wait_for(int fd, short events, int64_t deadline_ms, struct err *err)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int64_t left = deadline_ms < 0 ? -1 : deadline_ms - clock_mono_ms();
        int rc;

        if (deadline_ms >= 0 && left < 0)
            left = 0;
        rc = poll(&p, 1, (int)(left > 60000 ? 60000 : left));
        if (rc > 0)
            return 0;
        if (rc < 0 && errno != EINTR)
            return err_set(err, ERR_INTERNAL, "poll failed: %s",
                           strerror(errno));
        if (deadline_ms >= 0 && clock_mono_ms() >= deadline_ms)
            return err_set(err, ERR_TIMEOUT, "No answer in time");
    }
}

/* --- bytes ---------------------------------------------------------------- */

/* As ctl_tls_read and ctl_tls_write speak, for a plain socket. */
static ssize_t
plain(struct conn *conn, bool write, void *data, size_t len, short *events,
      struct err *err)
{
    ssize_t rc = write ? send(conn->fd, data, len, MSG_NOSIGNAL)
                       : recv(conn->fd, data, len, 0);

    if (rc >= 0)
        return rc;
    *events = write ? POLLOUT : POLLIN;
    if (errno == EAGAIN || errno == EINTR)
        return -1;
    err_set(err, ERR_UNREACHABLE, "The connection to berthd broke: %s",
            strerror(errno));
    return -2;
}

static ssize_t
transfer(struct conn *conn, bool write, void *data, size_t len,
         int64_t deadline_ms, struct err *err)
{
    for (;;) {
        short events = 0;
        ssize_t rc;

        if (!conn->tls)
            rc = plain(conn, write, data, len, &events, err);
        else if (write)
            rc = ctl_tls_write(conn->tls, data, len, &events, err);
        else
            rc = ctl_tls_read(conn->tls, data, len, &events, err);
        if (rc == 0)
            return err_set(err, ERR_UNREACHABLE,
                           "berthd closed the connection");
        if (rc != -1)
            return rc > 0 ? rc : -1;
        if (wait_for(conn->fd, events, deadline_ms, err) < 0)
            return -1;
    }
}

int
conn_send(struct conn *conn, const char *text, size_t len, int64_t deadline_ms,
          struct err *err)
{
    while (len) {
        ssize_t rc = transfer(conn, true, (void *)text, len, deadline_ms, err);

        if (rc < 0)
            return -1;
        text += rc;
        len -= (size_t)rc;
    }
    return 0;
}

static char *
take_line(struct conn *conn, size_t *len)
{
    char *end, *line;

    if (conn->in.len == conn->scanned)
        return NULL;
    end = memchr(conn->in.data + conn->scanned, '\n',
                 conn->in.len - conn->scanned);
    if (!end) {
        conn->scanned = conn->in.len;
        return NULL;
    }
    *len = (size_t)(end - conn->in.data);
    line = mem_ndup(conn->in.data, *len);
    buf_consume(&conn->in, *len + 1);
    conn->scanned = 0;
    return line;
}

char *
conn_line(struct conn *conn, size_t *len, int64_t deadline_ms, struct err *err)
{
    for (;;) {
        char chunk[CHUNK];
        char *line = take_line(conn, len);
        ssize_t rc;

        if (line)
            return line;
        if (conn->in.len > LIMIT_OUTPUT) {
            err_set(err, ERR_LIMIT,
                    "berthd sent more than %u bytes without a line end",
                    LIMIT_OUTPUT);
            return NULL;
        }
        rc = transfer(conn, false, chunk, sizeof(chunk), deadline_ms, err);
        if (rc < 0)
            return NULL;
        buf_add(&conn->in, chunk, (size_t)rc);
    }
}

/* --- opening -------------------------------------------------------------- */

static int
unreachable(struct err *err, const char *where, int why)
{
    if (why == EACCES || why == EPERM)
        return err_set(err, ERR_DENIED,
                       "You may not open \"%s\": join the group of the "
                       "socket (berth by default), or use sudo",
                       where);
    return err_set(err, ERR_UNREACHABLE,
                   "Cannot reach berthd at \"%s\": %s; is it running "
                   "(systemctl status berthd), and is the address right?",
                   where, strerror(why));
}

/* Connect a non-blocking socket by the deadline; 0, or the errno. */
static int
connect_by(int fd, const struct sockaddr *address, socklen_t len,
           int64_t deadline_ms)
{
    int why = 0;
    socklen_t size = sizeof(why);

    if (connect(fd, address, len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (wait_for(fd, POLLOUT, deadline_ms, NULL) < 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) < 0 ? errno : why;
}

static int
open_unix(const char *path, int64_t deadline_ms, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP_FD int fd = -1;
    int why;

    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, ERR_INVALID,
                       "The socket path \"%s\" is too long: at most %zu bytes",
                       path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return unreachable(err, path, errno);
    why = connect_by(fd, (struct sockaddr *)&address, sizeof(address),
                     deadline_ms);
    if (why)
        return unreachable(err, path, why);
    why = fd;
    fd = -1;
    return why;
}

/* "host:port" or "[::1]:port" in two. */
static int
split_address(const char *text, char **host, char **port, struct err *err)
{
    const char *colon = strrchr(text, ':');
    const char *from = text, *to = colon;

    if (colon && *text == '[' && colon > text && colon[-1] == ']') {
        from++;
        to--;
    }
    if (!colon || to <= from || !colon[1] ||
        (from == text && memchr(from, ':', (size_t)(to - from))))
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no address; expected HOST:PORT, such as "
                       "host-7.example:54321 or [2001:db8::7]:54321",
                       text);
    *host = mem_ndup(from, (size_t)(to - from));
    *port = mem_dup(colon + 1);
    return 0;
}

static int
open_tcp(const char *where, const char *host, const char *port,
         int64_t deadline_ms, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int why = ECONNREFUSED, fd = -1, one = 1;
    int rc = getaddrinfo(host, port, &hints, &list);

    if (rc)
        return err_set(err, ERR_UNREACHABLE,
                       "Cannot find the host of \"%s\": %s", where,
                       gai_strerror(rc));
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd =
            socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        why = fd < 0 ? errno
                     : connect_by(fd, a->ai_addr, a->ai_addrlen, deadline_ms);
        if (why && fd >= 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        return unreachable(err, where, why);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static int
start_tls(struct conn *conn, const struct ctl *ctl, const char *host,
          int64_t deadline_ms, struct err *err)
{
    conn->tls = ctl_tls_new(conn->fd, host, ctl->ca, ctl->cert, ctl->key, err);
    if (!conn->tls)
        return -1;
    for (;;) {
        short events = 0;
        int rc = ctl_tls_handshake(conn->tls, &events, err);

        if (rc == 1)
            return 0;
        if (rc == 0)
            return err_set(err, ERR_UNREACHABLE,
                           "The connection was closed during the TLS "
                           "handshake");
        if (rc == -2 || wait_for(conn->fd, events, deadline_ms, err) < 0)
            return -1;
    }
}

struct conn *
conn_open(const struct ctl *ctl, struct err *err)
{
    int64_t deadline_ms = clock_mono_ms() + LIMIT_HANDSHAKE_MS;
    CLEANUP_FREE char *host = NULL;
    CLEANUP_FREE char *port = NULL;
    CLEANUP_CONN struct conn *conn = NULL;
    int fd;

    if (!ctl->connect) {
        fd = open_unix(ctl->socket, deadline_ms, err);
        return fd < 0 ? NULL : conn_new(fd);
    }
    if (split_address(ctl->connect, &host, &port, err) < 0)
        return NULL;
    fd = open_tcp(ctl->connect, host, port, deadline_ms, err);
    if (fd < 0)
        return NULL;
    conn = conn_new(fd);
    if (start_tls(conn, ctl, host, deadline_ms, err) < 0) {
        err_wrap(err, "%s", ctl->connect);
        return NULL;
    }
    return STEAL(conn);
}
