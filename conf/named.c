// SPDX-License-Identifier: Apache-2.0
/*
 * The named sections as a plain list: a host has some tens of them. A section
 * exists from its first key on, and then has every value of its kind.
 */
#include "conf/named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"

#define MAX_SECTIONS 1000
#define MAX_NAME 40 /* inih cuts what goes beyond 50 bytes with the kind */

static const struct conf_row rows[CONF_NAMED_IDS] = {
#define NAMED(id, ...) [CONF_##id] = {__VA_ARGS__},
#include "conf/sections.def"
#undef NAMED
};

const struct conf_row *
named_row(enum conf_named_id id)
{
    return &rows[id];
}

const char *
named_kind(const char *section, const char **name)
{
    size_t len = strcspn(section, " ");

    for (int i = 0; section[len] && i < CONF_NAMED_IDS; i++)
        if (strlen(rows[i].section) == len &&
            strncmp(rows[i].section, section, len) == 0) {
            *name = section + len + strspn(section + len, " ");
            return rows[i].section;
        }
    return NULL;
}

int
named_key(const char *kind, const char *key, struct err *err)
{
    CLEANUP_BUF struct buf names = BUF_INIT;

    buf_add_text(&names, "one of");
    for (int i = 0; i < CONF_NAMED_IDS; i++) {
        if (strcmp(rows[i].section, kind) != 0)
            continue;
        if (strcmp(rows[i].key, key) == 0)
            return i;
        buf_printf(&names, " %s", rows[i].key);
    }
    err_param(err, ERR_INVALID, "key", key, names.data);
    return err_wrap(err, "[%s NAME]", kind);
}

struct named *
named_find(const struct named_list *list, const char *kind, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->sections[i]->kind, kind) == 0 &&
            strcmp(list->sections[i]->name, name) == 0)
            return list->sections[i];
    return NULL;
}

static int
check_name(const struct named_list *list, const char *kind, const char *name,
           struct err *err)
{
    if (!*name || strlen(name) > MAX_NAME || strpbrk(name, "[]"))
        return err_param(err, ERR_INVALID, "section", name,
                         "a name of 1 to 40 bytes after the kind, without "
                         "brackets");
    if (list->n == MAX_SECTIONS)
        return err_set(err, ERR_INVALID,
                       "[%s %s] is one section too many: there may be %d "
                       "sections with a name",
                       kind, name, MAX_SECTIONS);
    return 0;
}

struct named *
named_get(struct named_list *list, const char *kind, const char *name,
          struct err *err)
{
    struct named *section = named_find(list, kind, name);

    if (section)
        return section;
    if (check_name(list, kind, name, err) < 0)
        return NULL;
    section = mem_zalloc(1, sizeof(*section));
    section->kind = kind;
    section->name = mem_dup(name);
    list->sections =
        mem_more(list->sections, list->n, sizeof(*list->sections));
    list->sections[list->n++] = section;
    for (int i = 0; i < CONF_NAMED_IDS; i++)
        if (strcmp(rows[i].section, kind) == 0 &&
            value_set(&section->values[i], &rows[i], rows[i].deflt, "default",
                      err) < 0)
            return NULL;
    return section;
}

void
named_next_file(struct named_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        memset(list->sections[i]->seen, 0, sizeof(list->sections[i]->seen));
}

void
named_free(struct named_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        for (int k = 0; k < CONF_NAMED_IDS; k++)
            value_free(&list->sections[i]->values[k]);
        free(list->sections[i]->name);
        free(list->sections[i]);
    }
    free(list->sections);
    *list = (struct named_list){0};
}
