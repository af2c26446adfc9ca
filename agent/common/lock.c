// SPDX-License-Identifier: Apache-2.0
/*
 * Ranked mutexes. The ranks that a thread holds are bits of one thread-local
 * word; taking a lock while a bit at or above its rank is set is a mistake in
 * the order, told at once and not on the unlucky day.
 */
#include "agent/common/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef NDEBUG
/* Thread-local because it is a property of the thread: what it holds. */
static _Thread_local unsigned held;

static void
note_take(enum lock_rank rank)
{
    if (held >> rank) {
        fprintf(stderr, "lock of rank %d taken while holding ranks 0x%x\n",
                rank, held);
        abort();
    }
    held |= 1u << rank;
}

static void
note_drop(enum lock_rank rank)
{
    if (!(held & 1u << rank)) {
        fprintf(stderr, "lock of rank %d dropped but not held\n", rank);
        abort();
    }
    held &= ~(1u << rank);
}
#else
#define note_take(rank) ((void)(rank))
#define note_drop(rank) ((void)(rank))
#endif

/* A mutex that cannot be locked is memory gone wrong: nothing can go on. */
static void
check(int rc)
{
    if (rc)
        abort();
}

void
lock_init(struct lock *lock, enum lock_rank rank)
{
    check(pthread_mutex_init(&lock->mutex, NULL));
    lock->rank = rank;
}

void
lock_destroy(struct lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

void
lock_take(struct lock *lock)
{
    note_take(lock->rank);
    check(pthread_mutex_lock(&lock->mutex));
}

void
lock_drop(struct lock *lock)
{
    note_drop(lock->rank);
    check(pthread_mutex_unlock(&lock->mutex));
}

void
lock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    check(pthread_condattr_init(&attr));
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    check(pthread_cond_init(cond, &attr));
    pthread_condattr_destroy(&attr);
}

int
lock_wait(struct lock *lock, pthread_cond_t *cond, int64_t deadline_ms)
{
    struct timespec at = {.tv_sec = (time_t)(deadline_ms / 1000),
                          .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    int rc;

    if (deadline_ms < 0) {
        check(pthread_cond_wait(cond, &lock->mutex));
        return 0;
    }
    rc = pthread_cond_timedwait(cond, &lock->mutex, &at);
    if (rc == ETIMEDOUT)
        return -1;
    check(rc);
    return 0;
}
