// SPDX-License-Identifier: Apache-2.0
/*
 * Text from the command line into typed JSON and numbers back into words. A
 * disk's fields take their types from the table that the daemon checks with,
 * so `serial=123` is sent as text and `size=1G` as a number.
 */
#include "agent/ctl/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/common/mem.h"
#include "agent/common/utf8.h"

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},          {"B", 1},           {"K", 1LL << 10}, {"KiB", 1LL << 10},
    {"M", 1LL << 20}, {"MiB", 1LL << 20}, {"G", 1LL << 30}, {"GiB", 1LL << 30},
    {"T", 1LL << 40}, {"TiB", 1LL << 40},
};

static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* A number from 0 on with one of the units after it. */
static int
scale(const char *text, const struct unit *units, size_t n, int64_t *out)
{
    char *end;
    long long number;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(end, units[i].name) == 0)
            return __builtin_mul_overflow(number, units[i].factor, out) ? -1
                                                                        : 0;
    return -1;
}

int
value_size(const char *text, int64_t *bytes, struct err *err)
{
    if (scale(text, size_units, COUNT(size_units), bytes) < 0)
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no size; expected bytes or a whole number "
                       "with K, M, G or T, such as 512M",
                       text);
    return 0;
}

int
value_duration(const char *text, int64_t *ms, struct err *err)
{
    if (scale(text, time_units, COUNT(time_units), ms) < 0)
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no duration; expected a whole number with "
                       "ms, s, m or h, such as 30s",
                       text);
    return 0;
}

int
value_int(const char *text, int64_t *number, struct err *err)
{
    char *end;

    errno = 0;
    *number = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no number; expected decimal digits", text);
    return 0;
}

int
value_bool(const char *text, bool *flag, struct err *err)
{
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return err_set(err, ERR_INVALID, "\"%s\" is neither yes nor no", text);
    *flag = yes;
    return 0;
}

json_t *
value_text(const char *text, struct err *err)
{
    json_t *value = json_string(text);

    if (!value)
        err_set(err, ERR_INVALID, "\"%s\" is not UTF-8", text);
    return value;
}

void
value_put(json_t *obj, const char *path, json_t *value)
{
    const char *dot;

    while ((dot = strchr(path, '.'))) {
        CLEANUP_FREE char *key = mem_ndup(path, (size_t)(dot - path));
        json_t *inner = json_object_get(obj, key);

        if (!json_is_object(inner)) {
            inner = json_object();
            json_put(obj, key, inner);
        }
        obj = inner;
        path = dot + 1;
    }
    json_put(obj, path, value);
}

const json_t *
value_pick(const json_t *obj, const char *path)
{
    const char *dot;

    while ((dot = strchr(path, '.'))) {
        CLEANUP_FREE char *key = mem_ndup(path, (size_t)(dot - path));

        obj = json_object_get(obj, key);
        path = dot + 1;
    }
    return json_object_get(obj, path);
}

/* --- the fields of a disk ------------------------------------------------- */

enum kind {
    KIND_TEXT,
    KIND_UUID = KIND_TEXT,
    KIND_ENUM = KIND_TEXT,
    KIND_INT = KIND_TEXT + 1,
    KIND_SIZE,
    KIND_BOOL,
    KIND_OBJECT,
};

static const struct {
    const char *name;
    enum kind kind;
} fields[] = {
#define FIELD(name, type, ...) {#name, KIND_##type},
#include "agent/spec/disk_fields.def"
#undef FIELD
};

/* The part before a dot names the row; a member of an object is a number
 * where it looks like one. */
static enum kind
field_kind(const char *name)
{
    size_t len = strcspn(name, ".");

    for (size_t i = 0; i < COUNT(fields); i++)
        if (strlen(fields[i].name) == len &&
            memcmp(fields[i].name, name, len) == 0)
            return fields[i].kind;
    return KIND_TEXT;
}

static json_t *
object_value(const char *name, const char *text, struct err *err)
{
    int64_t number;

    if (!strchr(name, '.'))
        return json_parse(text, strlen(text), NULL, err);
    if (value_int(text, &number, NULL) == 0)
        return json_integer(number);
    return value_text(text, err);
}

static json_t *
field_value(const char *name, const char *text, struct err *err)
{
    int64_t number;
    bool flag;

    if (strcmp(text, "null") == 0)
        return json_null();
    switch (field_kind(name)) {
    case KIND_INT:
        return value_int(text, &number, err) < 0 ? NULL : json_integer(number);
    case KIND_SIZE:
        return value_size(text, &number, err) < 0 ? NULL : json_integer(number);
    case KIND_BOOL:
        return value_bool(text, &flag, err) < 0 ? NULL : json_boolean(flag);
    case KIND_OBJECT:
        return object_value(name, text, err);
    default:
        return value_text(text, err);
    }
}

int
value_field(const char *text, json_t *obj, struct err *err)
{
    size_t len = strcspn(text, "=");
    CLEANUP_FREE char *name = mem_ndup(text, len);
    json_t *value;

    if (!len || text[len] != '=' || !utf8_ok(name, len) ||
        strchr(name, '.') != strrchr(name, '.'))
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no field=value, such as cache=writeback",
                       text);
    value = field_value(name, text + len + 1, err);
    if (!value)
        return err_wrap(err, "%s", name);
    value_put(obj, name, value);
    return 0;
}

/* --- for people ----------------------------------------------------------- */

void
value_size_text(int64_t bytes, struct buf *out)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    int64_t unit = 1;

    while (i + 1 < COUNT(names) && bytes >= unit * 1024) {
        unit *= 1024;
        i++;
    }
    if (bytes % unit == 0)
        buf_printf(out, "%" PRId64 " %s", bytes / unit, names[i]);
    else
        buf_printf(out, "%.1f %s", (double)bytes / (double)unit, names[i]);
}

void
value_ms_text(int64_t ms, struct buf *out)
{
    int64_t s = ms / 1000;

    if (ms < 1000)
        buf_printf(out, "%" PRId64 " ms", ms);
    else if (s < 60)
        buf_printf(out, "%.1f s", (double)ms / 1000.0);
    else if (s < 3600)
        buf_printf(out, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        buf_printf(out, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        buf_printf(out, "%" PRId64 " d %" PRId64 " h", s / 86400,
                   s / 3600 % 24);
}
