// SPDX-License-Identifier: Apache-2.0
/*
 * A job is queued in its lane → the lane is ready while nothing of it runs →
 * a worker takes the oldest job of the lane that has been ready longest →
 * the lane goes to the end of the ready queue, or away when it is empty. A
 * job without a lane gets one of its own. The keeper thread writes off
 * workers that block others, starts replacements, joins what has ended, and
 * tells of jobs that run for too long.
 */
#include "agent/work/pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/work/lane.h"

#define RETRY_BUSY_MS 200 /* hint to who is told BUSY */

struct worker {
    struct pool *pool;
    pthread_t thread;
    bool running; /* a job; what follows is about it */
    bool blocked; /* written off: the thread ends after it */
    bool stuck;   /* and told */
    struct lane *lane;
    const char *label;
    char peer[POOL_WHO];
    char op_id[POOL_WHO];
    int64_t started_ms;
    int64_t due_ms;             /* when it may be written off */
    LIST_ENTRY(worker) in_list; /* alive or ended */
};

LIST_HEAD(worker_list, worker);

struct over { /* a job that was stuck has ended: to be told */
    struct lane_info info;
    STAILQ_ENTRY(over) next;
};

struct pool {
    struct pool_limits limits;
    void (*thread_end)(void *ctx);
    void *ctx;
    pthread_t keeper;
    struct lock lock;       /* guards what follows */
    pthread_cond_t work;    /* workers: a lane is ready, or the end */
    pthread_cond_t watch;   /* keeper: something to look at */
    pthread_cond_t stopped; /* pool_stop: a worker has ended */
    struct lane_set lanes;
    struct worker_list alive;
    struct worker_list ended; /* to be joined */
    size_t alive_count;
    size_t blocked_count;
    size_t idle;   /* wait, or are being started */
    bool watching; /* the keeper has a time to write off at */
    bool timed;    /* it has any time to wake at */
    int64_t stuck_ms;
    void (*stuck)(void *ctx, const struct lane_info *lane);
    void *stuck_ctx;
    STAILQ_HEAD(, over) overs;
    bool stopping;
    bool keeper_joined;
};

/* Put it at the end of the ready queue and see that somebody comes. */
static void
make_ready(struct pool *pool, struct lane *lane)
{
    lane_set_ready(&pool->lanes, lane);
    if (pool->idle >= pool->lanes.ready_count)
        pthread_cond_signal(&pool->work);
    else if (!pool->watching)
        pthread_cond_signal(&pool->watch);
}

/* --- workers -------------------------------------------------------------- */

static void
fill_info(const struct lane *lane, struct lane_info *info)
{
    const struct worker *worker = lane->worker;

    memcpy(info->name, lane->name, sizeof(info->name));
    info->queued = lane->queued;
    if (!worker)
        return;
    info->label = worker->label;
    memcpy(info->peer, worker->peer, sizeof(info->peer));
    memcpy(info->op_id, worker->op_id, sizeof(info->op_id));
    info->running_ms = clock_mono_ms() - worker->started_ms;
    info->blocked = worker->blocked;
    info->stuck = worker->stuck;
}

static void
begin_job(struct worker *worker, struct lane *lane, const struct job *job)
{
    struct pool *pool = worker->pool;

    pool->idle--;
    lane->worker = worker;
    worker->lane = lane;
    worker->running = true;
    worker->stuck = false;
    worker->label = job->label;
    worker->peer[0] = worker->op_id[0] = '\0';
    worker->started_ms = clock_mono_ms();
    worker->due_ms = worker->started_ms + POOL_BLOCKED_MS;
    if (pool->stuck_ms && !pool->timed)
        pthread_cond_signal(&pool->watch);
}

static void
note_over(struct pool *pool, const struct lane *lane)
{
    struct over *over = mem_zalloc(1, sizeof(*over));

    fill_info(lane, &over->info);
    over->info.stuck = false;
    STAILQ_INSERT_TAIL(&pool->overs, over, next);
    pthread_cond_signal(&pool->watch);
}

