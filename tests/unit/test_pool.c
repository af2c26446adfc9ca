// SPDX-License-Identifier: Apache-2.0
/*
 * The pool: order in a lane, lanes beside each other, fairness, limits, the
 * end, and a job that blocks. Jobs are held by gates, never by sleeping.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/work/pool.h"

static const struct pool_limits wide = {1000, 100000};

/* What jobs share: a log of what ran, a gate, and a count of arrivals. */
struct board {
    struct lock lock;
    pthread_cond_t changed;
    char log[256]; /* the letters of jobs, capital when dropped */
    size_t logged;
    int inside; /* jobs that wait at the gate */
    bool open;
    atomic_int ended; /* threads */
};

struct letter {
    struct board *board;
    char letter;
};

static void
board_init(struct board *board)
{
    memset(board, 0, sizeof(*board));
    lock_init(&board->lock, LOCK_LEAF);
    lock_cond_init(&board->changed);
}

static void
note(void *arg)
{
    struct letter *letter = arg;
    struct board *board = letter->board;
    LOCK_SCOPE(&board->lock);

    board->log[board->logged++] = letter->letter;
    pthread_cond_broadcast(&board->changed);
}

static void
note_drop(void *arg)
{
    struct letter *letter = arg;

    letter->letter = (char)(letter->letter - 'a' + 'A');
    note(letter);
}

