// SPDX-License-Identifier: Apache-2.0
/*
 * Sections that may stand many times, [kind NAME]: the ones that were read,
 * each with every value of its kind. conf/conf.c alone uses it.
 */
#pragma once

#include <stdbool.h>

#include "conf/sections.h"
#include "conf/value.h"

struct named { /* one section */
    const char *kind; /* static */
    char *name;
    struct value values[CONF_NAMED_IDS]; /* of its kind; the rest are empty */
    int seen[CONF_NAMED_IDS]; /* the line in the file being read, 0: not yet */
};

struct named_list {
    struct named **sections; /* in the order they were first seen */
    size_t n;
};

const struct conf_row *named_row(enum conf_named_id id); /* static */

/* "role Operator" → the kind "role" and its name; NULL: not such a section. */
const char *named_kind(const char *section, const char **name);

/* The row of a key of that kind; -1 + err naming what there is. */
int named_key(const char *kind, const char *key, struct err *err);

/* That section, made with defaults when it is new. NULL + err (INVALID). */
struct named *named_get(struct named_list *list, const char *kind,
                        const char *name, struct err *err);

struct named *named_find(const struct named_list *list, const char *kind,
                         const char *name);

/* Another file begins: keys may be set again. */
void named_next_file(struct named_list *list);
void named_free(struct named_list *list);
