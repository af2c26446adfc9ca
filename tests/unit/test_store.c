// SPDX-License-Identifier: Apache-2.0
/*
 * The store on real files: groups and savepoints, hooks, files that are
 * damaged, foreign, newer or locked, and a disk that is full (a file size
 * limit stands in for it). Raw SQLite only prepares files.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/state/store.h"
#include "agent/state/store_schema.h"

#define THREADS 50
#define EACH 10

#define ADD_VM \
    "INSERT INTO vm (vm_id, name, hypervisor, created_ms) VALUES (?, ?, ?, ?)"

static struct store *
open_store(const char *dir)
{
    struct err err = ERR_INIT;
    struct store *store = store_open(dir, &err);

    if (!store)
        fail_msg("%s", err.message);
    return store;
}

static void
add_vm(struct store_batch *batch, const char *id)
{
    store_batch_add(batch, ADD_VM, "ttti", id, "name", "local", (int64_t)1);
}

static int
commit_vm(struct store *store, const char *id, struct err *err)
{
    struct store_batch *batch = store_batch_new();

    add_vm(batch, id);
    return store_commit(store, batch, err);
}

static int
keep_int(void *ctx, const struct store_row *row)
{
    *(int64_t *)ctx = store_row_int(row, 0);
    return 1;
}

static int64_t
count_vms(struct store *store)
{
    int64_t count = -1;
    struct err err = ERR_INIT;

    if (store_read(store, &err, keep_int, &count, "SELECT count(*) FROM vm",
                   "") < 0)
        fail_msg("%s", err.message);
    return count;
}

/* Run SQL on a database file from outside. */
static void
raw(const char *dir, const char *sql)
{
    char path[300];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/berth.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
assert_refused(const char *dir, enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;

    assert_null(store_open(dir, &err));
    unit_err(&err, kind, part);
}

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

/* --- files ---------------------------------------------------------------- */

static void
a_second_open_is_refused(void **state)
{
    char dir[256];
    char path[300];
    struct stat st;
    struct store *store;

    (void)state;
    unit_folder(dir);
    snprintf(path, sizeof(path), "%s/state", dir);
    store = open_store(path);
    assert_refused(path, ERR_BUSY, "Another berthd");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store_close(store);
    store_close(open_store(path));
    snprintf(path, sizeof(path), "%s/state/berth.db", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(path, sizeof(path), "%s/state/berth.reserve", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_blocks * 512 >= 1024 * 1024);
}

static void
the_schema_is_versioned(void **state)
{
    char dir[256];
    char sql[64];
    struct store *store;
    int64_t version = 0;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    assert_int_equal(
        store_read(store, NULL, keep_int, &version, "PRAGMA user_version", ""),
        0);
    assert_int_equal(version, store_schema_version);
    store_close(store);

    snprintf(sql, sizeof(sql), "PRAGMA user_version=%d",
             store_schema_version + 1);
    raw(dir, sql);
    assert_refused(dir, ERR_READ_ONLY, "newer berthd");
}

static void
a_migration_that_fails_leaves_the_file_as_it_was(void **state)
{
    char dir[256];
    char path[300];
    sqlite3 *db;

    (void)state;
    unit_folder(dir);
    store_close(open_store(dir));
    raw(dir, "PRAGMA user_version=0"); /* its tables stand in the way */
    assert_refused(dir, ERR_INTERNAL,
                   "The schema cannot be brought to version 1");
    snprintf(path, sizeof(path), "%s/berth.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM vm", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void
a_foreign_database_is_left_alone(void **state)
{
    char dir[256];

    (void)state;
    unit_folder(dir);
    raw(dir, "CREATE TABLE songs (title TEXT)");
    assert_refused(dir, ERR_READ_ONLY, "another program");
}

/* Overwrite len bytes of berth.db from offset. */
static void
damage(const char *dir, off_t offset, size_t len)
{
    CLEANUP_FREE char *junk = mem_zalloc(1, len);
    char path[300];
    int fd;

    memset(junk, 0xa5, len);
    snprintf(path, sizeof(path), "%s/berth.db", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, len, offset), (ssize_t)len);
    close(fd);
}

static void
a_damaged_database_is_refused(void **state)
{
    char dir[256];

    (void)state;
    unit_folder(dir);
    store_close(open_store(dir));
    damage(dir, 4096, 8192);
    assert_refused(dir, ERR_READ_ONLY, "restore berth.db from a backup");
    damage(dir, 0, 4096);
    assert_refused(dir, ERR_READ_ONLY, "restore berth.db from a backup");
}

static void
damage_met_later_ends_writing(void **state)
{
    char dir[256];
    char why[512];
    struct store *store;
    struct err err = ERR_INIT;
    int rows = 0;

    (void)state;
    unit_folder(dir);
    store_close(open_store(dir));
    store = open_store(dir);
    damage(dir, 4096, 40960); /* all pages but the first */
    assert_int_equal(
        store_read(store, &err, end_walk, &rows, "SELECT vm_id FROM vm", ""),
        -1);
    unit_err(&err, ERR_READ_ONLY, "damaged");
    assert_false(store_healthy(store, why, sizeof(why)));
    assert_non_null(strstr(why, "damaged"));
    assert_int_equal(commit_vm(store, "b", &err), -1);
    unit_err(&err, ERR_READ_ONLY, "until this is repaired");
    store_close(store);
}

static void
a_directory_that_cannot_be_used_is_told(void **state)
{
    char dir[256];
    char path[300];

    (void)state;
    unit_folder(dir);
    snprintf(path, sizeof(path), "%s/berth.db", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(dir, ERR_READ_ONLY, "berth.db cannot be opened");
    snprintf(path, sizeof(path), "%s/file", dir);
    unit_write(path, "");
    assert_refused(path, ERR_INTERNAL, "state directory");
}

/* --- a full disk ---------------------------------------------------------- */

static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static off_t
size_of(const char *dir, const char *name)
{
    char path[300];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void
a_full_disk_refuses_new_work_and_heals(void **state)
{
    char dir[256];
    char why[512];
    struct store *store;
    struct store_batch *batch;
    struct err err = ERR_INIT;
    int64_t until = clock_mono_ms() + 10000;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    unit_folder(dir);
    store = open_store(dir);
    assert_int_equal(commit_vm(store, "a", &err), 0);
    limit_files(0);
    assert_int_equal(commit_vm(store, "b", &err), -1);
    unit_err(&err, ERR_READ_ONLY, "size limit");
    assert_false(store_healthy(store, why, sizeof(why)));
    assert_non_null(strstr(why, "free some space"));
    assert_int_equal(size_of(dir, "berth.reserve"), 0);
    assert_int_equal(count_vms(store), 1);

    /* There is room for an end again, but not yet for a beginning: the
     * reserve is larger than the limit. */
    limit_files(512 * 1024);
    assert_int_equal(commit_vm(store, "b", &err), 0);
    batch = store_batch_new();
    store_batch_begins_work(batch);
    add_vm(batch, "c");
    assert_int_equal(store_commit(store, batch, &err), -1);
    unit_err(&err, ERR_READ_ONLY, "No new work");

    limit_files(RLIM_INFINITY);
    while (!store_healthy(store, why, sizeof(why)) && clock_mono_ms() < until)
        usleep(2000);
    assert_string_equal(why, "");
    assert_true(size_of(dir, "berth.reserve") > 0);
    assert_int_equal(commit_vm(store, "c", &err), 0);
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
        cmocka_unit_test(a_second_open_is_refused),
        cmocka_unit_test(the_schema_is_versioned),
        cmocka_unit_test(a_migration_that_fails_leaves_the_file_as_it_was),
        cmocka_unit_test(a_foreign_database_is_left_alone),
        cmocka_unit_test(a_damaged_database_is_refused),
        cmocka_unit_test(damage_met_later_ends_writing),
        cmocka_unit_test(a_directory_that_cannot_be_used_is_told),
        cmocka_unit_test(a_full_disk_refuses_new_work_and_heals),
    };

    return CASES(cases);
}