/* Stand at the gate until it is opened. */
static void
stand(void *arg)
{
    struct board *board = arg;
    LOCK_SCOPE(&board->lock);

    board->inside++;
    pthread_cond_broadcast(&board->changed);
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
await_inside(struct board *board, int count)
{
    LOCK_SCOPE(&board->lock);

    while (board->inside < count)
        assert_int_equal(
            lock_wait(&board->lock, &board->changed, clock_mono_ms() + 10000),
            0);
}

static void
await_log(struct board *board, const char *expected)
{
    LOCK_SCOPE(&board->lock);

    while (board->logged < strlen(expected))
        assert_int_equal(
            lock_wait(&board->lock, &board->changed, clock_mono_ms() + 10000),
            0);
    assert_string_equal(board->log, expected);
}

static void
count_end(void *ctx)
{
    struct board *board = ctx;

    atomic_fetch_add(&board->ended, 1);
}

static void
submit_gate(struct pool *pool, const char *lane, struct board *board)
{
    struct job job = {stand, stand, board, "Gate"};

    assert_int_equal(pool_submit(pool, lane, &job, NULL), 0);
}

static void
submit(struct pool *pool, const char *lane, struct letter *letter)
{
    struct job job = {note, note_drop, letter, "Note"};

    assert_int_equal(pool_submit(pool, lane, &job, NULL), 0);
}

static void
stop(struct pool *pool)
{
    assert_int_equal(pool_stop(pool, 10000), 0);
    pool_free(pool);
}

/* --- order ---------------------------------------------------------------- */

#define LANES 16
#define JOBS 100

struct lane_state {
    atomic_int running;
    int last; /* only the lane's jobs touch it, one at a time */
    bool in_order;
    atomic_int done;
};

struct numbered {
    struct lane_state *lane;
    int number;
};

static void
run_numbered(void *arg)
{
    struct numbered *job = arg;
    struct lane_state *lane = job->lane;

    lane->in_order = lane->in_order &&
                     atomic_fetch_add(&lane->running, 1) == 0 &&
                     job->number == lane->last + 1;
    lane->last = job->number;
    atomic_fetch_sub(&lane->running, 1);
    atomic_fetch_add(&lane->done, 1);
    free(job);
}

struct submitter {
    struct pool *pool;
    struct lane_state *lane;
    int index;
};

static void *
submit_lane(void *arg)
{
    struct submitter *s = arg;
    char name[16];

    snprintf(name, sizeof(name), "vm:%d", s->index);
    for (int i = 1; i <= JOBS; i++) {
        struct numbered *numbered = calloc(1, sizeof(*numbered));
        struct job job = {run_numbered, free, numbered, "Numbered"};

        numbered->lane = s->lane;
        numbered->number = i;
        if (pool_submit(s->pool, name, &job, NULL) < 0)
            free(numbered);
    }
    return NULL;
}

static void
a_lane_keeps_its_order(void **state)
{
    struct pool *pool = pool_new(4, &wide, NULL, NULL);
    struct lane_state lanes[LANES];
    struct submitter submitters[LANES];
    pthread_t threads[LANES];
    size_t count = 1;

    (void)state;
    for (int i = 0; i < LANES; i++) {
        lanes[i] = (struct lane_state){.in_order = true};
        submitters[i] = (struct submitter){pool, &lanes[i], i};
        assert_int_equal(
            pthread_create(&threads[i], NULL, submit_lane, &submitters[i]), 0);
    }
    for (int i = 0; i < LANES; i++)
        pthread_join(threads[i], NULL);
    while (count > 0) {
        free(pool_lanes(pool, &count));
        usleep(100);
    }
    stop(pool);
    for (int i = 0; i < LANES; i++) {
        assert_true(lanes[i].in_order);
        assert_int_equal(lanes[i].last, JOBS);
        assert_int_equal(lanes[i].done, JOBS);
    }
}

static void
lanes_run_beside_each_other(void **state)
{
    struct board board;
    struct pool *pool;

    (void)state;
    board_init(&board);
    pool = pool_new(4, &wide, NULL, NULL);
    submit_gate(pool, "vm:a", &board);
    submit_gate(pool, "vm:b", &board);
    submit_gate(pool, NULL, &board);
    submit_gate(pool, NULL, &board);
    await_inside(&board, 4);
    open_gate(&board);
    stop(pool);
}

static void
a_long_lane_does_not_starve_others(void **state)
{
    struct board board;
    struct pool *pool;
    struct letter a = {&board, 'a'};
    struct letter b = {&board, 'b'};
    struct letter c = {&board, 'c'};

    (void)state;
    board_init(&board);
    pool = pool_new(1, &wide, NULL, NULL);
    submit_gate(pool, NULL, &board);
    await_inside(&board, 1);
    for (int i = 0; i < 3; i++)
        submit(pool, "vm:a", &a);
    submit(pool, "vm:b", &b);
    submit(pool, NULL, &c);
    open_gate(&board);
    await_log(&board, "abcaa");
    stop(pool);
}

/* --- limits and lists ------------------------------------------------------
 */

static void
limits_answer_busy(void **state)
{
    const struct pool_limits narrow = {2, 3};
    struct board board;
    struct pool *pool;
    struct letter letter = {&board, 'a'};
    struct job job = {note, note_drop, &letter, "Note"};
    struct err err = ERR_INIT;

    (void)state;
    board_init(&board);
    pool = pool_new(1, &narrow, NULL, NULL);
    submit_gate(pool, "vm:a", &board);
    await_inside(&board, 1);
    submit(pool, "vm:a", &letter);
    submit(pool, "vm:a", &letter);
    assert_int_equal(pool_submit(pool, "vm:a", &job, &err), -1);
    unit_err(&err, ERR_BUSY, "same lane");
    assert_int_equal(err.queue_depth, 2);
    assert_true(err.retry_after_ms > 0);
    submit(pool, "vm:b", &letter);
    assert_int_equal(pool_submit(pool, NULL, &job, &err), -1);
    unit_err(&err, ERR_BUSY, "in all");
    assert_int_equal(err.queue_depth, 3);
    open_gate(&board);
    await_log(&board, "aaa");
    stop(pool);
}

static const struct lane_info *
info_of(const struct lane_info *infos, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(infos[i].name, name) == 0)
            return &infos[i];
    fail_msg("no lane '%s'", name);
    return NULL;
}

