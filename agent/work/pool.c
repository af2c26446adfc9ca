// SPDX-License-Identifier: Apache-2.0
/*
 * A job is queued in its lane → the lane is ready while nothing of it runs →
 * a worker takes the oldest job of the lane that has been ready longest →
 * the lane goes to the end of the ready queue, or away when it is empty. A
 * job without a lane gets one of its own. The keeper thread writes off
 * workers that block others, starts replacements and joins what has ended.
 */
#include "agent/work/pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

#define BUCKETS 256       /* of lanes, by name */
#define RETRY_BUSY_MS 200 /* hint to who is told BUSY */

struct task {
    struct job job;
    uint64_t ticket; /* 0: cannot be taken back */
    STAILQ_ENTRY(task) next;
};

STAILQ_HEAD(task_list, task);

struct lane {
    char name[POOL_LANE_NAME]; /* "": of a single job */
    struct task_list tasks;
    size_t queued;
    struct worker *worker; /* runs a job of it; NULL */
    LIST_ENTRY(lane) in_bucket;
    STAILQ_ENTRY(lane) in_ready;
};

struct worker {
    struct pool *pool;
    pthread_t thread;
    bool running; /* a job; what follows is about it */
    bool blocked; /* written off: the thread ends after it */
    const char *label;
    int64_t started_ms;
    int64_t due_ms;             /* when it may be written off */
    LIST_ENTRY(worker) in_list; /* alive or ended */
};

LIST_HEAD(worker_list, worker);

struct pool {
    struct pool_limits limits;
    void (*thread_end)(void *ctx);
    void *ctx;
    pthread_t keeper;
    struct lock lock;       /* guards what follows */
    pthread_cond_t work;    /* workers: a lane is ready, or the end */
    pthread_cond_t watch;   /* keeper: something to look at */
    pthread_cond_t stopped; /* pool_stop: a worker has ended */
    LIST_HEAD(, lane) lanes[BUCKETS];
    STAILQ_HEAD(, lane) ready;
    size_t ready_count;
    size_t lane_count;
    size_t queued;
    struct worker_list alive;
    struct worker_list ended; /* to be joined */
    size_t alive_count;
    size_t blocked_count;
    size_t idle;   /* wait, or are being started */
    bool watching; /* the keeper has a time to wake at */
    bool stopping;
    bool keeper_joined;
};

/* --- lanes; the lock is held ---------------------------------------------- */

static unsigned
bucket(const char *name)
{
    unsigned hash = 2166136261u; /* FNV-1a, 32 bits */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash % BUCKETS;
}

static struct lane *
lane_find(struct pool *pool, const char *name)
{
    struct lane *lane;

    if (!name[0])
        return NULL;
    LIST_FOREACH(lane, &pool->lanes[bucket(name)], in_bucket)
    if (strcmp(lane->name, name) == 0)
        return lane;
    return NULL;
}

static struct lane *
lane_new(struct pool *pool, const char *name)
{
    struct lane *lane = mem_zalloc(1, sizeof(*lane));

    snprintf(lane->name, sizeof(lane->name), "%s", name);
    STAILQ_INIT(&lane->tasks);
    LIST_INSERT_HEAD(&pool->lanes[bucket(name)], lane, in_bucket);
    pool->lane_count++;
    return lane;
}

static void
lane_free(struct pool *pool, struct lane *lane)
{
    LIST_REMOVE(lane, in_bucket);
    pool->lane_count--;
    free(lane);
}

/* Put it at the end of the ready queue and see that somebody comes. */
static void
lane_ready(struct pool *pool, struct lane *lane)
{
    STAILQ_INSERT_TAIL(&pool->ready, lane, in_ready);
    pool->ready_count++;
    if (pool->idle >= pool->ready_count)
        pthread_cond_signal(&pool->work);
    else if (!pool->watching)
        pthread_cond_signal(&pool->watch);
}

/* The next job and its lane; the queue is not empty. Returns owned. */
static struct task *
take_task(struct pool *pool, struct lane **out)
{
    struct lane *lane = STAILQ_FIRST(&pool->ready);
    struct task *task = STAILQ_FIRST(&lane->tasks);

    STAILQ_REMOVE_HEAD(&pool->ready, in_ready);
    pool->ready_count--;
    STAILQ_REMOVE_HEAD(&lane->tasks, next);
    lane->queued--;
    pool->queued--;
    *out = lane;
    return task;
}

/* --- workers -------------------------------------------------------------- */

/* Run one job of the first ready lane. Takes and drops the lock meanwhile. */
static void
worker_run(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct lane *lane;
    CLEANUP_FREE struct task *task = take_task(pool, &lane);

    pool->idle--;
    lane->worker = worker;
    worker->running = true;
    worker->label = task->job.label;
    worker->started_ms = clock_mono_ms();
    worker->due_ms = worker->started_ms + POOL_BLOCKED_MS;
    lock_drop(&pool->lock);

    task->job.run(task->job.arg);

    lock_take(&pool->lock);
    worker->running = false;
    lane->worker = NULL;
    if (!worker->blocked)
        pool->idle++; /* before lane_ready: it may take the next itself */
    if (lane->queued > 0)
        lane_ready(pool, lane);
    else
        lane_free(pool, lane);
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
        if (pool->ready_count > 0)
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
    while (pool->ready_count > pool->idle && pool->blocked_count < POOL_EXTRA &&
           (worker = first_due(pool))) {
        if (worker->due_ms > clock_mono_ms())
            return worker->due_ms;
        write_off(pool, worker);
    }
    return -1;
}

