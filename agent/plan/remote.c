// SPDX-License-Identifier: Apache-2.0
/* The parts of a plan for a host by proxy. */
#include "agent/plan/remote.h"

#include <stdarg.h>
#include <stdio.h>

void
remote_plan_warn(struct remote_plan *plan, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_array_append_new(plan->warnings, json_string(text));
}

json_t *
remote_plan_step(struct remote_plan *plan, const char *step)
{
    json_t *obj = json_object();

    json_put_text(obj, "step", step);
    json_array_append_new(plan->steps, obj);
    return obj;
}

void
remote_plan_row(struct remote_plan *plan, const char *disk_id, json_t *doc)
{
    json_t *row = json_object();

    json_put_text(row, "disk_id", disk_id);
    json_put(row, "doc", doc);
    json_array_append_new(plan->rows, row);
}
