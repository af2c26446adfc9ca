// SPDX-License-Identifier: Apache-2.0
/* Jobs come to the pool when they are due, not before and not at all after a
 * stop. */
#include "tests/unit/unit.h"

#include <pthread.h>

#include "agent/common/clock.h"
#include "agent/work/later.h"

struct house {
    struct pool *pool;
    struct later *later;
    pthread_mutex_t mutex;
    pthread_cond_t more;
    char ran[64]; /* a letter per job that ran, '-' per dropped one */
    int64_t last_ms;
};

struct errand {
    struct house *house;
    char letter;
};

static void
note(struct house *house, char letter)
{
    pthread_mutex_lock(&house->mutex);
    house->ran[strlen(house->ran)] = letter;
    house->last_ms = clock_mono_ms();
    pthread_cond_broadcast(&house->more);
    pthread_mutex_unlock(&house->mutex);
}

static void
run(void *arg)
{
    struct errand *errand = arg;

    note(errand->house, errand->letter);
    free(errand);
}

static void
drop(void *arg)
{
    struct errand *errand = arg;

    note(errand->house, '-');
    free(errand);
}

static void
post(struct house *house, int64_t after_ms, const char *lane, char letter)
{
    struct errand *errand = malloc(sizeof(*errand));
    const struct job job = {run, drop, errand, "errand"};

    *errand = (struct errand){house, letter};
    later_post(house->later, after_ms, lane, &job);
}

static void
until(struct house *house, const char *ran)
{
    pthread_mutex_lock(&house->mutex);
    while (strlen(house->ran) < strlen(ran))
        pthread_cond_wait(&house->more, &house->mutex);
    pthread_mutex_unlock(&house->mutex);
    assert_string_equal(house->ran, ran);
}

static int
open_house(void **state)
{
    static const struct pool_limits limits = {1, 1};
    struct house *house = calloc(1, sizeof(*house));

    house->pool = pool_new(1, &limits, NULL, NULL);
    house->later = later_new(house->pool);
    pthread_mutex_init(&house->mutex, NULL);
    pthread_cond_init(&house->more, NULL);
    *state = house;
    return 0;
}

static void
end(struct house *house)
{
    assert_int_equal(pool_stop(house->pool, 5000), 0);
    later_free(house->later);
    pool_free(house->pool);
    free(house);
}

static void
they_come_when_they_are_due(void **state)
{
    struct house *house = *state;
    int64_t from = clock_mono_ms();

    post(house, 60, "lane", 'c');
    post(house, 0, NULL, 'a');
    post(house, 30, "lane", 'b');
    post(house, 60, NULL, 'd');
    until(house, "abcd");
    assert_true(house->last_ms - from >= 60);
    later_stop(house->later);
    end(house);
}

static void
a_stop_drops_what_waits(void **state)
{
    struct house *house = *state;

    post(house, 0, NULL, 'a');
    until(house, "a");
    post(house, 60000, "lane", 'b');
    post(house, 60000, NULL, 'c');
    later_stop(house->later);
    until(house, "a--");
    post(house, 0, NULL, 'd');
    until(house, "a---");
    end(house);
}

static void
a_stopped_pool_takes_nothing(void **state)
{
    struct house *house = *state;

    assert_int_equal(pool_stop(house->pool, 5000), 0);
    post(house, 0, NULL, 'a');
    until(house, "-");
    later_stop(house->later);
    end(house);
}

#define CASE(fn) cmocka_unit_test_setup(fn, open_house)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(they_come_when_they_are_due),
        CASE(a_stop_drops_what_waits),
        CASE(a_stopped_pool_takes_nothing),
    };

    return CASES(cases);
}
