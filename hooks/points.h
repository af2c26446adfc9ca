// SPDX-License-Identifier: Apache-2.0
/* The rows of points.def: at which moments scripts are run. Static; any
 * thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/json.h"

enum point_id {
#define POINT(id, ...) POINT_##id,
#include "hooks/points.def"
#undef POINT
    POINT_IDS
};

enum point_payload {
    POINT_NONE,   /* an empty file */
    POINT_DOMAIN, /* <domain> */
    POINT_DEVICE, /* the one element of a device */
    POINT_JSON
};
enum point_failure { POINT_IGNORED, POINT_STOPS };
enum point_result {
    POINT_DROPPED,
    POINT_USED,
    POINT_NEVER /* known from elsewhere; nothing here runs it */
};

struct point {
    enum point_id id;
    const char *name; /* also that of its directory */
    enum point_payload payload;
    enum point_failure on_failure;
    enum point_result result;
    int64_t deadline_ms; /* of all its scripts together */
    const char *doc;
};

const struct point *points_row(enum point_id id);

/* NULL when there is no such point. */
const struct point *points_find(const char *name);

/* [{point, payload, stops, result, deadline_ms, doc}]; returns owned. */
json_t *points_json(void);
