// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs that wait, by lane: the room's own data structure. A lane is there
 * while it has jobs that wait or run; it is ready while jobs wait and none
 * runs. No thread and no lock: the pool has both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent/work/job.h"

#define LANE_BUCKETS 256 /* by name */

struct task {
    struct job job;
    uint64_t ticket; /* 0: cannot be taken back */
    STAILQ_ENTRY(task) next;
};

STAILQ_HEAD(task_list, task);

struct worker;

struct lane {
    char name[JOB_LANE]; /* "": of a single job */
    struct task_list tasks;
    size_t queued;
    struct worker *worker; /* runs a job of it; NULL */
    LIST_ENTRY(lane) in_bucket;
    STAILQ_ENTRY(lane) in_ready;
};

struct lane_set {
    LIST_HEAD(, lane) buckets[LANE_BUCKETS];
    STAILQ_HEAD(, lane) ready;
    size_t ready_count;
    size_t count;
    size_t queued; /* jobs, all lanes */
};

void lane_set_init(struct lane_set *set);

/* NULL when there is none; "" names no lane. */
struct lane *lane_set_find(struct lane_set *set, const char *name);
struct lane *lane_set_add(struct lane_set *set, const char *name);

/* The lane has no jobs: it goes away. */
void lane_set_drop(struct lane_set *set, struct lane *lane);

/* Append a copy of the task; true when the lane is to be made ready. */
bool lane_set_push(struct lane_set *set, struct lane *lane,
                   const struct task *task);

/* Put the lane at the end of the ready queue. */
void lane_set_ready(struct lane_set *set, struct lane *lane);

/* The next job and its lane, which is not ready any more; some lane is.
 * Returns owned. */
struct task *lane_set_take(struct lane_set *set, struct lane **out);

/* Take a queued task back by its ticket; owned, NULL when there is none. */
struct task *lane_set_withdraw(struct lane_set *set, uint64_t ticket);

/* Move what is queued to tasks, in ready lanes and behind jobs that run. */
void lane_set_empty(struct lane_set *set, struct task_list *tasks);

/* fn for each lane. */
void lane_set_each(struct lane_set *set,
                   void (*fn)(void *ctx, const struct lane *lane), void *ctx);