/* Run one job of the first ready lane. Takes and drops the lock meanwhile. */
static void
worker_run(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct lane *lane;
    CLEANUP_FREE struct task *task = lane_set_take(&pool->lanes, &lane);

    begin_job(worker, lane, &task->job);
    lock_drop(&pool->lock);

    task->job.run(task->job.arg);

    lock_take(&pool->lock);
    if (worker->stuck)
        note_over(pool, lane);
    worker->running = false;
    lane->worker = NULL;
    if (!worker->blocked)
        pool->idle++; /* before make_ready: it may take the next itself */
    if (lane->queued > 0)
        make_ready(pool, lane);
    else
        lane_set_drop(&pool->lanes, lane);
}

/* The last word of a thread: nothing of the pool is touched after it. */
static void
worker_end(struct worker *worker)
{
    struct pool *pool = worker->pool;
    LOCK_SCOPE(&pool->lock);

    LIST_REMOVE(worker, in_list);
    LIST_INSERT_HEAD(&pool->ended, worker, in_list);
    pool->alive_count--;
    if (worker->blocked)
        pool->blocked_count--;
    else
        pool->idle--;
    pthread_cond_signal(&pool->watch);
    pthread_cond_signal(&pool->stopped);
}

static void *
worker_main(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;

    pthread_setname_np(pthread_self(), "berth-work");
    lock_take(&pool->lock);
    while (!worker->blocked && !pool->stopping) {
        if (pool->lanes.ready_count > 0)
            worker_run(worker);
        else
            lock_wait(&pool->lock, &pool->work, -1);
    }
    lock_drop(&pool->lock);
    if (pool->thread_end)
        pool->thread_end(pool->ctx);
    worker_end(worker);
    return NULL;
}

/* Start a thread; the lock is held. Returns 0 or an errno. */
static int
worker_start(struct pool *pool)
{
    struct worker *worker = mem_zalloc(1, sizeof(*worker));
    int failed;

    worker->pool = pool;
    failed = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (failed) {
        free(worker);
        return failed;
    }
    LIST_INSERT_HEAD(&pool->alive, worker, in_list);
    pool->alive_count++;
    pool->idle++;
    return 0;
}

/* --- the keeper ------------------------------------------------------------
 */

/* The running job that may be written off first; NULL if none. */
static struct worker *
first_due(struct pool *pool)
{
    struct worker *first = NULL;
    struct worker *worker;

    LIST_FOREACH(worker, &pool->alive, in_list)
    if (worker->running && !worker->blocked &&
        (!first || worker->due_ms < first->due_ms))
        first = worker;
    return first;
}

/* Start a thread in its place. Drops the lock while it logs: stderr may be
 * a full pipe. */
static void
write_off(struct pool *pool, struct worker *worker)
{
    const char *label = worker->label ? worker->label : "A job";
    int64_t ran_ms = clock_mono_ms() - worker->started_ms;
    int failed = worker_start(pool);

    if (failed) {
        worker->due_ms += POOL_BLOCKED_MS;
    } else {
        worker->blocked = true;
        pool->blocked_count++;
    }
    lock_drop(&pool->lock);
    log_warning("%s has run for %lld ms while others wait; a thread in its "
                "place %s%s.",
                label, (long long)ran_ms,
                failed ? "cannot be started: " : "was started",
                failed ? strerror(failed) : "");
    lock_take(&pool->lock);
}

/* Join what has ended. Takes and drops the lock meanwhile. */
static void
join_ended(struct pool *pool)
{
    struct worker *worker;

    while ((worker = LIST_FIRST(&pool->ended))) {
        LIST_REMOVE(worker, in_list);
        lock_drop(&pool->lock);
        pthread_join(worker->thread, NULL);
        free(worker);
        lock_take(&pool->lock);
    }
}

/* What is to be done now; returns when to look again, -1: when called. */
static int64_t
keeper_look(struct pool *pool)
{
    struct worker *worker;

    join_ended(pool);
    while (pool->lanes.ready_count > pool->idle &&
           pool->blocked_count < POOL_EXTRA && (worker = first_due(pool))) {
        if (worker->due_ms > clock_mono_ms())
            return worker->due_ms;
        write_off(pool, worker);
    }
    return -1;
}

/* The job that is stuck next and was not told yet; NULL if none. */
static struct worker *
next_stuck(struct pool *pool)
{
    struct worker *next = NULL;
    struct worker *worker;

    LIST_FOREACH(worker, &pool->alive, in_list)
    if (pool->stuck_ms && worker->running && !worker->stuck &&
        (!next || worker->started_ms < next->started_ms))
        next = worker;
    return next;
}

