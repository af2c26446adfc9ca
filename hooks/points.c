// SPDX-License-Identifier: Apache-2.0
/* The table of points, as structs and as JSON. */
#include "hooks/points.h"

#include <string.h>

static const struct point rows[POINT_IDS] = {
#define POINT(id_, name_, payload_, failure_, result_, ms_, doc_) \
    [POINT_##id_] = {POINT_##id_,                                 \
                     name_,                                       \
                     POINT_##payload_,                            \
                     POINT_##failure_,                            \
                     POINT_##result_,                             \
                     ms_,                                         \
                     doc_},
#include "hooks/points.def"
#undef POINT
};

static const char *const payloads[] = {
    [POINT_NONE] = "none",
    [POINT_DOMAIN] = "domain",
    [POINT_DEVICE] = "device",
    [POINT_JSON] = "json",
};
static const char *const results[] = {
    [POINT_DROPPED] = "dropped",
    [POINT_USED] = "used",
    [POINT_NEVER] = "never",
};

const struct point *
points_row(enum point_id id)
{
    return &rows[id];
}

const struct point *
points_find(const char *name)
{
    for (size_t i = 0; i < POINT_IDS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

json_t *
points_json(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < POINT_IDS; i++) {
        json_t *row = json_object();

        json_put_text(row, "point", rows[i].name);
        json_put_text(row, "payload", payloads[rows[i].payload]);
        json_put_bool(row, "stops", rows[i].on_failure == POINT_STOPS);
        json_put_text(row, "result", results[rows[i].result]);
        json_put_int(row, "deadline_ms", rows[i].deadline_ms);
        json_put_text(row, "doc", rows[i].doc);
        json_array_append_new(list, row);
    }
    return list;
}
