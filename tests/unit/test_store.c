// SPDX-License-Identifier: Apache-2.0
/*
 * The store on real files: groups and savepoints, hooks, values, reading
 * beside the writer.
 */
#include "tests/unit/store_case.h"

#include <pthread.h>

#include "agent/common/clock.h"

#define THREADS 50
#define EACH 10

/* --- groups --------------------------------------------------------------- */

struct committer {
    struct store *store;
    int number;
    int failed;
};

static void *
commit_many(void *arg)
{
    struct committer *c = arg;

    for (int i = 0; i < EACH; i++) {
        char id[32];

        snprintf(id, sizeof(id), "vm-%d-%d", c->number, i);
        if (commit_vm(c->store, id, NULL) < 0)
            c->failed++;
    }
    return NULL;
}

static void
threads_share_commits_and_all_is_durable(void **state)
{
    char dir[256];
    struct store *store;
    struct committer committers[THREADS];
    pthread_t threads[THREADS];
    int64_t commits;
    int64_t batches;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    for (int i = 0; i < THREADS; i++) {
        committers[i] = (struct committer){store, i, 0};
        assert_int_equal(
            pthread_create(&threads[i], NULL, commit_many, &committers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(committers[i].failed, 0);
    }
    assert_int_equal(count_vms(store), THREADS * EACH);
    store_counts(store, &commits, &batches);
    assert_int_equal(batches, THREADS * EACH);
    assert_true(commits < batches);
    store_close(store);

    store = open_store(dir);
    assert_int_equal(count_vms(store), THREADS * EACH);
    store_close(store);
}

/* A gate that holds the writer, so that what follows is one group. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool entered;
    bool open;
};

#define GATE_INIT                                                         \
    {                                                                     \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false \
    }

static void
gate_hold(void *arg, int64_t rowid)
{
    struct gate *gate = arg;

    (void)rowid;
    pthread_mutex_lock(&gate->mutex);
    gate->entered = true;
    pthread_cond_broadcast(&gate->cond);
    while (!gate->open)
        pthread_cond_wait(&gate->cond, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void
gate_close(struct store *store, struct gate *gate)
{
    struct store_batch *batch = store_batch_new();

    store_batch_on_commit(batch, gate_hold, gate);
    store_commit_later(store, batch);
    pthread_mutex_lock(&gate->mutex);
    while (!gate->entered)
        pthread_cond_wait(&gate->cond, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void
gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
}

static void
keep_rowid(void *arg, int64_t rowid)
{
    *(int64_t *)arg = rowid;
}

static void
a_failing_batch_is_undone_alone(void **state)
{
    char dir[256];
    struct gate gate = GATE_INIT;
    struct store *store;
    struct store_batch *batch;
    struct err err = ERR_INIT;
    int64_t rows[4] = {-2, -2, -2, -2};
    int64_t before;
    int64_t commits;
    int64_t batches;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    gate_close(store, &gate);
    store_counts(store, &before, &batches);
    for (int i = 0; i < 3; i++) {
        batch = store_batch_new();
        add_vm(batch, i == 0 ? "a" : i == 1 ? "b" : "c");
        store_batch_on_commit(batch, keep_rowid, &rows[i]);
        if (i == 1) /* its own first row goes with it */
            add_vm(batch, "a");
        store_commit_later(store, batch);
    }
    gate_open(&gate);

    batch = store_batch_new();
    add_vm(batch, "d");
    store_batch_on_commit(batch, keep_rowid, &rows[3]);
    assert_int_equal(store_commit(store, batch, &err), 0);
    assert_int_equal(count_vms(store), 3);
    assert_int_equal(rows[0], 1);
    assert_int_equal(rows[1], -1);
    assert_int_equal(rows[2], 2);
    assert_int_equal(rows[3], 3);
    store_counts(store, &commits, &batches);
    assert_true(commits - before <= 2);

    assert_int_equal(commit_vm(store, "a", &err), -1);
    unit_err(&err, ERR_EXISTS, "exists already");
    store_close(store);
}

