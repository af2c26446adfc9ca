// SPDX-License-Identifier: Apache-2.0
/* A list by due time, and one thread that waits for its head. */
#include "agent/work/later.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct item {
    struct job job;
    char lane[JOB_LANE]; /* "": none */
    int64_t due_ms;
    TAILQ_ENTRY(item) next;
};

struct later {
    struct pool *pool;
    pthread_t thread;
    struct lock lock; /* guards what follows */
    pthread_cond_t changed;
    TAILQ_HEAD(item_list, item) items; /* the first due first */
    bool stopping;
};

static void
submit(struct later *later, struct item *item /* takes */)
{
    struct err err = ERR_INIT;

    if (pool_submit_own(later->pool, item->lane[0] ? item->lane : NULL,
                        &item->job, &err) < 0)
        item->job.drop(item->job.arg);
    free(item);
}

/* The next item when it is due; NULL when it is time to end. */
static struct item *
take(struct later *later)
{
    struct item *first;

    LOCK_SCOPE(&later->lock);
    while (!later->stopping) {
        first = TAILQ_FIRST(&later->items);
        if (first && first->due_ms <= clock_mono_ms()) {
            TAILQ_REMOVE(&later->items, first, next);
            return first;
        }
        lock_wait(&later->lock, &later->changed, first ? first->due_ms : -1);
    }
    return NULL;
}

static void *
run(void *arg)
{
    struct later *later = arg;
    struct item *item;

    pthread_setname_np(pthread_self(), "berth-later");
    while ((item = take(later)))
        submit(later, item);
    return NULL;
}

struct later *
later_new(struct pool *pool)
{
    struct later *later = mem_zalloc(1, sizeof(*later));

    later->pool = pool;
    TAILQ_INIT(&later->items);
    lock_init(&later->lock, LOCK_LEAF);
    lock_cond_init(&later->changed);
    /* As the pool's own threads: at the start of a process. */
    if (pthread_create(&later->thread, NULL, run, later))
        abort();
    return later;
}

static void
insert(struct later *later, struct item *item)
{
    struct item *after = TAILQ_LAST(&later->items, item_list);

    while (after && after->due_ms > item->due_ms)
        after = TAILQ_PREV(after, item_list, next);
    if (after)
        TAILQ_INSERT_AFTER(&later->items, after, item, next);
    else
        TAILQ_INSERT_HEAD(&later->items, item, next);
    pthread_cond_signal(&later->changed);
}

void
later_post(struct later *later, int64_t after_ms, const char *lane,
           const struct job *job)
{
    struct item *item = mem_zalloc(1, sizeof(*item));
    bool stopping;

    item->job = *job;
    item->due_ms = clock_mono_ms() + after_ms;
    snprintf(item->lane, sizeof(item->lane), "%s", lane ? lane : "");
    lock_take(&later->lock);
    stopping = later->stopping;
    if (!stopping)
        insert(later, item);
    lock_drop(&later->lock);
    if (!stopping)
        return;
    free(item);
    job->drop(job->arg);
}

void
later_stop(struct later *later)
{
    struct item *item;

    lock_take(&later->lock);
    later->stopping = true;
    pthread_cond_signal(&later->changed);
    lock_drop(&later->lock);
    pthread_join(later->thread, NULL);
    while ((item = TAILQ_FIRST(&later->items))) {
        TAILQ_REMOVE(&later->items, item, next);
        item->job.drop(item->job.arg);
        free(item);
    }
}

void
later_free(struct later *later)
{
    pthread_cond_destroy(&later->changed);
    lock_destroy(&later->lock);
    free(later);
}