/* When the next job will be stuck; -1: none runs. */
static int64_t
stuck_at(struct pool *pool)
{
    const struct worker *next = next_stuck(pool);

    return next ? next->started_ms + pool->stuck_ms : -1;
}

/* What is to be told next, in order: who is stuck, then who was. */
static bool
take_news(struct pool *pool, struct lane_info *info)
{
    struct worker *worker = next_stuck(pool);
    struct over *over = STAILQ_FIRST(&pool->overs);

    if (worker && worker->started_ms + pool->stuck_ms <= clock_mono_ms()) {
        worker->stuck = true;
        fill_info(worker->lane, info);
        return true;
    }
    if (!over)
        return false;
    *info = over->info;
    STAILQ_REMOVE_HEAD(&pool->overs, next);
    free(over);
    return true;
}

/* All that is to be told and done now; returns when to look again, -1: when
 * called. Takes and drops the lock meanwhile, but not at its end. */
static int64_t
keeper_round(struct pool *pool)
{
    struct lane_info info = {.label = NULL};
    int64_t at_ms, due_ms;

    while (take_news(pool, &info)) {
        lock_drop(&pool->lock);
        pool->stuck(pool->stuck_ctx, &info);
        lock_take(&pool->lock);
    }
    due_ms = keeper_look(pool);
    at_ms = stuck_at(pool);
    pool->watching = due_ms >= 0;
    if (!STAILQ_EMPTY(&pool->overs))
        return 0;
    return at_ms < 0 || (due_ms >= 0 && due_ms < at_ms) ? due_ms : at_ms;
}

static void *
keeper_main(void *arg)
{
    struct pool *pool = arg;

    pthread_setname_np(pthread_self(), "berth-keeper");
    lock_take(&pool->lock);
    while (!pool->stopping) {
        int64_t at_ms = keeper_round(pool);

        if (pool->stopping)
            break;
        pool->timed = at_ms >= 0;
        lock_wait(&pool->lock, &pool->watch, at_ms);
        pool->watching = pool->timed = false;
    }
    lock_drop(&pool->lock);
    return NULL;
}

/* --- the face ---------------------------------------------------------------
 */

struct pool *
pool_new(int workers, const struct pool_limits *limits,
         void (*thread_end)(void *ctx), void *ctx)
{
    struct pool *pool = mem_zalloc(1, sizeof(*pool));

    pool->limits = *limits;
    pool->thread_end = thread_end;
    pool->ctx = ctx;
    lane_set_init(&pool->lanes);
    STAILQ_INIT(&pool->overs);
    lock_init(&pool->lock, LOCK_POOL);
    lock_cond_init(&pool->work);
    lock_cond_init(&pool->watch);
    lock_cond_init(&pool->stopped);
    LOCK_SCOPE(&pool->lock);

    /* At the start of a process, with a handful of threads, this does not
     * fail; a pool without workers could not even say so. */
    for (int i = 0; i < workers; i++)
        if (worker_start(pool))
            abort();
    if (pthread_create(&pool->keeper, NULL, keeper_main, pool))
        abort();
    return pool;
}

static int
refuse_busy(size_t depth, const char *where, struct err *err)
{
    err_set(err, ERR_BUSY,
            "%zu jobs wait %s already. Try again when some have ended.", depth,
            where);
    if (err) {
        err->queue_depth = (int)depth;
        err->retry_after_ms = RETRY_BUSY_MS;
    }
    return -1;
}

/* Whether one more is too much; the lock is held. lane may be NULL. */
static int
check_room(const struct pool *pool, const struct lane *lane, struct err *err)
{
    if (pool->lanes.queued >= pool->limits.total)
        return refuse_busy(pool->lanes.queued, "in all", err);
    if (lane && lane->queued >= pool->limits.per_lane)
        return refuse_busy(lane->queued, "in the same lane", err);
    return 0;
}

static int
submit(struct pool *pool, const char *name, const struct task *what,
       bool bounded, struct err *err)
{
    struct lane *lane;
    char key[POOL_LANE_NAME];

    /* Names that are equal as far as they are kept share a lane. */
    snprintf(key, sizeof(key), "%s", name ? name : "");
    LOCK_SCOPE(&pool->lock);

    if (pool->stopping)
        return err_set(err, ERR_STOPPING,
                       "berthd is stopping and takes no more work.");
    lane = lane_set_find(&pool->lanes, key);
    if (bounded && check_room(pool, lane, err) < 0)
        return -1;
    if (!lane)
        lane = lane_set_add(&pool->lanes, key);
    if (lane_set_push(&pool->lanes, lane, what))
        make_ready(pool, lane);
    return 0;
}

