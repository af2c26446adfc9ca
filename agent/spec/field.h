// SPDX-License-Identifier: Apache-2.0
/*
 * Typed fields: one table format for verb parameters, disk objects and VM
 * objects, and the checker that walks it. Unknown and mistyped fields are
 * refused by name before anything runs. Pure, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/common/json.h"

enum field_type {
    FIELD_TEXT,   /* UTF-8, no control characters, 1..max bytes */
    FIELD_NAME,   /* a name: A-Z a-z 0-9 . _ + - , at most 128 bytes */
    FIELD_UUID,
    FIELD_REF,    /* names a VM or disk: UUID, unique prefix, or name */
    FIELD_PATH,   /* absolute path, no control characters, < 4096 bytes */
    FIELD_INT,    /* min..max */
    FIELD_SIZE,   /* bytes, multiple of 512, 1..2^63-1 */
    FIELD_BOOL,
    FIELD_ENUM,   /* one of the words of range */
    FIELD_OBJECT, /* checked further by its own reader */
    FIELD_ARRAY,
    FIELD_ANY, /* checked by the verb */
    FIELD_TYPES
};

/* What a change does to a plugged disk or a running VM. */
enum field_live { FIELD_LIVE, FIELD_NEXT, FIELD_NEVER };

struct field {
    const char *name;
    enum field_type type;
    bool required;
    const char *deflt; /* JSON text of the default, NULL: none */
    int64_t min, max;  /* for INT; max also bounds TEXT (0: 1024) */
    const char *range; /* for people; "a|b|c" for ENUM */
    enum field_live live;
    const char *doc;
};

/* "string", "integer", … as --dump-verbs says; borrowed. */
const char *field_type_name(enum field_type type);

/* The row of that name, NULL if there is none. */
const struct field *field_find(const struct field *fields, size_t n,
                               const char *name);

/*
 * Check obj (an object) against the rows: unknown field, missing required
 * one, wrong type, out of range → INVALID with param (prefix + name), value
 * and expected. A null value of a field that is not required passes.
 */
int field_check(const struct field *fields, size_t n, const char *prefix,
                const json_t *obj, struct err *err);

/* Whether text is one of the words of an enum's range ("a|b|c"). */
bool field_word(const char *range, const char *text);

/* A copy of obj (an object) in which rows with a default that are absent or
 * null hold it. Returns owned. */
json_t *field_defaults(const struct field *fields, size_t n,
                       const json_t *obj);

/* Refuse prefix + name: INVALID with its value (NULL: missing) and what was
 * expected. For the rules between fields. Returns -1. */
int field_refuse(const char *prefix, const char *name, const json_t *value,
                 const char *expected, struct err *err);
