// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs that do not end: told once when they are stuck, once when they are
 * over, with who asked for them; and what the agent makes of it.
 */
#include "tests/unit/house.h"

#include <pthread.h>

#include "agent/common/lock.h"
#include "agent/verbs/lane_view.h"
#include "agent/watchdog.h"

#define VM "11111111-2222-4333-8444-555555555555"
#define OP "99999999-2222-4333-8444-555555555555"

/* A job that stands at a gate, and what was told of it. */
struct board {
    struct lock lock;
    pthread_cond_t changed;
    struct pool *pool;
    bool open;
    char told[512];
};

static void
board_init(struct board *board, struct pool *pool)
{
    memset(board, 0, sizeof(*board));
    lock_init(&board->lock, LOCK_LEAF);
    lock_cond_init(&board->changed);
    board->pool = pool;
}

static void
stand(void *arg)
{
    struct board *board = arg;

    pool_works_for(board->pool, "cn:engine", OP);
    LOCK_SCOPE(&board->lock);
    while (!board->open)
        lock_wait(&board->lock, &board->changed, -1);
}

static void
open_gate(struct board *board)
{
    LOCK_SCOPE(&board->lock);
    board->open = true;
    pthread_cond_broadcast(&board->changed);
}

static void
note(void *ctx, const struct lane_info *lane)
{
    struct board *board = ctx;
    LOCK_SCOPE(&board->lock);
    size_t len = strlen(board->told);

    snprintf(board->told + len, sizeof(board->told) - len, "%s %s %s %s %s|",
             lane->stuck ? "stuck" : "over", lane->name, lane->label,
             lane->peer, lane->op_id);
    pthread_cond_broadcast(&board->changed);
}

static void
await(struct board *board, const char *told)
{
    LOCK_SCOPE(&board->lock);
    while (strlen(board->told) < strlen(told))
        assert_int_equal(
            lock_wait(&board->lock, &board->changed, clock_mono_ms() + 10000),
            0);
    assert_string_equal(board->told, told);
}

static void
submit(struct pool *pool, const char *lane, struct board *board)
{
    const struct job job = {stand, stand, board, "HotPlugDisk"};

    assert_int_equal(pool_submit(pool, lane, &job, NULL), 0);
}

#define STUCK "stuck " VM " HotPlugDisk cn:engine " OP "|"
#define OVER "over " VM " HotPlugDisk cn:engine " OP "|"

static void
a_stuck_job_is_told_once_and_its_end(void **state)
{
    static const struct pool_limits limits = {100, 100};
    struct pool *pool = pool_new(2, &limits, NULL, NULL);
    struct board board, other;
    struct lane_info *lanes;
    size_t n;

    (void)state;
    board_init(&board, pool);
    board_init(&other, pool);
    pool_watch(pool, 50, note, &board);
    open_gate(&other);
    for (int i = 0; i < 20; i++)
        submit(pool, NULL, &other); /* these end in time */
    submit(pool, VM, &board);
    await(&board, STUCK);
    lanes = pool_lanes(pool, &n);
    assert_int_equal(n, 1);
    assert_true(lanes[0].stuck);
    assert_true(lanes[0].running_ms >= 50);
    assert_string_equal(lanes[0].peer, "cn:engine");
    free(lanes);
    open_gate(&board);
    await(&board, STUCK OVER);
    assert_int_equal(pool_stop(pool, 5000), 0);
    pool_free(pool);
    assert_string_equal(board.told, STUCK OVER);
}

/* A job that runs already is measured by the time that is set later. */
static void
a_later_time_counts_for_what_runs(void **state)
{
    static const struct pool_limits limits = {100, 100};
    struct pool *pool = pool_new(1, &limits, NULL, NULL);
    struct board board;

    (void)state;
    board_init(&board, pool);
    pool_watch(pool, 3600000, note, &board);
    submit(pool, VM, &board);
    pool_watch(pool, 20, note, &board);
    await(&board, STUCK);
    open_gate(&board);
    await(&board, STUCK OVER);
    assert_int_equal(pool_stop(pool, 5000), 0);
    pool_free(pool);
}

static void
a_stop_meets_a_stuck_job(void **state)
{
    static const struct pool_limits limits = {100, 100};
    struct pool *pool = pool_new(1, &limits, NULL, NULL);
    struct board board;

    (void)state;
    board_init(&board, pool);
    pool_watch(pool, 20, note, &board);
    submit(pool, VM, &board);
    await(&board, STUCK);
    assert_int_equal(pool_stop(pool, 0), 1);
    open_gate(&board);
    assert_int_equal(pool_stop(pool, 5000), 0);
    pool_free(pool); /* the end that nobody was told of is freed */
}

static void
the_agent_makes_events_of_it(void **state)
{
    struct house house;
    struct board board;
    struct conf *conf, *before;
    const char *sets[] = {"ops.stuck_ms=100"};
    char empty[300];

    (void)state;
    house_start(&house);
    snprintf(empty, sizeof(empty), "%s/berth.conf", house.folder);
    before = atomic_load(&house.env.conf);
    conf = conf_load(empty, sets, 1, &house.err);
    assert_non_null(conf);
    atomic_store(&house.env.conf, conf);
    conf_free(before);
    watchdog_set(&house.env);
    board_init(&board, house.env.pool);
    submit(house.env.pool, VM, &board);
    house_until(&house, "GetEvents", "{}", "events.0.type", "lane.stuck");
    house_is(&house, "events.0.vm", VM);
    house_is(&house, "events.0.op_id", OP);
    house_is(&house, "events.0.data.verb", "HotPlugDisk");
    house_is(&house, "events.0.data.peer", "cn:engine");
    house_do(&house, "ListOperations", "{}");
    house_is(&house, "lanes.0.stuck", "true");
    house_is(&house, "lanes.0.peer", "cn:engine");
    house_do(&house, "GetHostStats", "{}");
    house_is(&house, "berth.stuck_lanes.0.lane", VM);
    open_gate(&board);
    house_until(&house, "GetEvents", "{}", "events.1.type", "lane.free");
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_stuck_job_is_told_once_and_its_end),
        cmocka_unit_test(a_later_time_counts_for_what_runs),
        cmocka_unit_test(a_stop_meets_a_stuck_job),
        cmocka_unit_test(the_agent_makes_events_of_it),
    };

    return CASES(cases);
}