static void
lanes_can_be_listed(void **state)
{
    struct board board;
    struct pool *pool;
    struct letter letter = {&board, 'a'};
    struct lane_info *infos;
    const struct lane_info *info;
    size_t count;

    (void)state;
    board_init(&board);
    pool = pool_new(2, &wide, NULL, NULL);
    infos = pool_lanes(pool, &count);
    assert_int_equal(count, 0);
    free(infos);
    submit_gate(pool, "vm:a", &board);
    submit_gate(pool, NULL, &board);
    await_inside(&board, 2);
    submit(pool, "vm:a", &letter);
    submit(pool, "vm:b", &letter);

    infos = pool_lanes(pool, &count);
    assert_int_equal(count, 3);
    info = info_of(infos, count, "vm:a");
    assert_string_equal(info->label, "Gate");
    assert_int_equal(info->queued, 1);
    assert_true(info->running_ms >= 0 && !info->blocked);
    info = info_of(infos, count, "vm:b");
    assert_null(info->label);
    assert_int_equal(info->queued, 1);
    assert_string_equal(info_of(infos, count, "")->label, "Gate");
    free(infos);
    open_gate(&board);
    await_log(&board, "aa");
    stop(pool);
}

/* --- taken back ------------------------------------------------------------
 */

static void
a_queued_job_can_be_taken_back(void **state)
{
    struct board board;
    struct pool *pool;
    struct letter letters[] = {{&board, 'a'}, {&board, 'b'}, {&board, 'c'}};
    struct job job, taken;
    size_t count;

    (void)state;
    board_init(&board);
    pool = pool_new(1, &wide, NULL, NULL);
    submit_gate(pool, "vm:a", &board);
    await_inside(&board, 1);
    for (size_t i = 0; i < 3; i++) {
        job = (struct job){note, note_drop, &letters[i], "Note"};
        assert_int_equal(
            pool_submit_ticket(pool, i < 2 ? "vm:a" : NULL, &job, i + 1, NULL),
            0);
    }
    assert_false(pool_withdraw(pool, 4, &taken));
    assert_true(pool_withdraw(pool, 1, &taken)); /* behind a job that runs */
    assert_ptr_equal(taken.arg, &letters[0]);
    assert_false(pool_withdraw(pool, 1, &taken));
    assert_true(pool_withdraw(pool, 3, &taken)); /* a ready lane goes with it */
    free(pool_lanes(pool, &count));
    assert_int_equal(count, 1);
    open_gate(&board);
    await_log(&board, "b");
    assert_false(pool_withdraw(pool, 2, &taken));
    stop(pool);
    assert_string_equal(board.log, "b");
}

/* Many threads take back what others run: each job ends one way. */
#define RACED 2000

struct raced {
    struct pool *pool;
    atomic_int ran, taken;
};

static void
count_run(void *arg)
{
    atomic_fetch_add(&((struct raced *)arg)->ran, 1);
}

static void *
take_all(void *arg)
{
    struct raced *raced = arg;
    struct job job;

    for (uint64_t i = RACED; i > 0; i--)
        if (pool_withdraw(raced->pool, i, &job))
            atomic_fetch_add(&raced->taken, 1);
    return NULL;
}

static void
a_job_runs_or_is_taken_back(void **state)
{
    struct raced raced = {.pool = pool_new(2, &(struct pool_limits){RACED, RACED},
                                           NULL, NULL)};
    const struct job job = {count_run, count_run, &raced, "Count"};
    pthread_t threads[2];
    char lane[16];

    (void)state;
    for (uint64_t i = 1; i <= RACED; i++) {
        snprintf(lane, sizeof(lane), "vm:%u", (unsigned)i % 7);
        assert_int_equal(pool_submit_ticket(raced.pool, lane, &job, i, NULL),
                         0);
        if (i == RACED / 2)
            for (int t = 0; t < 2; t++)
                assert_int_equal(pthread_create(&threads[t], NULL, take_all,
                                                &raced),
                                 0);
    }
    for (int t = 0; t < 2; t++)
        pthread_join(threads[t], NULL);
    while (raced.ran + raced.taken < RACED)
        usleep(100);
    stop(raced.pool);
    assert_int_equal(raced.ran + raced.taken, RACED);
}

