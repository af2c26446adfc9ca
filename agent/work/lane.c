// SPDX-License-Identifier: Apache-2.0
/*
 * Lanes in buckets by name, the ready ones also in a queue: the lane that has
 * been ready longest comes first, so that a long one does not starve others.
 */
#include "agent/work/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"

void
lane_set_init(struct lane_set *set)
{
    memset(set, 0, sizeof(*set));
    STAILQ_INIT(&set->ready);
}

static unsigned
bucket(const char *name)
{
    unsigned hash = 2166136261u; /* FNV-1a, 32 bits */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash % LANE_BUCKETS;
}

struct lane *
lane_set_find(struct lane_set *set, const char *name)
{
    struct lane *lane;

    if (!name[0])
        return NULL;
    LIST_FOREACH(lane, &set->buckets[bucket(name)], in_bucket)
    if (strcmp(lane->name, name) == 0)
        return lane;
    return NULL;
}

struct lane *
lane_set_add(struct lane_set *set, const char *name)
{
    struct lane *lane = mem_zalloc(1, sizeof(*lane));

    snprintf(lane->name, sizeof(lane->name), "%s", name);
    STAILQ_INIT(&lane->tasks);
    LIST_INSERT_HEAD(&set->buckets[bucket(name)], lane, in_bucket);
    set->count++;
    return lane;
}

void
lane_set_drop(struct lane_set *set, struct lane *lane)
{
    LIST_REMOVE(lane, in_bucket);
    set->count--;
    free(lane);
}

bool
lane_set_push(struct lane_set *set, struct lane *lane, const struct task *task)
{
    struct task *copy = mem_zalloc(1, sizeof(*copy));

    *copy = *task;
    STAILQ_INSERT_TAIL(&lane->tasks, copy, next);
    set->queued++;
    return lane->queued++ == 0 && !lane->worker;
}

void
lane_set_ready(struct lane_set *set, struct lane *lane)
{
    STAILQ_INSERT_TAIL(&set->ready, lane, in_ready);
    set->ready_count++;
}

struct task *
lane_set_take(struct lane_set *set, struct lane **out)
{
    struct lane *lane = STAILQ_FIRST(&set->ready);
    struct task *task = STAILQ_FIRST(&lane->tasks);

    STAILQ_REMOVE_HEAD(&set->ready, in_ready);
    set->ready_count--;
    STAILQ_REMOVE_HEAD(&lane->tasks, next);
    lane->queued--;
    set->queued--;
    *out = lane;
    return task;
}

/* The queued task of that ticket and its lane; NULL when there is none. Some
 * thousand tasks at most: a walk is short, and who withdraws is rare. */
static struct task *
find_ticket(struct lane_set *set, uint64_t ticket, struct lane **out)
{
    struct lane *lane;
    struct task *task;

    for (int i = 0; i < LANE_BUCKETS; i++)
        LIST_FOREACH(lane, &set->buckets[i], in_bucket)
            STAILQ_FOREACH(task, &lane->tasks, next)
                if (task->ticket == ticket) {
                    *out = lane;
                    return task;
                }
    return NULL;
}

struct task *
lane_set_withdraw(struct lane_set *set, uint64_t ticket)
{
    struct lane *lane;
    struct task *task = find_ticket(set, ticket, &lane);

    if (!task)
        return NULL;
    STAILQ_REMOVE(&lane->tasks, task, task, next);
    set->queued--;
    if (--lane->queued > 0 || lane->worker)
        return task;
    STAILQ_REMOVE(&set->ready, lane, lane, in_ready);
    set->ready_count--;
    lane_set_drop(set, lane);
    return task;
}

void
lane_set_empty(struct lane_set *set, struct task_list *tasks)
{
    for (int i = 0; i < LANE_BUCKETS; i++) {
        struct lane *lane = LIST_FIRST(&set->buckets[i]);

        while (lane) {
            struct lane *after = LIST_NEXT(lane, in_bucket);

            STAILQ_CONCAT(tasks, &lane->tasks);
            lane->queued = 0;
            if (!lane->worker)
                lane_set_drop(set, lane);
            lane = after;
        }
    }
    STAILQ_INIT(&set->ready);
    set->ready_count = 0;
    set->queued = 0;
}

void
lane_set_each(struct lane_set *set,
              void (*fn)(void *ctx, const struct lane *lane), void *ctx)
{
    const struct lane *lane;

    for (int i = 0; i < LANE_BUCKETS; i++)
        LIST_FOREACH(lane, &set->buckets[i], in_bucket)
            fn(ctx, lane);
}
