// SPDX-License-Identifier: Apache-2.0
/* What two threads share is freed by the last of them. */
#include "agent/work/helper.h"

#include <signal.h>
#include <string.h>

#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct helper {
    char name[16];
    void (*thread_end)(void *ctx);
    void *ctx;
    pthread_t thread;
    struct lock lock; /* guards what follows */
    pthread_cond_t changed;
    struct helper_job job;
    bool busy;
    bool left;
};

static void
helper_free(struct helper *helper)
{
    pthread_cond_destroy(&helper->changed);
    lock_destroy(&helper->lock);
    free(helper);
}

/* Sleep until there is a job; false when the owner has left and gave none. */
static bool
next_job(struct helper *helper)
{
    LOCK_SCOPE(&helper->lock);
    while (!helper->busy && !helper->left)
        lock_wait(&helper->lock, &helper->changed, -1);
    return helper->busy;
}

/* True when the owner has left meanwhile. */
static bool
end_job(struct helper *helper)
{
    LOCK_SCOPE(&helper->lock);
    helper->busy = false;
    pthread_cond_broadcast(&helper->changed);
    return helper->left;
}

static void *
carry(void *data)
{
    struct helper *helper = data;
    bool alone = false;

    pthread_setname_np(pthread_self(), helper->name);
    while (!alone && next_job(helper)) {
        helper->job.run(helper->job.arg);
        if (helper->job.drop)
            helper->job.drop(helper->job.arg);
        alone = end_job(helper);
    }
    if (helper->thread_end)
        helper->thread_end(helper->ctx);
    if (alone)
        helper_free(helper);
    return NULL;
}

struct helper *
helper_start(const char *name, void (*thread_end)(void *ctx), void *ctx,
             struct err *err)
{
    struct helper *helper = mem_zalloc(1, sizeof(*helper));
    sigset_t all, old;
    int rc;

    strncpy(helper->name, name, sizeof(helper->name) - 1);
    helper->thread_end = thread_end;
    helper->ctx = ctx;
    lock_init(&helper->lock, LOCK_LEAF);
    lock_cond_init(&helper->changed);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&helper->thread, NULL, carry, helper);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return helper;
    helper_free(helper);
    err_set(err, ERR_INTERNAL, "Cannot start a thread: %s", strerror(rc));
    return NULL;
}

bool
helper_give(struct helper *helper, const struct helper_job *job)
{
    LOCK_SCOPE(&helper->lock);
    if (helper->busy)
        return false;
    helper->job = *job;
    helper->busy = true;
    pthread_cond_broadcast(&helper->changed);
    return true;
}

bool
helper_wait(struct helper *helper, int64_t until_ms)
{
    LOCK_SCOPE(&helper->lock);
    while (helper->busy &&
           lock_wait(&helper->lock, &helper->changed, until_ms) == 0)
        ;
    return !helper->busy;
}

bool
helper_leave(struct helper *helper)
{
    pthread_t thread = helper->thread;
    bool busy;

    lock_take(&helper->lock);
    busy = helper->busy;
    helper->left = true;
    if (busy)
        pthread_detach(thread);
    pthread_cond_broadcast(&helper->changed);
    lock_drop(&helper->lock);
    if (busy)
        return false;
    pthread_join(thread, NULL);
    helper_free(helper);
    return true;
}
