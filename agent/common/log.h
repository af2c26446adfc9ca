// SPDX-License-Identifier: Apache-2.0
/*
 * Log lines to stderr, one write each, control characters and non-ASCII
 * bytes escaped so that no peer can forge a line. Under systemd
 * (JOURNAL_STREAM set) a line starts with its journald level "<N>".
 * Any thread.
 */
#pragma once

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVELS };

void log_init(void);              /* looks at JOURNAL_STREAM; main thread */

/*
 * See to it that no reader of the log can hold this process up or end it:
 * stderr is written without waiting, SIGPIPE is ignored. A standard descriptor
 * that is closed is opened on /dev/null, else the next file opened would take
 * its number and get our lines. First of all in main.
 */
void log_guard(void);

/* Lines that stderr did not take are counted; the next one that it takes is
 * told after how many were lost. */
struct log_health {
    bool closed;    /* stderr was, when log_guard ran: nobody reads */
    long long lost; /* lines since the start */
    int error;      /* errno of the last write, 0: it was well */
};
void log_health(struct log_health *out); /* any thread */
void log_set_level(enum log_level level); /* atomically, any thread */
enum log_level log_get_level(void);

/* "error", "warning", "info", "debug" ⇄ level; parse returns -1 if unknown. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name);

/* The flow id written in every later line of this thread; NULL ends it. */
void log_set_flow(const char *flow_id);

void log_write(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                         \
    do {                                                                       \
        if (log_get_level() >= LOG_DEBUG)                                      \
            log_write(LOG_DEBUG, __VA_ARGS__);                                 \
    } while (0)