int
pool_submit(struct pool *pool, const char *lane, const struct job *job,
            struct err *err)
{
    const struct task task = {.job = *job};

    return submit(pool, lane, &task, true, err);
}

int
pool_submit_ticket(struct pool *pool, const char *lane, const struct job *job,
                   uint64_t ticket, struct err *err)
{
    const struct task task = {.job = *job, .ticket = ticket};

    return submit(pool, lane, &task, true, err);
}

int
pool_submit_own(struct pool *pool, const char *lane, const struct job *job,
                struct err *err)
{
    const struct task task = {.job = *job};

    return submit(pool, lane, &task, false, err);
}

bool
pool_withdraw(struct pool *pool, uint64_t ticket, struct job *job)
{
    CLEANUP_FREE struct task *task = NULL;

    LOCK_SCOPE(&pool->lock);
    task = lane_set_withdraw(&pool->lanes, ticket);
    if (task)
        *job = task->job;
    return task != NULL;
}

void
pool_works_for(struct pool *pool, const char *peer, const char *op_id)
{
    struct worker *worker;

    LOCK_SCOPE(&pool->lock);
    LIST_FOREACH(worker, &pool->alive, in_list)
    if (pthread_equal(worker->thread, pthread_self())) {
        snprintf(worker->peer, sizeof(worker->peer), "%s", peer ? peer : "");
        snprintf(worker->op_id, sizeof(worker->op_id), "%s",
                 op_id ? op_id : "");
    }
}

void
pool_watch(struct pool *pool, int64_t stuck_ms,
           void (*fn)(void *ctx, const struct lane_info *lane), void *ctx)
{
    LOCK_SCOPE(&pool->lock);

    pool->stuck_ms = stuck_ms;
    pool->stuck = fn;
    pool->stuck_ctx = ctx;
    pthread_cond_signal(&pool->watch);
}

struct listing {
    struct lane_info *infos;
    size_t count;
};

static void
list_lane(void *ctx, const struct lane *lane)
{
    struct listing *listing = ctx;

    fill_info(lane, &listing->infos[listing->count++]);
}

struct lane_info *
pool_lanes(struct pool *pool, size_t *count)
{
    LOCK_SCOPE(&pool->lock);
    struct listing listing = {
        .infos = mem_zalloc(pool->lanes.count + 1, sizeof(*listing.infos))};

    lane_set_each(&pool->lanes, list_lane, &listing);
    *count = listing.count;
    return listing.infos;
}

static void
drop_queued(struct pool *pool)
{
    struct task_list tasks = STAILQ_HEAD_INITIALIZER(tasks);
    struct task *task;

    lock_take(&pool->lock);
    lane_set_empty(&pool->lanes, &tasks);
    lock_drop(&pool->lock);

    while ((task = STAILQ_FIRST(&tasks))) {
        STAILQ_REMOVE_HEAD(&tasks, next);
        task->job.drop(task->job.arg);
        free(task);
    }
}

int
pool_stop(struct pool *pool, int64_t wait_ms)
{
    int64_t deadline_ms = clock_mono_ms() + wait_ms;
    int left;

    lock_take(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_cond_signal(&pool->watch);
    lock_drop(&pool->lock);
    if (!pool->keeper_joined)
        pthread_join(pool->keeper, NULL);
    pool->keeper_joined = true;

    drop_queued(pool);
    lock_take(&pool->lock);
    while (pool->alive_count > 0 &&
           lock_wait(&pool->lock, &pool->stopped, deadline_ms) == 0)
        ;
    join_ended(pool);
    left = (int)pool->alive_count;
    lock_drop(&pool->lock);
    return left;
}

void
pool_free(struct pool *pool)
{
    struct over *over;

    while ((over = STAILQ_FIRST(&pool->overs))) {
        STAILQ_REMOVE_HEAD(&pool->overs, next);
        free(over);
    }
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->watch);
    pthread_cond_destroy(&pool->stopped);
    lock_destroy(&pool->lock);
    free(pool);
}