static void
the_house_is_not_kept_out(void **state)
{
    const struct pool_limits narrow = {1, 1};
    struct board board;
    struct pool *pool;
    struct letter letter = {&board, 'a'};
    struct job job = {note, note_drop, &letter, "Note"};

    (void)state;
    board_init(&board);
    pool = pool_new(1, &narrow, NULL, NULL);
    submit_gate(pool, "vm:a", &board);
    await_inside(&board, 1);
    submit(pool, "vm:a", &letter);
    assert_int_equal(pool_submit(pool, "vm:a", &job, NULL), -1);
    assert_int_equal(pool_submit_own(pool, "vm:a", &job, NULL), 0);
    open_gate(&board);
    await_log(&board, "aa");
    stop(pool);
}

/* --- the end ---------------------------------------------------------------
 */

static void
stopping_drops_what_is_queued(void **state)
{
    struct board board;
    struct pool *pool;
    struct letter a = {&board, 'a'};
    struct letter b = {&board, 'a'};
    struct job job = {note, note_drop, &a, "Note"};
    struct err err = ERR_INIT;

    (void)state;
    board_init(&board);
    pool = pool_new(2, &wide, count_end, &board);
    submit_gate(pool, "vm:a", &board);
    submit_gate(pool, NULL, &board);
    await_inside(&board, 2);
    submit(pool, "vm:a", &a);                /* behind a job that runs */
    submit(pool, "vm:b", &b);                /* in a ready lane */
    assert_int_equal(pool_stop(pool, 0), 2); /* both still stand there */
    await_log(&board, "AA");
    assert_int_equal(pool_submit(pool, NULL, &job, &err), -1);
    unit_err(&err, ERR_STOPPING, "stopping");
    open_gate(&board);
    stop(pool); /* once more, when the jobs can end */
    assert_int_equal(board.ended, 2);
}

/* --- blocked ----------------------------------------------------------------
 */

static void
a_blocked_job_is_replaced(void **state)
{
    struct board board;
    struct pool *pool;
    struct letter a = {&board, 'a'};
    struct letter b = {&board, 'b'};
    struct letter c = {&board, 'c'};
    struct lane_info *infos;
    const struct lane_info *info;
    size_t count;
    int64_t started_ms = clock_mono_ms();

    (void)state;
    board_init(&board);
    pool = pool_new(1, &wide, count_end, &board);
    submit_gate(pool, "vm:a", &board);
    await_inside(&board, 1);
    submit(pool, "vm:a", &a); /* waits for its lane all the same */
    submit(pool, "vm:b", &b);
    await_log(&board, "b");
    assert_true(clock_mono_ms() - started_ms >= POOL_BLOCKED_MS);
    submit(pool, "vm:c", &c); /* the replacement stays */
    await_log(&board, "bc");

    infos = pool_lanes(pool, &count); /* lane c may be about to go */
    info = info_of(infos, count, "vm:a");
    assert_true(info->blocked);
    assert_int_equal(info->queued, 1);
    assert_true(info->running_ms >= POOL_BLOCKED_MS);
    free(infos);

    open_gate(&board);
    await_log(&board, "bca");
    while (board.ended < 1) /* the one that was written off */
        usleep(100);
    submit(pool, "vm:c", &c);
    await_log(&board, "bcac");
    assert_int_equal(board.ended, 1);
    stop(pool);
    assert_int_equal(board.ended, 2);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_lane_keeps_its_order),
        cmocka_unit_test(lanes_run_beside_each_other),
        cmocka_unit_test(a_long_lane_does_not_starve_others),
        cmocka_unit_test(limits_answer_busy),
        cmocka_unit_test(lanes_can_be_listed),
        cmocka_unit_test(a_queued_job_can_be_taken_back),
        cmocka_unit_test(a_job_runs_or_is_taken_back),
        cmocka_unit_test(the_house_is_not_kept_out),
        cmocka_unit_test(stopping_drops_what_is_queued),
        cmocka_unit_test(a_blocked_job_is_replaced),
    };

    return CASES(cases);
}