static void
hooks_learn_the_row_before_them(void **state)
{
    char dir[256];
    struct store *store;
    struct store_batch *batch = store_batch_new();
    int64_t rows[4] = {-2, -2, -2, -2};

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    store_batch_on_commit(batch, keep_rowid, &rows[0]);
    add_vm(batch, "a");
    store_batch_on_commit(batch, keep_rowid, &rows[1]);
    store_batch_add(batch, "UPDATE vm SET name = 'x'", "");
    store_batch_on_commit(batch, keep_rowid, &rows[2]);
    add_vm(batch, "b");
    assert_int_equal(store_commit(store, batch, NULL), 0);
    assert_int_equal(rows[0], 0);
    assert_int_equal(rows[1], 1);
    assert_int_equal(rows[2], 1);

    batch = store_batch_new();
    store_batch_on_commit(batch, keep_rowid, &rows[3]);
    store_batch_free(batch);
    assert_int_equal(rows[3], -1);
    store_close(store);
}

static void
values_go_in_and_out(void **state)
{
    char dir[256];
    struct store *store;
    struct store_batch *batch = store_batch_new();
    struct err err = ERR_INIT;
    int64_t count = 0;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    store_batch_add(batch,
                    "INSERT INTO vm (vm_id, name, hypervisor, guest_os,"
                    " created_ms) VALUES (?, ?, ?, ?, ?)",
                    "tttti", "a", "Robert'); DROP TABLE vm;--", "local", NULL,
                    INT64_MAX);
    assert_int_equal(store_commit(store, batch, &err), 0);
    assert_int_equal(store_read(store, &err, keep_int, &count,
                                "SELECT count(*) FROM vm WHERE name = ?"
                                " AND guest_os IS NULL AND created_ms = ?",
                                "ti", "Robert'); DROP TABLE vm;--", INT64_MAX),
                     0);
    assert_int_equal(count, 1);

    /* Mistakes of ours are told, not guessed at. */
    assert_int_equal(store_read(store, &err, keep_int, &count,
                                "SELECT count(*) FROM vm WHERE name = ?", ""),
                     -1);
    unit_err(&err, ERR_INTERNAL, "out of range");
    assert_int_equal(
        store_read(store, &err, keep_int, &count, "SELECT nonsense", ""), -1);
    unit_err(&err, ERR_INTERNAL, "nonsense");
    store_close(store);
}

static int
end_walk(void *ctx, const struct store_row *row)
{
    (void)row;
    return ++*(int *)ctx == 2;
}

static void
a_walk_ends_when_told(void **state)
{
    char dir[256];
    struct store *store;
    int rows = 0;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    for (int i = 0; i < 4; i++) {
        char id[2] = {(char)('a' + i), '\0'};

        assert_int_equal(commit_vm(store, id, NULL), 0);
    }
    assert_int_equal(
        store_read(store, NULL, end_walk, &rows, "SELECT vm_id FROM vm", ""),
        0);
    assert_int_equal(rows, 2);
    store_close(store);
}

static void
a_reader_does_not_wait_for_the_writer(void **state)
{
    char dir[256];
    struct gate gate = GATE_INIT;
    struct store *store;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    assert_int_equal(commit_vm(store, "a", NULL), 0);
    gate_close(store, &gate);
    assert_int_equal(count_vms(store), 1);
    gate_open(&gate);
    store_close(store);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(threads_share_commits_and_all_is_durable),
        cmocka_unit_test(a_failing_batch_is_undone_alone),
        cmocka_unit_test(hooks_learn_the_row_before_them),
        cmocka_unit_test(values_go_in_and_out),
        cmocka_unit_test(a_walk_ends_when_told),
        cmocka_unit_test(a_reader_does_not_wait_for_the_writer),
    };

    return CASES(cases);
}
