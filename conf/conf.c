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
#include "conf/named.h"
#include "conf/value.h"

struct conf {
    struct value values[CONF_IDS];
    struct named_list named;
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

const struct conf_row *
conf_named_row(enum conf_named_id id)
{
    return named_row(id);
}

/* Every section, or every key of one, for "expected one of"; once each. */
static void
list_names(const char *section, char *to, size_t size)
{
    CLEANUP_BUF struct buf names = BUF_INIT;
    const char *last = "";

    buf_add_text(&names, "one of");
    for (int i = 0; i < CONF_IDS; i++) {
        bool again = i > 0 && strcmp(rows[i].section, rows[i - 1].section) == 0;

        if (section ? strcmp(rows[i].section, section) == 0 : !again)
            buf_printf(&names, " %s",
                       section ? rows[i].key : rows[i].section);
    }
    for (int i = 0; !section && i < CONF_NAMED_IDS; i++) {
        const char *kind = conf_named_row((enum conf_named_id)i)->section;

        if (strcmp(kind, last) != 0)
            buf_printf(&names, ", %s NAME", kind);
        last = kind;
    }
    snprintf(to, size, "%s", names.data);
}

/* The id of a setting; -1 + err naming what there is. */
static int
find(const char *section, const char *key, struct err *err)
{
    char expected[512];
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

static bool
is_fixed(const char *section)
{
    for (int i = 0; i < CONF_IDS; i++)
        if (strcmp(rows[i].section, section) == 0)
            return true;
    return false;
}

/* What one key of one section fills. */
struct place {
    struct value *value;
    const struct conf_row *row;
    int *seen; /* the line on which the file being read set it, 0: not yet */
};

static int
find_place(struct conf *conf, int seen[CONF_IDS], const char *section,
           const char *key, struct place *to, struct err *err)
{
    const char *name = NULL;
    const char *kind = is_fixed(section) ? NULL : named_kind(section, &name);
    int id = kind ? named_key(kind, key, err) : find(section, key, err);
    struct named *named;

    if (id < 0)
        return -1;
    if (!kind) {
        *to = (struct place){&conf->values[id], &rows[id], &seen[id]};
        return 0;
    }
    named = named_get(&conf->named, kind, name, err);
    if (!named)
        return -1;
    *to = (struct place){&named->values[id],
                         conf_named_row((enum conf_named_id)id),
                         &named->seen[id]};
    return 0;
}

/* One file being read. */
struct source {
    struct conf *conf;
    const char *path;
    int seen[CONF_IDS];
};

static int
take(void *ctx, const char *section, const char *key, const char *text,
     int line, struct err *err)
{
    struct source *from = ctx;
    CLEANUP_FREE char *origin = NULL;
    CLEANUP_FREE char *joined = NULL;
    struct place at;

    if (find_place(from->conf, from->seen, section, key, &at, err) < 0)
        return -1;
    if (*at.seen && at.row->type != CONF_LIST)
        return err_set(err, ERR_INVALID,
                       "%s.%s is set a second time (first in line %d); "
                       "remove one of the two",
                       section, key, *at.seen);
    /* An empty line of a list adds nothing, not even a blank. */
    if (*at.seen)
        joined = mem_printf("%s%s%s", at.value->text,
                            *text && *at.value->text ? " " : "", text);
    else
        *at.seen = line;
    origin = mem_printf("%s:%d", from->path, *at.seen);
    return value_set(at.value, at.row, joined ? joined : text, origin, err);
}

static int
load_file(struct conf *conf, const char *path, struct err *err)
{
    struct source from = {.conf = conf, .path = path};

    named_next_file(&conf->named);
    return inifile_read(path, take, &from, err);
}

static int
by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *
conf_folder(const char *file)
{
    CLEANUP_FREE char *usual = folders_expand("$CONF/berth.conf", FOLDERS_OURS);

    return mem_printf("%s.d", file ? file : usual);
}

/* The file, which must exist if it was named, and what lies in its .d
 * folder. */
static int
load_files(struct conf *conf, const char *named, struct err *err)
{
    CLEANUP_FREE char *usual = folders_expand("$CONF/berth.conf", FOLDERS_OURS);
    CLEANUP_FREE char *folder = conf_folder(named);
    CLEANUP_FREE char *pattern = mem_printf("%s/*.conf", folder);
    glob_t found;
    int rc = 0;

    if (named || access(usual, F_OK) == 0)
        rc = load_file(conf, named ? named : usual, err);
    if (rc == 0 && glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        /* glob sorts by the locale: the order must not depend on it. */
        qsort(found.gl_pathv, found.gl_pathc, sizeof(char *), by_bytes);
        for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
            rc = load_file(conf, found.gl_pathv[i], err);
        globfree(&found);
    }
    return rc;
}

/* "section.key=value"; the key holds no dot. */
static int
load_set(struct conf *conf, const char *set, struct err *err)
{
    const char *equals = strchr(set, '=');
    const char *dot = equals ? memrchr(set, '.', (size_t)(equals - set)) : NULL;
    CLEANUP_FREE char *section = NULL;
    CLEANUP_FREE char *key = NULL;
    int seen[CONF_IDS];
    struct place at;

    if (!dot)
        return err_param(err, ERR_INVALID, "--set", set, "section.key=value");
    section = mem_ndup(set, (size_t)(dot - set));
    key = mem_ndup(dot + 1, (size_t)(equals - dot - 1));
    if (find_place(conf, seen, section, key, &at, err) < 0 ||
        value_set(at.value, at.row, equals + 1, "--set", err) < 0)
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
    if (load_files(conf, file, err) < 0)
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
    named_free(&conf->named);
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

const char *
conf_named(const struct conf *conf, const char *kind, size_t n)
{
    for (size_t i = 0; i < conf->named.n; i++)
        if (strcmp(conf->named.sections[i]->kind, kind) == 0 && n-- == 0)
            return conf->named.sections[i]->name;
    return NULL;
}

/* The value of a named section's key; NULL when there is no such section. */
static const struct value *
named_value(const struct conf *conf, enum conf_named_id id, const char *name)
{
    const struct named *section =
        named_find(&conf->named, conf_named_row(id)->section, name);

    return section ? &section->values[id] : NULL;
}

const char *
conf_named_text(const struct conf *conf, enum conf_named_id id,
                const char *name)
{
    const struct value *value = named_value(conf, id, name);

    return value ? value->text : NULL;
}

int64_t
conf_named_int(const struct conf *conf, enum conf_named_id id,
               const char *name)
{
    const struct value *value = named_value(conf, id, name);

    return value ? value->number : 0;
}

const char *const *
conf_named_list(const struct conf *conf, enum conf_named_id id,
                const char *name)
{
    const struct value *value = named_value(conf, id, name);

    return value ? (const char *const *)value->list : NULL;
}

const char *
conf_named_origin(const struct conf *conf, enum conf_named_id id,
                  const char *name)
{
    const struct value *value = named_value(conf, id, name);

    return value ? value->origin : NULL;
}

/* Who is told of differences. */
struct diff {
    void (*fn)(void *ctx, const char *name, bool live);
    void *ctx;
};

/* The keys of sections of `from` that `to` has otherwise, or (lacking) not. */
static void
diff_named(const struct conf *from, const struct conf *to, bool lacking,
           const struct diff *diff)
{
    for (size_t i = 0; i < from->named.n; i++) {
        const struct named *section = from->named.sections[i];

        for (int k = 0; k < CONF_NAMED_IDS; k++) {
            const struct conf_row *row = conf_named_row((enum conf_named_id)k);
            const char *other =
                conf_named_text(to, (enum conf_named_id)k, section->name);
            CLEANUP_FREE char *name = mem_printf(
                "%s %s.%s", section->kind, section->name, row->key);

            if (strcmp(row->section, section->kind) == 0 &&
                (lacking ? !other
                         : other &&
                               strcmp(other, section->values[k].text) != 0))
                diff->fn(diff->ctx, name, row->reload);
        }
    }
}

void
conf_diff(const struct conf *from, const struct conf *to,
          void (*fn)(void *ctx, const char *name, bool live), void *ctx)
{
    const struct diff diff = {fn, ctx};

    for (int i = 0; i < CONF_IDS; i++) {
        CLEANUP_FREE char *name =
            mem_printf("%s.%s", rows[i].section, rows[i].key);

        if (strcmp(from->values[i].text, to->values[i].text) != 0)
            fn(ctx, name, rows[i].reload);
    }
    diff_named(from, to, false, &diff);
    diff_named(from, to, true, &diff);
    diff_named(to, from, true, &diff);
}
