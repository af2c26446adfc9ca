// SPDX-License-Identifier: Apache-2.0
/*
 * A step that a plan holds twice passes its points twice; the reply belongs
 * to the last step; undo is passed only where something fails afterwards.
 */
#include "agent/ctl/chaos_point.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

#define INSIDE_MAX 500 /* ms; who takes longer waits for something */

struct list {
    struct chaos_point *points;
    size_t n;
};

bool
chaos_point_split(const char *name, char step[64], const char **rest)
{
    const char *dot = strchr(name, '.');

    if (!dot || dot == name || dot - name >= 64 || !strchr(dot + 1, '.'))
        return false;
    memcpy(step, name, (size_t)(dot - name));
    step[dot - name] = '\0';
    *rest = dot + 1;
    return true;
}

bool
chaos_point_inside(const struct chaos_point *point)
{
    size_t len = strlen(point->name);

    return len > 7 && strcmp(point->name + len - 7, ".inside") == 0;
}

void
chaos_point_text(const struct chaos_point *point, char out[112])
{
    snprintf(out, 112, "%s:%ld", point->name, point->n);
}

static void
add(struct list *list, const char *name, long n)
{
    struct chaos_point *point;

    list->points = mem_more(list->points, list->n, sizeof(*list->points));
    point = &list->points[list->n++];
    snprintf(point->name, sizeof(point->name), "%s", name);
    point->n = n;
}

static const char *
step_of(const json_t *steps, size_t i)
{
    return json_get_text(json_array_get(steps, i), "step", "");
}

/* How often the kind of step i stands in the plan up to it. */
static long
occurrence(const json_t *steps, size_t i)
{
    long n = 0;

    for (size_t k = 0; k <= i; k++)
        n += strcmp(step_of(steps, k), step_of(steps, i)) == 0;
    return n;
}

static void
add_passed(struct list *list, const char *name, long nth, long share_ms)
{
    struct chaos_point point = {.n = nth};

    snprintf(point.name, sizeof(point.name), "%s", name);
    if (!chaos_point_inside(&point)) {
        add(list, name, nth);
        return;
    }
    if (nth > 1) /* it is told by its time, not its number */
        return;
    for (long quarter = 0; quarter <= 4; quarter++) {
        long ms = share_ms * quarter / 4;

        if (ms > INSIDE_MAX)
            ms = INSIDE_MAX;
        if (quarter == 0)
            add(list, name, 1);
        else if (ms > list->points[list->n - 1].n)
            add(list, name, ms);
    }
}

struct chaos_point *
chaos_point_list(char *const *names, size_t nnames, const json_t *steps,
                 bool undo, const char *glob, long call_ms, size_t *n)
{
    struct list list = {NULL, 0};
    size_t nsteps = json_array_size(steps);

    for (size_t i = 0; i < nsteps; i++) {
        for (size_t k = 0; k < nnames; k++) {
            char step[64];
            const char *rest;

            if (!chaos_point_split(names[k], step, &rest) ||
                strcmp(step, step_of(steps, i)) != 0 ||
                undo != (strncmp(rest, "undo.", 5) == 0) ||
                (strncmp(rest, "reply.", 6) == 0 && i + 1 < nsteps) ||
                (glob && fnmatch(glob, names[k], 0) != 0))
                continue;
            add_passed(&list, names[k], occurrence(steps, i),
                       call_ms / (long)nsteps);
        }
    }
    *n = list.n;
    return list.points;
}
