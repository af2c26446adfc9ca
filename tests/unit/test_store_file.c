// SPDX-License-Identifier: Apache-2.0
/*
 * The store on files that are damaged, foreign, newer, locked or missing, and
 * on a disk that is full (a file size limit stands in for it).
 */
#include "tests/unit/store_case.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/common/clock.h"
#include "agent/state/store_schema.h"

/* --- files ---------------------------------------------------------------- */

static void
a_second_open_is_refused(void **state)
{
    char dir[256];
    char path[300];
    char part[64];
    struct stat st;
    struct store *store;

    (void)state;
    unit_folder(dir);
    snprintf(path, sizeof(path), "%s/state", dir);
    store = open_store(path);
    assert_refused(path, ERR_BUSY, "Another berthd");
    snprintf(part, sizeof(part), "process %d", (int)getpid());
    assert_refused(path, ERR_BUSY, part);
    assert_int_equal(store_holder(path), getpid());
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store_close(store);
    assert_int_equal(store_holder(path), 0);
    assert_int_equal(store_holder(dir), 0);
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
    int64_t count;

    (void)state;
    unit_folder(dir);
    store_close(open_store(dir));
    store = open_store(dir);
    damage(dir, 4096, 40960); /* all pages but the first */
    assert_int_equal(
        store_read(store, &err, keep_int, &count, "SELECT vm_id FROM vm", ""),
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

/* --- without a database ---------------------------------------------------- */

static void
note_end(void *arg, int64_t rowid)
{
    *(int64_t *)arg = rowid;
}

static void
count_heal(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static int
count_load(void *ctx, struct store *store, struct err *err)
{
    int *loads = ctx;

    if (++*loads == 1 || count_vms(store) < 2)
        return 0;
    return err_set(err, ERR_INTERNAL, "two are too many");
}

static void
a_damaged_record_is_refused_and_nothing_guessed(void **state)
{
    struct store_batch *batch = store_batch_new();
    struct err err = ERR_INIT;
    int64_t end = 0, count = 7;
    struct store *store;
    char dir[256], why[512];
    int loads = 0;

    (void)state;
    unit_folder(dir);
    damage(dir, 0, 8192);
    store = store_open_any(dir, count_load, &loads, &err);
    assert_non_null(store);
    assert_false(store_healthy(store, why, sizeof(why)));
    assert_non_null(strstr(why, "damaged"));
    assert_int_equal(commit_vm(store, "a", &err), -1);
    unit_err(&err, ERR_READ_ONLY, "damaged");
    assert_int_equal(
        store_read(store, &err, keep_int, &count, "SELECT 1", ""), 0);
    assert_int_equal(count, 7); /* there was no row */
    assert_int_equal(store_has_record(store, &err), -1);
    unit_err(&err, ERR_READ_ONLY, "cannot be read: ");
    add_vm(batch, "b");
    store_batch_on_commit(batch, note_end, &end);
    store_commit_later(store, batch);
    assert_refused(dir, ERR_BUSY, "Another berthd"); /* it is ours still */
    store_close(store);
    assert_int_equal(end, -1);
    assert_int_equal(loads, 0);
}

/* What is only in the way of the record may go away. */
static void
a_record_that_comes_late_is_loaded_first(void **state)
{
    int64_t until = clock_mono_ms() + 20000;
    struct err err = ERR_INIT;
    char dir[256], path[300];
    struct store *store;
    atomic_int heals = 0;
    int loads = 0;

    (void)state;
    unit_folder(dir);
    store_close(open_store(dir));
    snprintf(path, sizeof(path), "%s/berth.lock", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    store = store_open_any(dir, count_load, &loads, &err);
    assert_non_null(store);
    store_on_heal(store, count_heal, &heals);
    assert_int_equal(store_has_record(store, NULL), -1);
    assert_int_equal(rmdir(path), 0);
    while (heals == 0 && clock_mono_ms() < until)
        usleep(2000);
    assert_int_equal(loads, 1);
    assert_true(store_healthy(store, NULL, 0));
    assert_int_equal(commit_vm(store, "a", &err), 0);
    assert_int_equal(count_vms(store), 1);
    store_close(store);
}

static void
a_record_that_cannot_be_loaded_is_damaged(void **state)
{
    struct err err = ERR_INIT;
    char dir[256], why[512];
    struct store *store;
    int loads = 1;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    assert_int_equal(commit_vm(store, "a", NULL), 0);
    assert_int_equal(commit_vm(store, "b", NULL), 0);
    store_close(store);
    store = store_open_any(dir, count_load, &loads, &err);
    assert_non_null(store);
    assert_false(store_healthy(store, why, sizeof(why)));
    assert_string_equal(why, "two are too many");
    assert_int_equal(commit_vm(store, "c", &err), -1);
    store_close(store);
}

static void
peeking_changes_nothing(void **state)
{
    struct err err = ERR_INIT;
    char dir[256], before[1024], after[1024], path[300];
    struct store *store, *peek;

    (void)state;
    unit_folder(dir);
    assert_null(store_peek(dir, &err));
    unit_err(&err, ERR_NOT_FOUND, "berth.db yet");
    snprintf(path, sizeof(path), "%s/a %%41?b#", dir);
    store = open_store(path);
    assert_int_equal(commit_vm(store, "a", NULL), 0);
    peek = store_peek(path, &err); /* beside the one that has it */
    assert_non_null(peek);
    assert_int_equal(count_vms(peek), 1);
    store_close(peek);
    store_close(store);

    names_in(path, before);
    peek = store_peek(path, &err);
    assert_non_null(peek);
    assert_int_equal(count_vms(peek), 1);
    assert_int_equal(commit_vm(peek, "b", &err), -1);
    unit_err(&err, ERR_READ_ONLY, "only looked at");
    store_close(peek);
    names_in(path, after);
    assert_string_equal(before, after);

    damage(path, 4096, 8192);
    assert_null(store_peek(path, &err));
    unit_err(&err, ERR_READ_ONLY, "restore berth.db from a backup");
}

/* Another program in the middle of a transaction. */
static void
a_locked_database_is_told_and_heals(void **state)
{
    int64_t until = clock_mono_ms() + 20000;
    struct err err = ERR_INIT;
    char dir[256], path[300], why[512];
    struct store *store;
    sqlite3 *other;

    (void)state;
    unit_folder(dir);
    store = open_store(dir);
    assert_int_equal(commit_vm(store, "a", NULL), 0);
    snprintf(path, sizeof(path), "%s/berth.db", dir);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(commit_vm(store, "b", &err), -1);
    unit_err(&err, ERR_READ_ONLY, "holds it locked");
    assert_false(store_healthy(store, why, sizeof(why)));
    assert_int_equal(count_vms(store), 1);
    sqlite3_close(other);
    while (!store_healthy(store, why, sizeof(why)) && clock_mono_ms() < until)
        usleep(2000);
    assert_string_equal(why, "");
    assert_int_equal(commit_vm(store, "b", &err), 0);
    store_close(store);
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
    atomic_int heals = 0;
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
    store_on_heal(store, count_heal, &heals);
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
    assert_int_equal(heals, 1);
    store_close(store);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_second_open_is_refused),
        cmocka_unit_test(the_schema_is_versioned),
        cmocka_unit_test(a_migration_that_fails_leaves_the_file_as_it_was),
        cmocka_unit_test(a_foreign_database_is_left_alone),
        cmocka_unit_test(a_damaged_database_is_refused),
        cmocka_unit_test(damage_met_later_ends_writing),
        cmocka_unit_test(a_directory_that_cannot_be_used_is_told),
        cmocka_unit_test(a_damaged_record_is_refused_and_nothing_guessed),
        cmocka_unit_test(a_record_that_comes_late_is_loaded_first),
        cmocka_unit_test(a_record_that_cannot_be_loaded_is_damaged),
        cmocka_unit_test(peeking_changes_nothing),
        cmocka_unit_test(a_locked_database_is_told_and_heals),
        cmocka_unit_test(a_full_disk_refuses_new_work_and_heals),
    };

    return CASES(cases);
}
