// SPDX-License-Identifier: Apache-2.0
/*
 * The log: one line, one write(2), so that lines of different threads never
 * mix. Whatever a line quotes is escaped: a newline in a VM's name cannot
 * begin a line of its own. The level and the journal flag are the process's
 * and live here.
 */
#include "agent/common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/common/clock.h"

#define MAX_TEXT 2048
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

static char *
head(char *at, enum log_level level)
{
    char stamp[CLOCK_STAMP];

    if (under_journal)
        return at + sprintf(at, "<%d>", levels[level].journald);
    clock_stamp(clock_wall_ms(), stamp);
    return at + sprintf(at, "%s %-7s ", stamp, levels[level].name);
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
    if (write(STDERR_FILENO, line, (size_t)(at - line)) < 0)
        errno = 0; /* stderr is gone: there is nobody left to tell */
    errno = saved;
}
