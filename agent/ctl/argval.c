// SPDX-License-Identifier: Apache-2.0
/*
 * One argument's text into its JSON value, by the type in its row. Files and
 * standard input are read here, bounded as a line of the wire is.
 */
#include "agent/ctl/argval.h"

#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/file.h"
#include "agent/ctl/value.h"
#include "protocol/limits.h"

/* A file, or standard input for "-"; bounded as a line of the wire is. */
static char *
read_input(const char *path, size_t *len, struct err *err)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    char chunk[4096];
    size_t got;

    if (strcmp(path, "-") != 0)
        return file_read(path, LIMIT_LINE, len, err);
    while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
        buf_add(&b, chunk, got);
        if (b.len > LIMIT_LINE) {
            err_set(err, ERR_LIMIT,
                    "Standard input is longer than %u bytes, the most that "
                    "a request may have",
                    LIMIT_LINE);
            return NULL;
        }
    }
    *len = b.len;
    return buf_steal(&b);
}

static json_t *
read_json(const char *path, struct err *err)
{
    CLEANUP_FREE char *text = NULL;
    size_t len;
    json_t *value;

    text = read_input(path, &len, err);
    if (!text)
        return NULL;
    value = json_parse(text, len, NULL, err);
    if (!value)
        err_wrap(err, "%s", path);
    return value;
}

static bool
is_word(const char *words, const char *text)
{
    size_t len = strlen(text);

    for (const char *w = words; *w;) {
        size_t n = strcspn(w, "|");

        if (n == len && memcmp(w, text, n) == 0)
            return true;
        w += w[n] ? n + 1 : n;
    }
    return false;
}

/* JSON from the command line (ARG_JSON), or from a file or "-". */
static json_t *
document(const struct arg *arg, const char *text, struct err *err)
{
    bool inline_text = arg->type == ARG_JSON && strcmp(text, "-") != 0;
    json_t *value = inline_text ? json_parse(text, strlen(text), NULL, err)
                                : read_json(text, err);

    if (!value || json_is_object(value) ||
        (arg->type == ARG_JSON && json_is_array(value)))
        return value;
    json_decref(value);
    err_set(err, ERR_INVALID, "expected a JSON object");
    return NULL;
}

static json_t *
content(const char *path, struct err *err)
{
    size_t len;
    CLEANUP_FREE char *text = read_input(path, &len, err);

    return text ? value_text(text, err) : NULL;
}

json_t *
argval_read(const struct arg *arg, const char *text, struct err *err)
{
    int64_t number;
    bool flag;

    switch (arg->type) {
    case ARG_FILE:
    case ARG_JSON:
        return document(arg, text, err);
    case ARG_CONTENT:
        return content(text, err);
    case ARG_SIZE:
        return value_size(text, &number, err) < 0 ? NULL : json_integer(number);
    case ARG_INT:
        return value_int(text, &number, err) < 0 ? NULL : json_integer(number);
    case ARG_DURATION:
        return value_duration(text, &number, err) < 0 ? NULL
                                                      : json_integer(number);
    case ARG_BOOL:
        return value_bool(text, &flag, err) < 0 ? NULL : json_boolean(flag);
    case ARG_SET:
        return json_parse(arg->detail, strlen(arg->detail), NULL, err);
    case ARG_WORD:
        if (is_word(arg->detail, text))
            return json_string(text);
        err_set(err, ERR_INVALID, "\"%s\" is none of %s", text, arg->detail);
        return NULL;
    default:
        return value_text(text, err);
    }
}
