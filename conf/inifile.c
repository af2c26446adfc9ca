// SPDX-License-Identifier: Apache-2.0
/*
 * inih reads from us line by line, so that we know the number of the line it
 * is at, and can refuse what it would cut or join without a word: lines
 * longer than its buffer, and NUL bytes.
 */
#include "conf/inifile.h"

#include <ini.h>
#include <stdbool.h>
#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/common/file.h"

#define MAX_FILE (1u << 20)

struct reading {
    const char *path;
    const char *at; /* what is still to be read */
    int line;
    inifile_fn fn;
    void *ctx;
    struct err *err;
    bool failed;
};

static int
fail(struct reading *r, const char *what, int limit)
{
    r->failed = true;
    if (limit)
        return err_set(r->err, ERR_INVALID,
                       "%s:%d: The line has more than %d bytes; %s", r->path,
                       r->line, limit, what);
    return err_set(r->err, ERR_INVALID, "%s:%d: %s", r->path, r->line, what);
}

/* fgets-like: the next line into to, NULL at the end or after a failure. */
static char *
next_line(char *to, int size, void *data)
{
    struct reading *r = data;
    size_t len = strcspn(r->at, "\n");

    if (r->failed || !*r->at)
        return NULL;
    r->line++;
    if (len + 2 > (size_t)size) {
        fail(r, "a list may be set in several lines, each with its key",
             size - 2);
        return NULL;
    }
    len += r->at[len] == '\n';
    memcpy(to, r->at, len);
    to[len] = '\0';
    r->at += len;
    return to;
}

static int
take(void *data, const char *section, const char *key, const char *value)
{
    struct reading *r = data;

    if (r->failed)
        return 0;
    if (r->fn(r->ctx, section, key, value, r->line, r->err) == 0)
        return 1;
    r->failed = true;
    err_wrap(r->err, "%s:%d", r->path, r->line);
    return 0;
}

int
inifile_read(const char *path, inifile_fn fn, void *ctx, struct err *err)
{
    struct reading r = {.path = path, .fn = fn, .ctx = ctx, .err = err};
    size_t len = 0;
    CLEANUP_FREE char *text = file_read(path, MAX_FILE, &len, err);
    int bad;

    if (!text)
        return -1;
    r.at = text;
    bad = ini_parse_stream(next_line, &r, take, &r);
    if (r.failed)
        return -1;
    if (strlen(text) != len) {
        r.line++;
        return fail(&r, "There is a NUL byte; expected text", 0);
    }
    if (bad) {
        r.line = bad;
        return fail(&r, "Expected [section] or key = value", 0);
    }
    return 0;
}
