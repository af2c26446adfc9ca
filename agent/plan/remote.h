// SPDX-License-Identifier: Apache-2.0
/*
 * A call about a host by proxy, and what its planner finds: what is to be
 * printed, what will be true afterwards, what we keep of it. Worker threads,
 * in the lane of the machine.
 */
#pragma once

#include "agent/hyper/esx.h"
#include "agent/hyper/vim_task.h"
#include "agent/plan/env.h"
#include "agent/plan/request.h"

/* A call about a host by proxy. */
struct remote {
    struct env *env;
    const struct request *request;
    struct esx *esx;
    struct vim_entry vm; /* uuid "": it concerns no machine that is there */
};

/* What a planner found; JSON values are owned. */
struct remote_plan {
    json_t *steps;    /* of a dry run: [{step, …}] */
    json_t *expect;   /* what will be true; NULL: it is so already */
    json_t *result;   /* further members of the receipt */
    json_t *warnings; /* texts */
    json_t *rows;     /* [{disk_id, doc}]: our records, with the outcome */
    const char *event;  /* static: type of the event, NULL: none */
    const char *device; /* of the event: borrowed from result, or NULL */
};
void remote_plan_warn(struct remote_plan *plan, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A step to print; returns it, to be filled (borrowed). */
json_t *remote_plan_step(struct remote_plan *plan, const char *step);
/* Our record of a disk as it is after the operation; doc NULL: none. */
void remote_plan_row(struct remote_plan *plan, const char *disk_id,
                     json_t *doc /* takes */);

struct remote_work {
    /* Read and decide; no effect. wish is the verb's own. */
    int (*plan)(struct remote *remote, void *wish, struct remote_plan *plan,
                struct err *err);
    /* Do it. task->ref is set when the server made a task of it. */
    int (*effect)(struct remote *remote, void *wish, struct vim_task *task,
                  bool *lost, struct err *err);
};
