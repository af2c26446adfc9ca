// SPDX-License-Identifier: Apache-2.0
/*
 * Reads and writes that never block, and the output queue. Frames are kept
 * whole until their last byte has gone, since OpenSSL wants the same bytes
 * again after it asked to wait. No limits here: the session has them.
 */
#include "agent/front/wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"

struct wire_frame {
    struct wire_frame *next;
    size_t len;
    size_t sent;
    char data[];
};

void
wire_init(struct wire *wire, int fd, struct tls_conn *conn)
{
    *wire = (struct wire){.fd = fd, .conn = conn};
}

static void
drop_first(struct wire *wire)
{
    struct wire_frame *frame = wire->first;

    wire->waiting -= frame->len - frame->sent;
    wire->first = frame->next;
    if (!wire->first)
        wire->last = NULL;
    free(frame);
}

bool
wire_stuck(const struct wire *wire)
{
    return wire->conn && tls_unsent(wire->conn);
}

bool
wire_busy(const struct wire *wire)
{
    return wire->first || wire_stuck(wire);
}

void
wire_close(struct wire *wire)
{
    /* A close_notify in the middle of a record would be garbage. */
    if (wire->conn && !wire_busy(wire) && !wire->reset)
        tls_shutdown(wire->conn);
    while (wire->first)
        drop_first(wire);
    tls_conn_free(wire->conn);
    wire->conn = NULL;
    close(wire->fd);
    wire->fd = -1;
}

void
wire_reset_at_end(struct wire *wire)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    wire->reset =
        setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0;
}

bool
wire_unsent(const struct wire *wire)
{
    int bytes = 0;

    return ioctl(wire->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

/* What a failed system call on a plain socket means. */
static enum tls_io
plain_outcome(enum tls_io wait)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return wait;
    return TLS_FAILED;
}

enum tls_io
wire_read(struct wire *wire, void *to, size_t size, size_t *done)
{
    ssize_t n;

    if (wire->conn)
        return tls_read(wire->conn, to, size, done);
    n = recv(wire->fd, to, size, 0);
    if (n < 0)
        return plain_outcome(TLS_WANT_READ);
    *done = (size_t)n;
    return n ? TLS_DONE : TLS_CLOSED;
}

bool
wire_gone(const struct wire *wire)
{
    struct pollfd end = {.fd = wire->fd};

    return !wire->conn && poll(&end, 1, 0) == 1 && (end.revents & POLLHUP);
}

static enum tls_io
write_some(struct wire *wire, const char *from, size_t size, size_t *done)
{
    ssize_t n;

    if (wire->conn)
        return tls_write(wire->conn, from, size, done);
    n = send(wire->fd, from, size, MSG_NOSIGNAL);
    if (n < 0)
        return plain_outcome(TLS_WANT_WRITE);
    *done = (size_t)n;
    return TLS_DONE;
}

void
wire_add(struct wire *wire, const struct wire_part *parts, size_t n)
{
    struct wire_frame *frame;
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    frame = mem_zalloc(1, sizeof(*frame) + len);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len)
            memcpy(frame->data + frame->len, parts[i].data, parts[i].len);
        frame->len += parts[i].len;
    }
    if (wire->last)
        wire->last->next = frame;
    else
        wire->first = frame;
    wire->last = frame;
    wire->waiting += len;
}

/* Write the first frame. */
static enum tls_io
write_first(struct wire *wire)
{
    struct wire_frame *frame = wire->first;

    while (frame->sent < frame->len) {
        size_t done = 0;
        enum tls_io io = write_some(wire, frame->data + frame->sent,
                                    frame->len - frame->sent, &done);

        if (io != TLS_DONE)
            return io;
        frame->sent += done;
        wire->waiting -= done;
    }
    drop_first(wire);
    return TLS_DONE;
}

/* How long the first frame must wait; one that is begun goes on. */
static int64_t
pause_of(const struct wire *wire)
{
    int64_t left;

    if (!wire->pacing_us || !wire->first || wire->first->sent)
        return 0;
    left = wire->rested_us - clock_mono_us();
    return left > 0 ? left : 0;
}

static enum tls_io
send_gathered(struct wire *wire)
{
    return wire->conn ? tls_flush(wire->conn) : TLS_DONE;
}

enum tls_io
wire_flush(struct wire *wire, int64_t *pause_us)
{
    while (wire->first && !(*pause_us = pause_of(wire))) {
        enum tls_io io = write_first(wire);

        if (io == TLS_DONE && wire->pacing_us) {
            wire->rested_us = clock_mono_us() + wire->pacing_us;
            io = send_gathered(wire);
        }
        if (io != TLS_DONE)
            return io;
    }
    return send_gathered(wire);
}

void
wire_end_output(struct wire *wire)
{
    if (wire->reset)
        return;
    if (wire->conn)
        tls_shutdown(wire->conn);
    shutdown(wire->fd, SHUT_WR);
}
