// SPDX-License-Identifier: Apache-2.0
/*
 * Who carries work: threads and lanes. Jobs of one lane run one after the
 * other, in order; lanes run in parallel; a job with no lane runs as soon as
 * a thread is free. A job that has run for POOL_BLOCKED_MS while others wait
 * is written off to its lane: another thread is started in its place (at most
 * POOL_EXTRA), and the blocked one ends when it comes back.
 * Any thread may submit; it never blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/common/err.h"
#include "agent/work/job.h"

#define POOL_BLOCKED_MS 2000
#define POOL_EXTRA 64
#define POOL_LANE_NAME JOB_LANE
#define POOL_WHO 128 /* bytes of a peer's or an operation's name, with NUL */

struct pool;

struct pool_limits {
    size_t per_lane; /* queued jobs of one lane */
    size_t total;    /* queued jobs in all */
};

/* thread_end (may be NULL) runs in each worker before it ends: per-thread
 * connections are closed there. */
struct pool *pool_new(int workers, const struct pool_limits *limits,
                      void (*thread_end)(void *ctx), void *ctx);

/* Queue a job. lane NULL: no order. Returns -1 + BUSY (queue_depth,
 * retry_after_ms) or STOPPING; the job is then still the caller's. */
int pool_submit(struct pool *pool, const char *lane, const struct job *job,
                struct err *err);

/* As pool_submit, for a job that may be taken back while it is queued: the
 * ticket is the caller's number for it, unique and not 0. */
int pool_submit_ticket(struct pool *pool, const char *lane,
                       const struct job *job, uint64_t ticket,
                       struct err *err);

/* Take a queued job back: true, and *job is the caller's again; false when it
 * runs, has run, or is being dropped. Any thread. */
bool pool_withdraw(struct pool *pool, uint64_t ticket, struct job *job);

/* A job of the house itself, such as what an event means: never BUSY, for a
 * client that fills a lane must not keep its events out. Who submits bounds
 * how many there are. */
int pool_submit_own(struct pool *pool, const char *lane, const struct job *job,
                    struct err *err);

/* For whom the job works that runs in this thread, a worker's: said in lists
 * until it ends. Both are copied and may be NULL. */
void pool_works_for(struct pool *pool, const char *peer, const char *op_id);

/* One lane as seen now. */
struct lane_info {
    char name[POOL_LANE_NAME]; /* "" for a job without a lane */
    const char *label;         /* of what runs, NULL if nothing */
    char peer[POOL_WHO];       /* for whom it runs, "" when not told */
    char op_id[POOL_WHO];
    int64_t running_ms;        /* how long it has run */
    bool blocked;              /* written off */
    bool stuck;                /* longer than pool_watch allows */
    size_t queued;
};

/*
 * Call fn once for each job that has run for stuck_ms, and again when it has
 * ended (stuck is false then); 0: never. In the pool's keeper thread, with no
 * lock held. May be called again with another time.
 */
void pool_watch(struct pool *pool, int64_t stuck_ms,
                void (*fn)(void *ctx, const struct lane_info *lane), void *ctx);

/* Lanes with anything queued or running; returns owned vector (free). */
struct lane_info *pool_lanes(struct pool *pool, size_t *count);

/* Take no more work, drop what is queued, wait up to wait_ms for what runs.
 * Returns how many jobs still run (their threads are left behind). */
int pool_stop(struct pool *pool, int64_t wait_ms);

/* After pool_stop returned 0. */
void pool_free(struct pool *pool);
