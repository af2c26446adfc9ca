// SPDX-License-Identifier: Apache-2.0
/*
 * Answers whose every field is a row of vdsm_fields.def: its name, the JSON
 * type that VDSM's clients want, and whether it is read from the host, fixed,
 * or set. A field is always there and of its type, whatever its source says.
 * Any thread.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"

struct vdsm_facts; /* what rows read from (vdsm_facts.h) */

enum vdsm_field_type {
    VDSM_FIELD_STRING,
    VDSM_FIELD_INT,
    VDSM_FIELD_REAL,
    VDSM_FIELD_BOOL,
    VDSM_FIELD_OBJECT,
    VDSM_FIELD_ARRAY,
};

struct vdsm_field {
    const char *name;
    enum vdsm_field_type type;
    json_t *(*make)(const struct vdsm_facts *facts); /* owned, or NULL; else: */
    const char *fixed;                               /* JSON text */
};

/* A member of obj for each of n rows. */
void vdsm_field_put(json_t *obj, const struct vdsm_field *rows, size_t n,
                    const struct vdsm_facts *facts);

bool vdsm_field_is(const struct vdsm_field *row, const json_t *value);
