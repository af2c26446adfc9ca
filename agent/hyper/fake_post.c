// SPDX-License-Identifier: Apache-2.0
/*
 * A queue and a thread. What is added is delivered later and elsewhere, as a
 * real hypervisor does: a test that only passes when events come at once
 * fails here.
 */
#include "agent/hyper/fake_post.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct fake_post {
    fake_carry_fn carry;
    void *ctx;
    pthread_t thread;
    struct lock lock; /* guards what follows */
    pthread_cond_t more;
    struct fake_item *items;
    size_t n;
    bool ending;
};

/* Wait for an item; false when there is none and none will come. */
static bool
take(struct fake_post *post, struct fake_item *item)
{
    LOCK_SCOPE(&post->lock);
    while (post->n == 0 && !post->ending)
        lock_wait(&post->lock, &post->more, -1);
    if (post->n == 0)
        return false;
    *item = post->items[0];
    memmove(post->items, post->items + 1, --post->n * sizeof(*item));
    return true;
}

static void *
run(void *data)
{
    struct fake_post *post = data;
    struct fake_item item;

    while (take(post, &item))
        post->carry(post->ctx, &item);
    return NULL;
}

struct fake_post *
fake_post_new(fake_carry_fn carry, void *ctx, struct err *err)
{
    struct fake_post *post = mem_zalloc(1, sizeof(*post));
    sigset_t all, old;
    int rc;

    post->carry = carry;
    post->ctx = ctx;
    lock_init(&post->lock, LOCK_LEAF);
    lock_cond_init(&post->more);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&post->thread, NULL, run, post);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return post;
    err_set(err, ERR_INTERNAL, "Cannot start the event thread: %s",
            strerror(rc));
    lock_destroy(&post->lock);
    free(post);
    return NULL;
}

void
fake_post_free(struct fake_post *post)
{
    lock_take(&post->lock);
    post->ending = true;
    pthread_cond_signal(&post->more);
    lock_drop(&post->lock);
    pthread_join(post->thread, NULL);
    pthread_cond_destroy(&post->more);
    lock_destroy(&post->lock);
    free(post->items);
    free(post);
}

void
fake_post_add(struct fake_post *post, const struct fake_item *item)
{
    LOCK_SCOPE(&post->lock);
    post->items = realloc(post->items, (post->n + 1) * sizeof(*item));
    if (!post->items)
        abort();
    post->items[post->n++] = *item;
    pthread_cond_signal(&post->more);
}
