// SPDX-License-Identifier: Apache-2.0
/* Ranked locks: exclusion, waiting with a deadline, and the order's assert. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"

#define ROUNDS 20000

struct shared {
    struct lock lock;
    pthread_cond_t cond;
    int count;
};

static void *
add(void *data)
{
    struct shared *s = data;

    for (int i = 0; i < ROUNDS; i++) {
        LOCK_SCOPE(&s->lock);
        s->count++;
        pthread_cond_signal(&s->cond);
    }
    return NULL;
}

static void
threads_exclude_each_other(void **state)
{
    struct shared s = {.count = 0};
    pthread_t threads[2];

    (void)state;
    lock_init(&s.lock, LOCK_POOL);
    lock_cond_init(&s.cond);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add, &s), 0);
    {
        LOCK_SCOPE(&s.lock);
        while (s.count < 2 * ROUNDS)
            lock_wait(&s.lock, &s.cond, -1);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(s.count, 2 * ROUNDS);
    lock_destroy(&s.lock);
    pthread_cond_destroy(&s.cond);
}

static void
wait_ends_at_its_deadline(void **state)
{
    struct shared s = {.count = 0};
    int64_t deadline = clock_mono_ms() + 20;
    int rc = 0;

    (void)state;
    lock_init(&s.lock, LOCK_POOL);
    lock_cond_init(&s.cond);
    lock_take(&s.lock);
    while (rc == 0)
        rc = lock_wait(&s.lock, &s.cond, deadline);
    lock_drop(&s.lock);
    assert_true(clock_mono_ms() >= deadline);
    lock_destroy(&s.lock);
    pthread_cond_destroy(&s.cond);
}

static void
rising_ranks_in_any_order_of_release(void **state)
{
    struct lock low, high;

    (void)state;
    lock_init(&low, LOCK_POOL);
    lock_init(&high, LOCK_STORE);
    lock_take(&low);
    lock_take(&high);
    lock_drop(&low);
    lock_drop(&high);
    lock_take(&low);
    lock_drop(&low);
    lock_destroy(&low);
    lock_destroy(&high);
}

static void
falling_rank_aborts(void **state)
{
    struct lock low, high;
    int status = 0;
    pid_t child;

    (void)state;
    lock_init(&low, LOCK_POOL);
    lock_init(&high, LOCK_STORE);
    child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        lock_take(&high);
        lock_take(&low);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    lock_destroy(&low);
    lock_destroy(&high);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(threads_exclude_each_other),
        cmocka_unit_test(wait_ends_at_its_deadline),
        cmocka_unit_test(rising_ranks_in_any_order_of_release),
        cmocka_unit_test(falling_rank_aborts),
    };

    return CASES(cases);
}
