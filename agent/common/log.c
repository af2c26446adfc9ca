// SPDX-License-Identifier: Apache-2.0
/*
 * The log: one line, one write(2), so that lines of different threads never
 * mix. Whatever a line quotes is escaped: a newline in a VM's name cannot
 * begin a line of its own. A line that cannot be written at once is lost and
 * counted. The level, the journal flag and the counts are the process's and
 * live here.
 */
#include "agent/common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/clock.h"

#define MAX_TEXT 2048
#define PATIENCE_MS 20
#define MAX_LINE (4 * MAX_TEXT + 512) /* every byte may become \xNN */

struct level {
    const char *name;
    int journald; /* sd-daemon(3): the syslog priority */
};

static const struct level levels[LOG_LEVELS] = {
    [LOG_ERROR] = {"error", 3},
    [LOG_WARNING] = {"warning", 4},
    [LOG_INFO] = {"info", 6},
    [LOG_DEBUG] = {"debug", 7},
};

static atomic_int threshold = LOG_INFO;
static atomic_bool under_journal;
static _Thread_local char flow[64]; /* of the request this thread carries */

/* How stderr takes a line without waiting. */
enum way {
    WAY_WRITE, /* a file, or a descriptor of our own that never waits */
    WAY_SEND,  /* a socket, such as journald's */
    WAY_ASK,   /* shared with others: look whether there is room */
};
static atomic_int way = WAY_WRITE;
static atomic_bool was_closed;
static atomic_bool torn;       /* the last line ended in its middle */
static atomic_llong lost;      /* lines since one was written */
static atomic_llong all_lost;  /* lines since the start */
static atomic_int last_error;  /* errno, 0: the last write was well */

void
log_init(void)
{
    under_journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_set_level(enum log_level level)
{
    threshold = (int)level;
}

enum log_level
log_get_level(void)
{
    return (enum log_level)threshold;
}

const char *
log_level_name(enum log_level level)
{
    return levels[level].name;
}

int
log_level_parse(const char *name)
{
    for (int i = 0; i < LOG_LEVELS; i++)
        if (strcasecmp(levels[i].name, name) == 0)
            return i;
    return -1;
}

void
log_set_flow(const char *flow_id)
{
    snprintf(flow, sizeof(flow), "%s", flow_id ? flow_id : "");
}

/* Append text, escaped; at has room for four times its length. */
static char *
escape(char *at, const char *text)
{
    static const char hex[] = "0123456789abcdef";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c < 0x7f && c != '\\') {
            *at++ = (char)c;
            continue;
        }
        *at++ = '\\';
        if (c == '\n' || c == '\t' || c == '\\') {
            *at++ = c == '\n' ? 'n' : c == '\t' ? 't' : '\\';
            continue;
        }
        *at++ = 'x';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    return at;
}

/* --- the target ----------------------------------------------------------- */

/* The same pipe or terminal, by a descriptor whose flags are ours alone: to
 * set O_NONBLOCK on the one we were given would set it for its other users. */
static enum way
own_stderr(void)
{
    int fd = open("/proc/self/fd/2",
                  O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC);

    if (fd < 0)
        return WAY_ASK;
    dup3(fd, STDERR_FILENO, 0);
    close(fd);
    return WAY_WRITE;
}

void
log_guard(void)
{
    struct stat st;

    signal(SIGPIPE, SIG_IGN);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* open takes the lowest number that is free: this one */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) == fd)
            was_closed = fd == STDERR_FILENO;
    }
    if (fstat(STDERR_FILENO, &st) < 0 || S_ISREG(st.st_mode))
        return;
    way = S_ISSOCK(st.st_mode) ? WAY_SEND : (int)own_stderr();
}

void
log_health(struct log_health *out)
{
    out->closed = was_closed;
    out->lost = all_lost;
    out->error = last_error;
}

static ssize_t
put_now(const char *line, size_t len)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (way == WAY_SEND)
        return send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (way == WAY_ASK && poll(&room, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(STDERR_FILENO, line, len);
}

/* A whole line with its end; false when not a byte of it was taken. */
static bool
put(const char *line, size_t len)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t n = put_now(line, len);

    /* A reader that is only slow gets a moment, once. */
    if (n < 0 && errno == EAGAIN && !last_error &&
        poll(&room, 1, PATIENCE_MS) == 1)
        n = put_now(line, len);
    last_error = n < 0 ? errno : 0;
    if (n > 0)
        torn = (size_t)n < len;
    return n > 0;
}

static char *
head(char *at, enum log_level level)
{
    char stamp[CLOCK_STAMP];

    if (under_journal)
        return at + sprintf(at, "<%d>", levels[level].journald);
    clock_stamp(clock_wall_ms(), stamp);
    return at + sprintf(at, "%s %-7s ", stamp, levels[level].name);
}

/* Say first what is missing before this line; false when that fails too. */
static bool
put_gap(void)
{
    char line[128];
    char *at = line;
    long long count = atomic_exchange(&lost, 0);

    if (torn)
        *at++ = '\n';
    if (count > 0)
        at = head(at, LOG_WARNING);
    if (count > 0)
        at += sprintf(at, "%lld lines of the log were lost here\n", count);
    if (at == line || put(line, (size_t)(at - line)))
        return true;
    lost += count;
    return false;
}

void
log_write(enum log_level level, const char *fmt, ...)
{
    char text[MAX_TEXT];
    char line[MAX_LINE];
    char *at = line;
    int saved = errno; /* a log line must not change what is reported next */
    va_list ap;
    int len;

    if ((int)level > threshold)
        return;
    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    at = head(at, level);
    if (flow[0]) {
        *at++ = '[';
        at = escape(at, flow);
        at = stpcpy(at, "] ");
    }
    at = escape(at, text);
    if (len >= MAX_TEXT)
        at = stpcpy(at, "...");
    *at++ = '\n';
    if (!put_gap() || !put(line, (size_t)(at - line))) {
        lost++;
        all_lost++;
    }
    errno = saved;
}
