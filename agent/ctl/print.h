// SPDX-License-Identifier: Apache-2.0
/* Values, lists and objects for people; JSON for scripts. */
#pragma once

#include <stdio.h>

#include "agent/common/buf.h"
#include "agent/common/json.h"

/* A value as text of one line: addresses as 0:0:0:1, scalars as they are,
 * null as nothing. */
void print_plain(const json_t *value, struct buf *out);
void print_size(const json_t *value, struct buf *out); /* bytes */
void print_ms(const json_t *value, struct buf *out);   /* duration */
/* Text; of a UUID its beginning, which names the thing as well. */
void print_short(const json_t *value, struct buf *out);

/* A column: its title ('>': right), the member of the row's object (dotted),
 * and how it is written (NULL: print_plain). */
struct print_column {
    const char *title;
    const char *key;
    void (*format)(const json_t *value, struct buf *out);
};
void print_list(FILE *to, const json_t *list,
                const struct print_column *columns, size_t n);

/* An object field by field, objects and lists in it indented. */
void print_fields(FILE *to, const json_t *obj, int indent);

/* JSON, indented, harmless on a terminal. */
void print_json(FILE *to, const json_t *value);