static void *
keeper_main(void *arg)
{
    struct pool *pool = arg;

    pthread_setname_np(pthread_self(), "berth-keeper");
    lock_take(&pool->lock);
    while (!pool->stopping) {
        int64_t at_ms = keeper_look(pool);

        if (pool->stopping)
            break;
        pool->watching = at_ms >= 0;
        lock_wait(&pool->lock, &pool->watch, at_ms);
        pool->watching = false;
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
    STAILQ_INIT(&pool->ready);
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
    if (pool->queued >= pool->limits.total)
        return refuse_busy(pool->queued, "in all", err);
    if (lane && lane->queued >= pool->limits.per_lane)
        return refuse_busy(lane->queued, "in the same lane", err);
    return 0;
}

static int
submit(struct pool *pool, const char *name, const struct task *what,
       bool bounded, struct err *err)
{
    struct lane *lane;
    struct task *task;
    char key[POOL_LANE_NAME];

    /* Names that are equal as far as they are kept share a lane. */
    snprintf(key, sizeof(key), "%s", name ? name : "");
    LOCK_SCOPE(&pool->lock);

    if (pool->stopping)
        return err_set(err, ERR_STOPPING,
                       "berthd is stopping and takes no more work.");
    lane = lane_find(pool, key);
    if (bounded && check_room(pool, lane, err) < 0)
        return -1;
    if (!lane)
        lane = lane_new(pool, key);
    task = mem_zalloc(1, sizeof(*task));
    *task = *what;
    STAILQ_INSERT_TAIL(&lane->tasks, task, next);
    pool->queued++;
    if (lane->queued++ == 0 && !lane->worker)
        lane_ready(pool, lane);
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

/* The queued task of that ticket and its lane; NULL when there is none. Some
 * thousand tasks at most: a walk is short, and who withdraws is rare. */
static struct task *
find_ticket(struct pool *pool, uint64_t ticket, struct lane **out)
{
    struct lane *lane;
    struct task *task;

    for (int i = 0; i < BUCKETS; i++)
        LIST_FOREACH(lane, &pool->lanes[i], in_bucket)
            STAILQ_FOREACH(task, &lane->tasks, next)
                if (task->ticket == ticket) {
                    *out = lane;
                    return task;
                }
    return NULL;
}

bool
pool_withdraw(struct pool *pool, uint64_t ticket, struct job *job)
{
    CLEANUP_FREE struct task *task = NULL;
    struct lane *lane;

    LOCK_SCOPE(&pool->lock);
    task = find_ticket(pool, ticket, &lane);
    if (!task)
        return false;
    STAILQ_REMOVE(&lane->tasks, task, task, next);
    pool->queued--;
    *job = task->job;
    if (--lane->queued > 0 || lane->worker)
        return true;
    STAILQ_REMOVE(&pool->ready, lane, lane, in_ready);
    pool->ready_count--;
    lane_free(pool, lane);
    return true;
}

struct lane_info *
pool_lanes(struct pool *pool, size_t *count)
{
    LOCK_SCOPE(&pool->lock);
    struct lane_info *infos = mem_zalloc(pool->lane_count + 1, sizeof(*infos));
    int64_t now = clock_mono_ms();
    struct lane *lane;

    *count = 0;
    for (int i = 0; i < BUCKETS; i++) {
        LIST_FOREACH(lane, &pool->lanes[i], in_bucket)
        {
            struct lane_info *info = &infos[(*count)++];

            memcpy(info->name, lane->name, sizeof(info->name));
            info->queued = lane->queued;
            if (!lane->worker)
                continue;
            info->label = lane->worker->label;
            info->running_ms = now - lane->worker->started_ms;
            info->blocked = lane->worker->blocked;
        }
    }
    return infos;
}

/* Drop what is queued, in ready lanes and behind jobs that run. */
static void
drop_queued(struct pool *pool)
{
    struct task_list tasks = STAILQ_HEAD_INITIALIZER(tasks);
    struct task *task;

    lock_take(&pool->lock);
    for (int i = 0; i < BUCKETS; i++) {
        struct lane *lane = LIST_FIRST(&pool->lanes[i]);

        while (lane) {
            struct lane *after = LIST_NEXT(lane, in_bucket);

            STAILQ_CONCAT(&tasks, &lane->tasks);
            lane->queued = 0;
            if (!lane->worker)
                lane_free(pool, lane);
            lane = after;
        }
    }
    STAILQ_INIT(&pool->ready);
    pool->ready_count = 0;
    pool->queued = 0;
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
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->watch);
    pthread_cond_destroy(&pool->stopped);
    lock_destroy(&pool->lock);
    free(pool);
}
