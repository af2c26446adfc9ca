// SPDX-License-Identifier: Apache-2.0
/*
 * The settings: the table's rows, filled from defaults, then files, then
 * --set, the later ones winning. A snapshot never changes after conf_load
 * has returned it, so readers need no lock.
 */
#include "conf/conf.h"

#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "conf/folders.h"
#include "conf/inifile.h"
#include "conf/value.h"

struct conf {
    struct value values[CONF_IDS];
};

static const struct conf_row rows[CONF_IDS] = {
#define SETTING(id, ...) [CONF_##id] = {__VA_ARGS__},
#include "conf/params.def"
#undef SETTING
};

const struct conf_row *
conf_row(enum conf_id id)
{
    return &rows[id];
}

/* Every section, or every key of one, for "expected one of"; once each. */
static void
list_names(const char *section, char *to, size_t size)
{
    CLEANUP_BUF struct buf names = BUF_INIT;

    buf_add_text(&names, "one of");
    for (int i = 0; i < CONF_IDS; i++) {
        bool again = i > 0 && strcmp(rows[i].section, rows[i - 1].section) == 0;

        if (section ? strcmp(rows[i].section, section) == 0 : !again)
            buf_printf(&names, " %s",
                       section ? rows[i].key : rows[i].section);
    }
    snprintf(to, size, "%s", names.data);
}

/* The id of a setting; -1 + err naming what there is. */
static int
find(const char *section, const char *key, struct err *err)
{
    char expected[256];
    bool known = false;

    for (int i = 0; i < CONF_IDS; i++) {
        if (strcmp(rows[i].section, section) != 0)
            continue;
        if (strcmp(rows[i].key, key) == 0)
            return i;
        known = true;
    }
    list_names(known ? section : NULL, expected, sizeof(expected));
    if (!known)
        return err_param(err, ERR_INVALID, "section", section, expected);
    err_param(err, ERR_INVALID, "key", key, expected);
    return err_wrap(err, "[%s]", section);
}

/* One file being read. */
struct source {
    struct conf *conf;
    const char *path;
    int seen[CONF_IDS]; /* the line on which this file set it, 0: not yet */
};

static int
take(void *ctx, const char *section, const char *key, const char *text,
     int line, struct err *err)
{
    struct source *from = ctx;
    int id = find(section, key, err);
    CLEANUP_FREE char *origin = NULL;
    CLEANUP_FREE char *joined = NULL;
    struct value *value;

    if (id < 0)
        return -1;
    value = &from->conf->values[id];
    if (from->seen[id] && rows[id].type != CONF_LIST)
        return err_set(err, ERR_INVALID,
                       "%s.%s is set a second time (first in line %d); "
                       "remove one of the two",
                       section, key, from->seen[id]);
    /* An empty line of a list adds nothing, not even a blank. */
    if (from->seen[id])
        joined = mem_printf("%s%s%s", value->text,
                            *text && *value->text ? " " : "", text);
    else
        from->seen[id] = line;
    origin = mem_printf("%s:%d", from->path, from->seen[id]);
    return value_set(value, &rows[id], joined ? joined : text, origin, err);
}

static int
load_file(struct conf *conf, const char *path, struct err *err)
{
    struct source from = {.conf = conf, .path = path};

    return inifile_read(path, take, &from, err);
}

static int
by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The default file if it is there, and what lies in its .d folder. */
static int
load_system(struct conf *conf, struct err *err)
{
    CLEANUP_FREE char *file =
        folders_expand("$CONF/berth.conf", FOLDERS_OURS);
    CLEANUP_FREE char *pattern =
        folders_expand("$CONF/berth.conf.d/*.conf", FOLDERS_OURS);
    glob_t found;
    int rc = 0;

    if (access(file, F_OK) == 0)
        rc = load_file(conf, file, err);
    if (rc == 0 && glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        /* glob sorts by the locale: the order must not depend on it. */
        qsort(found.gl_pathv, found.gl_pathc, sizeof(char *), by_bytes);
        for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
            rc = load_file(conf, found.gl_pathv[i], err);
        globfree(&found);
    }
    return rc;
}

/* "section.key=value"; the section may hold spaces, neither holds a dot. */
static int
load_set(struct conf *conf, const char *set, struct err *err)
{
    const char *equals = strchr(set, '=');
    const char *dot = strchr(set, '.');
    CLEANUP_FREE char *section = NULL;
    CLEANUP_FREE char *key = NULL;
    int id;

    if (!equals || !dot || dot > equals)
        return err_param(err, ERR_INVALID, "--set", set, "section.key=value");
    section = mem_ndup(set, (size_t)(dot - set));
    key = mem_ndup(dot + 1, (size_t)(equals - dot - 1));
    id = find(section, key, err);
    if (id < 0 || value_set(&conf->values[id], &rows[id], equals + 1, "--set",
                            err) < 0)
        return err_wrap(err, "--set");
    return 0;
}

static int
load_defaults(struct conf *conf, struct err *err)
{
    for (int i = 0; i < CONF_IDS; i++) {
        CLEANUP_FREE char *text = folders_expand(rows[i].deflt, FOLDERS_OURS);

        if (value_set(&conf->values[i], &rows[i], text, "default", err) < 0)
            return -1;
    }
    return 0;
}

struct conf *
conf_load(const char *file, const char *const *sets, size_t nsets,
          struct err *err)
{
    CLEANUP_CONF struct conf *conf = mem_zalloc(1, sizeof(*conf));

    if (load_defaults(conf, err) < 0)
        return NULL;
    if ((file ? load_file(conf, file, err) : load_system(conf, err)) < 0)
        return NULL;
    for (size_t i = 0; i < nsets; i++)
        if (load_set(conf, sets[i], err) < 0)
            return NULL;
    return STEAL(conf);
}

void
conf_free(struct conf *conf)
{
    if (!conf)
        return;
    for (int i = 0; i < CONF_IDS; i++)
        value_free(&conf->values[i]);
    free(conf);
}

const char *
conf_text(const struct conf *conf, enum conf_id id)
{
    return conf->values[id].text;
}

int64_t
conf_int(const struct conf *conf, enum conf_id id)
{
    return conf->values[id].number;
}

const char *const *
conf_list(const struct conf *conf, enum conf_id id)
{
    return (const char *const *)conf->values[id].list;
}

const char *
conf_origin(const struct conf *conf, enum conf_id id)
{
    return conf->values[id].origin;
}

void
conf_diff(const struct conf *from, const struct conf *to,
          void (*fn)(void *ctx, enum conf_id id, bool live), void *ctx)
{
    for (int i = 0; i < CONF_IDS; i++)
        if (strcmp(from->values[i].text, to->values[i].text) != 0)
            fn(ctx, (enum conf_id)i, rows[i].reload);
}
