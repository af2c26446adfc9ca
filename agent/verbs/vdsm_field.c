// SPDX-License-Identifier: Apache-2.0
/* What a row's function does not tell becomes the empty value of its type. */
#include "agent/verbs/vdsm_field.h"

#include <string.h>

bool
vdsm_field_is(const struct vdsm_field *row, const json_t *value)
{
    static const json_type types[] = {
        [VDSM_FIELD_STRING] = JSON_STRING, [VDSM_FIELD_INT] = JSON_INTEGER,
        [VDSM_FIELD_REAL] = JSON_REAL,     [VDSM_FIELD_OBJECT] = JSON_OBJECT,
        [VDSM_FIELD_ARRAY] = JSON_ARRAY,
    };

    if (row->type == VDSM_FIELD_BOOL)
        return json_is_boolean(value);
    return value && json_typeof(value) == types[row->type];
}

static json_t *
empty(enum vdsm_field_type type)
{
    switch (type) {
    case VDSM_FIELD_STRING:
        return json_string("");
    case VDSM_FIELD_INT:
        return json_integer(0);
    case VDSM_FIELD_REAL:
        return json_real(0);
    case VDSM_FIELD_BOOL:
        return json_false();
    case VDSM_FIELD_OBJECT:
        return json_object();
    case VDSM_FIELD_ARRAY:
        return json_array();
    }
    return json_null();
}

static json_t *
value_of(const struct vdsm_field *row, const struct vdsm_facts *facts)
{
    CLEANUP_JSON json_t *value =
        row->make ? row->make(facts)
                  : json_parse(row->fixed, strlen(row->fixed), NULL, NULL);

    return vdsm_field_is(row, value) ? json_incref(value) : empty(row->type);
}

void
vdsm_field_put(json_t *obj, const struct vdsm_field *rows, size_t n,
               const struct vdsm_facts *facts)
{
    for (size_t i = 0; i < n; i++)
        json_put(obj, rows[i].name, value_of(&rows[i], facts));
}
