// SPDX-License-Identifier: Apache-2.0
/* Messages between berthd and its child, both ways; used on both sides. */
#include "agent/hyper/child_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"

#define MAX_MESSAGE (32u << 20)

/* Until fd can be read or written; -1 at the deadline. */
static int
wait_for(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd poller = {.fd = fd, .events = events};
        int64_t left =
            deadline_ms < 0 ? -1 : deadline_ms - clock_mono_ms();
        int n;

        if (deadline_ms >= 0 && left <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        n = poll(&poller, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
    }
}

static int
send_all(int fd, const char *data, size_t len, int64_t deadline_ms)
{
    while (len) {
        ssize_t n;

        if (wait_for(fd, POLLOUT, deadline_ms) < 0)
            return -1;
        n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int
receive_all(int fd, char *data, size_t len, int64_t deadline_ms)
{
    while (len) {
        ssize_t n;

        if (wait_for(fd, POLLIN, deadline_ms) < 0)
            return -1;
        n = recv(fd, data, len, MSG_DONTWAIT);
        if (n == 0)
            errno = ECONNRESET;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int
child_wire_send(int fd, const json_t *message, int64_t deadline_ms)
{
    size_t len;
    CLEANUP_TEXT char *text = json_text(message, &len);
    uint32_t head = htonl((uint32_t)len);

    if (len > MAX_MESSAGE) {
        errno = EMSGSIZE;
        return -1;
    }
    if (send_all(fd, (const char *)&head, sizeof(head), deadline_ms) < 0)
        return -1;
    return send_all(fd, text, len, deadline_ms);
}

json_t *
child_wire_receive(int fd, int64_t deadline_ms)
{
    static const struct json_limits limits = {.depth = 64};
    CLEANUP_FREE char *text = NULL;
    uint32_t head;
    size_t len;

    if (receive_all(fd, (char *)&head, sizeof(head), deadline_ms) < 0)
        return NULL;
    len = ntohl(head);
    if (len > MAX_MESSAGE) {
        errno = EMSGSIZE;
        return NULL;
    }
    text = mem_zalloc(len + 1, 1);
    if (receive_all(fd, text, len, deadline_ms) < 0)
        return NULL;
    return json_parse(text, len, &limits, NULL);
}
