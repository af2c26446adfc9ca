// SPDX-License-Identifier: Apache-2.0
/*
 * A batch is queued → in the writer's group → finished. A posted batch is
 * freed by the writer, a waited one by the thread that waits: once `done` is
 * set the writer does not touch it again. Hooks run before waiters wake, so
 * that an event leaves before the reply that follows from it.
 */
#include "agent/state/store_writer.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

struct store_writer {
    const struct store_writer_ops *ops;
    void *ctx;
    pthread_t thread;
    struct lock lock; /* guards what follows */
    pthread_cond_t work;
    struct store_batch *head;
    struct store_batch **tail;
    size_t count;
    bool stopping;
};

static void
writer_push(struct store_writer *writer, struct store_batch *batch)
{
    *writer->tail = batch;
    writer->tail = &batch->next;
    if (writer->count++ == 0)
        pthread_cond_signal(&writer->work);
}

/* All that is queued, in order; returns owned vector, NULL if none. */
static struct store_batch **
writer_take(struct store_writer *writer, size_t *count)
{
    struct store_batch **group;

    *count = writer->count;
    if (writer->count == 0)
        return NULL;
    group = mem_zalloc(writer->count, sizeof(struct store_batch *));
    for (size_t i = 0; i < *count; i++) {
        group[i] = writer->head;
        writer->head = group[i]->next;
    }
    writer->tail = &writer->head;
    writer->count = 0;
    return group;
}

static void
writer_finish(struct store_writer *writer, struct store_batch *batch)
{
    store_batch_finish(batch);
    if (batch->waited) {
        LOCK_SCOPE(&writer->lock);

        batch->done = true;
        pthread_cond_signal(&batch->done_cond);
        return;
    }
    if (batch->failed)
        log_error("A record was lost: %s", batch->err.message);
    store_batch_free(batch);
}

/* One round: returns false when all is written and the writer shall end. */
static bool
writer_round(struct store_writer *writer)
{
    CLEANUP_FREE struct store_batch **group = NULL;
    int64_t again_ms = writer->ops->tick(writer->ctx);
    size_t count;
    bool stopping;

    lock_take(&writer->lock);
    if (writer->count == 0 && !writer->stopping)
        lock_wait(&writer->lock, &writer->work,
                  again_ms < 0 ? -1 : clock_mono_ms() + again_ms);
    stopping = writer->stopping;
    group = writer_take(writer, &count);
    lock_drop(&writer->lock);

    if (count > 0)
        writer->ops->run(writer->ctx, group, count);
    for (size_t i = 0; i < count; i++)
        writer_finish(writer, group[i]);
    return count > 0 || !stopping;
}

static void *
writer_main(void *arg)
{
    pthread_setname_np(pthread_self(), "berth-store");
    while (writer_round(arg))
        ;
    return NULL;
}

struct store_writer *
store_writer_new(const struct store_writer_ops *ops, void *ctx, struct err *err)
{
    struct store_writer *writer = mem_zalloc(1, sizeof(*writer));
    int failed;

    writer->ops = ops;
    writer->ctx = ctx;
    writer->tail = &writer->head;
    lock_init(&writer->lock, LOCK_STORE);
    lock_cond_init(&writer->work);
    failed = pthread_create(&writer->thread, NULL, writer_main, writer);
    if (failed) {
        err_set(err, ERR_INTERNAL,
                "The database's writer thread cannot be started: %s.",
                strerror(failed));
        pthread_cond_destroy(&writer->work);
        lock_destroy(&writer->lock);
        free(writer);
        return NULL;
    }
    return writer;
}

void
store_writer_free(struct store_writer *writer)
{
    if (!writer)
        return;
    lock_take(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->work);
    lock_drop(&writer->lock);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->work);
    lock_destroy(&writer->lock);
    free(writer);
}

int
store_writer_commit(struct store_writer *writer, struct store_batch *batch,
                    struct err *err)
{
    int result = 0;

    batch->waited = true;
    lock_cond_init(&batch->done_cond);
    lock_take(&writer->lock);
    writer_push(writer, batch);
    while (!batch->done)
        lock_wait(&writer->lock, &batch->done_cond, -1);
    lock_drop(&writer->lock);

    if (batch->failed) {
        if (err)
            *err = batch->err;
        result = -1;
    }
    pthread_cond_destroy(&batch->done_cond);
    store_batch_free(batch);
    return result;
}

void
store_writer_post(struct store_writer *writer, struct store_batch *batch)
{
    LOCK_SCOPE(&writer->lock);

    writer_push(writer, batch);
}
