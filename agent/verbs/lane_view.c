// SPDX-License-Identifier: Apache-2.0
/* Names and times of a lane, for ListOperations and GetHostStats alike. */
#include "agent/verbs/lane_view.h"

#include "agent/common/clock.h"

static void
put_name(json_t *obj, const char *key, const char *name)
{
    json_put_text(obj, key, name && name[0] ? name : NULL);
}

json_t *
lane_view_json(const struct lane_info *lane)
{
    json_t *obj = json_object();
    char since[CLOCK_STAMP];

    clock_stamp(clock_wall_ms() - lane->running_ms, since);
    put_name(obj, "lane", lane->name);
    put_name(obj, "label", lane->label);
    put_name(obj, "peer", lane->peer);
    put_name(obj, "op_id", lane->op_id);
    json_put_text(obj, "since", lane->label ? since : NULL);
    json_put_int(obj, "running_ms", lane->running_ms);
    json_put_bool(obj, "blocked", lane->blocked);
    json_put_bool(obj, "stuck", lane->stuck);
    json_put_int(obj, "queued", (json_int_t)lane->queued);
    return obj;
}
