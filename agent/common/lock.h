// SPDX-License-Identifier: Apache-2.0
/*
 * Mutexes with a rank. A thread takes locks in rising rank only; builds
 * without NDEBUG assert it, so that an order mistake fails the first test
 * that walks over it. No lock is held inside a hypervisor call or a hook.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "agent/common/cleanup.h"

/* Lowest first: a thread that holds a rank may only take a higher one. */
enum lock_rank {
    LOCK_AGENT = 1,
    LOCK_OPS,
    LOCK_POOL,
    LOCK_HYPER,
    LOCK_VM_TABLE,
    LOCK_EVENTLOG,
    LOCK_STORE,
    LOCK_NOTIFY,
    LOCK_OUTBOX,
    LOCK_SAMPLE,
    LOCK_LEAF /* nothing is taken below it */
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;
};

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_destroy(struct lock *lock);
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

/* Wait on cond with the lock held; deadline is CLOCK_MONOTONIC ms, -1 none.
 * cond must come from lock_cond_init. Returns 0, or -1 when it passed. */
void lock_cond_init(pthread_cond_t *cond);
int lock_wait(struct lock *lock, pthread_cond_t *cond, int64_t deadline_ms);

static inline void
lock_drop_(struct lock **lock)
{
    lock_drop(*lock);
}

/* Hold a lock until the end of the scope: LOCK_SCOPE(&t->lock); */
#define LOCK_JOIN_(a, b) a##b
#define LOCK_NAME_(line) LOCK_JOIN_(lock_scope_, line)
#define LOCK_SCOPE(l)                                                          \
    struct lock *LOCK_NAME_(__LINE__)                                          \
        __attribute__((cleanup(lock_drop_), unused)) = (l);                    \
    lock_take(LOCK_NAME_(__LINE__))
