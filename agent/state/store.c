// SPDX-License-Identifier: Apache-2.0
/*
 * Which thread has which connection, how groups of batches are carried out,
 * and how well the record is. The writing connection belongs to the writer
 * thread once it runs, the reading one to whoever holds read_lock.
 * Healthy → (a commit fails) → full or failing → (a probe in the writer
 * thread succeeds) → healthy; a damaged file is never written again. A store
 * that was opened without its record is failing, and has no connections until
 * the writer thread could open them.
 */
#include "agent/state/store.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/state/store_db.h"
#include "agent/state/store_file.h"
#include "agent/state/store_writer.h"

struct store {
    char *dir;
    char *path;
    int lock_fd;
    struct store_db *write;
    struct store_writer *writer;
    store_load_fn *load; /* when there is no record yet */
    void *load_ctx;
    struct lock read_lock; /* guards read */
    struct store_db *read; /* NULL: there is no record */
    struct lock lock; /* guards what follows */
    enum store_health health;
    char why[512];
    int64_t probe_ms; /* when to try again */
    void (*healed)(void *ctx);
    void *healed_ctx;
    int64_t commits;
    int64_t batches;
};

/* --- health -------------------------------------------------------------- */

static enum store_health
health_get(struct store *store)
{
    LOCK_SCOPE(&store->lock);

    return store->health;
}

/* Returns what it was. */
static enum store_health
note_health(struct store *store, enum store_health health, const char *why)
{
    LOCK_SCOPE(&store->lock);
    enum store_health before = store->health;

    if (before != STORE_DAMAGED) {
        store->health = health;
        store->probe_ms = clock_mono_ms() + STORE_PROBE_MS;
        snprintf(store->why, sizeof(store->why), "%s", why);
    }
    return before;
}

/* And tell it, if it is news. */
static void
health_set(struct store *store, enum store_health health, const char *why)
{
    enum store_health before = note_health(store, health, why);
    void (*healed)(void *ctx);
    void *ctx;

    if (before == health || before == STORE_DAMAGED)
        return;
    if (health != STORE_HEALTHY) {
        log_error("No new work can be recorded: %s", why);
        return;
    }
    log_info("%s: new work can be recorded again.", store->path);
    lock_take(&store->lock);
    healed = store->healed;
    ctx = store->healed_ctx;
    lock_drop(&store->lock);
    if (healed)
        healed(ctx);
}

void
store_on_heal(struct store *store, void (*fn)(void *ctx), void *ctx)
{
    LOCK_SCOPE(&store->lock);

    store->healed = fn;
    store->healed_ctx = ctx;
}

/* How long until the next try, 0: now, -1: there is nothing to try. */
static int64_t
probe_in(struct store *store)
{
    LOCK_SCOPE(&store->lock);
    int64_t left_ms = store->probe_ms - clock_mono_ms();

    if (store->health == STORE_HEALTHY || store->health == STORE_DAMAGED)
        return -1;
    return left_ms > 0 ? left_ms : 0;
}

bool
store_healthy(struct store *store, char *why, size_t size)
{
    LOCK_SCOPE(&store->lock);

    snprintf(why, size, "%s", store->why);
    return store->health == STORE_HEALTHY;
}

int
store_has_record(struct store *store, struct err *err)
{
    bool has;

    lock_take(&store->read_lock);
    has = store->read != NULL;
    lock_drop(&store->read_lock);
    if (has)
        return 0;
    LOCK_SCOPE(&store->lock);
    return err_set(err, ERR_READ_ONLY, "The record cannot be read: %s",
                   store->why);
}

/* --- groups of batches --------------------------------------------------- */

/* Without a record, or with a damaged one, nothing is tried. */
static bool
can_write(struct store *store)
{
    return store->write && health_get(store) != STORE_DAMAGED;
}

static void
batch_refuse(struct store *store, struct store_batch *batch)
{
    LOCK_SCOPE(&store->lock);

    batch->failed = true;
    err_set(&batch->err, ERR_READ_ONLY,
            "No new work can be recorded until this is repaired: %s",
            store->why);
}

/* The hooks that stand before statement number i learn the row of the last
 * INSERT; returns the next hook. */
static size_t
hooks_learn(struct store_db *db, struct store_batch *batch, size_t hook,
            size_t i)
{
    for (; hook < batch->hook_count && batch->hooks[hook].after <= i; hook++)
        batch->hooks[hook].rowid = store_db_rowid(db);
    return hook;
}

static int
batch_statements(struct store_db *db, struct store_batch *batch)
{
    size_t hook = 0;
    int code = 0;

    store_db_forget_rowid(db);
    for (size_t i = 0; i < batch->count && code == 0; i++) {
        hook = hooks_learn(db, batch, hook, i);
        code = store_db_run(db, &batch->stmts[i], NULL, NULL);
    }
    hooks_learn(db, batch, hook, batch->count);
    return code;
}

/*
 * One batch in its savepoint. A failure of its own is noted in the batch and
 * undone; one of the disk or the file is returned: the group has failed.
 */
static int
batch_apply(struct store_db *db, struct store_batch *batch)
{
    int code = store_db_exec(db, "SAVEPOINT batch");

    if (code == 0)
        code = batch_statements(db, batch);
    if (code == 0)
        return store_db_exec(db, "RELEASE batch");
    if (store_db_judge(code) != STORE_HEALTHY || !store_db_in_transaction(db))
        return code;
    batch->failed = true;
    store_db_fail(db, code, &batch->err);
    return store_db_exec(db, "ROLLBACK TO batch; RELEASE batch");
}

static int
group_apply(struct store *store, struct store_batch **group, size_t count)
{
    bool full = health_get(store) == STORE_FULL;
    int code = store_db_exec(store->write, "BEGIN IMMEDIATE");

    for (size_t i = 0; i < count && code == 0; i++) {
        group[i]->failed = false;
        if (full && group[i]->begins_work)
            batch_refuse(store, group[i]);
        else
            code = batch_apply(store->write, group[i]);
    }
    return code ? code : store_db_exec(store->write, "COMMIT");
}

/* A transaction for the group. Returns 0, or -1 + err with what the failure
 * says about the file. */
static int
group_try(struct store *store, struct store_batch **group, size_t count,
          enum store_health *health, struct err *err)
{
    int code = group_apply(store, group, count);

    if (code) {
        *health = store_db_judge(code);
        store_db_fail(store->write, code, err);
        if (store_db_in_transaction(store->write))
            store_db_exec(store->write, "ROLLBACK");
        return -1;
    }
    LOCK_SCOPE(&store->lock);

    store->commits++;
    store->batches += (int64_t)count;
    return 0;
}

/* As group_try; a full disk gets the reserve and a second try. */
static int
group_commit(struct store *store, struct store_batch **group, size_t count,
             struct err *err)
{
    enum store_health health = STORE_HEALTHY;

    if (group_try(store, group, count, &health, err) == 0)
        return 0;
    if (health == STORE_FULL) {
        health_set(store, STORE_FULL, err->message);
        store_file_release(store->dir);
        /* Folded into the file, the log is written from its start again. */
        store_db_exec(store->write, "PRAGMA wal_checkpoint(PASSIVE)");
        if (group_try(store, group, count, &health, err) == 0)
            return 0;
    }
    if (health != STORE_HEALTHY)
        health_set(store, health, err->message);
    return -1;
}

/* The writer's run. A group for which there is no room is tried batch by
 * batch, so that a large one takes no small one with it. */
static void
store_run(void *ctx, struct store_batch **group, size_t count)
{
    struct store *store = ctx;

    if (can_write(store)) {
        struct err err = ERR_INIT;

        if (group_commit(store, group, count, &err) == 0)
            return;
        if (count == 1 || health_get(store) != STORE_FULL) {
            for (size_t i = 0; i < count; i++) {
                group[i]->failed = true;
                group[i]->err = err;
            }
            return;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (can_write(store))
            store_run(store, &group[i], 1);
        else
            batch_refuse(store, group[i]);
}

int
store_commit(struct store *store, struct store_batch *batch, struct err *err)
{
    return store_writer_commit(store->writer, batch, err);
}

void
store_commit_later(struct store *store, struct store_batch *batch)
{
    store_writer_post(store->writer, batch);
}

void
store_counts(struct store *store, int64_t *commits, int64_t *batches)
{
    LOCK_SCOPE(&store->lock);

    *commits = store->commits;
    *batches = store->batches;
}

/* --- reading ------------------------------------------------------------- */

const char *
store_row_text(const struct store_row *row, int i)
{
    return store_db_text(row, i);
}

int64_t
store_row_int(const struct store_row *row, int i)
{
    return store_db_int(row, i);
}

int
store_read(struct store *store, struct err *err,
           int (*fn)(void *ctx, const struct store_row *row), void *ctx,
           const char *sql, const char *types, ...)
{
    CLEANUP_BATCH struct store_batch *batch = store_batch_new();
    enum store_health health = STORE_HEALTHY;
    struct err cause = ERR_INIT;
    va_list values;
    int code;

    va_start(values, types);
    store_batch_addv(batch, sql, types, values);
    va_end(values);

    lock_take(&store->read_lock);
    code = store->read
               ? store_db_run(store->read, &batch->stmts[0], fn, ctx)
               : 0;
    if (code) {
        health = store_db_judge(code);
        store_db_fail(store->read, code, &cause);
    }
    lock_drop(&store->read_lock);

    if (!code)
        return 0;
    if (health == STORE_DAMAGED)
        health_set(store, health, cause.message);
    return err_set(err, cause.kind, "%s", cause.message);
}

/* --- open and close ------------------------------------------------------ */

static bool
is_tight(const char *dir)
{
    struct statvfs fs;

    return statvfs(dir, &fs) == 0 && !(fs.f_flag & ST_RDONLY) &&
           (uint64_t)fs.f_bavail * fs.f_frsize < STORE_FILE_RESERVE;
}

/* On a full disk SQLite may lack the room to begin: the reserve has it. */
static struct store_db *
open_writer(struct store *store, enum store_health *health, struct err *err)
{
    struct err first = ERR_INIT;
    struct store_db *db = store_db_open(store->path, health, &first);

    if (!db && is_tight(store->dir)) {
        store_file_release(store->dir);
        db = store_db_open(store->path, health, NULL);
    }
    if (!db && err)
        *err = first;
    return db;
}

/* On failure the lock stays, if it was got. */
static int
open_files(struct store *store, enum store_health *health, struct err *err)
{
    struct store_db *read;

    *health = STORE_FAILING;
    if (store->lock_fd < 0)
        store->lock_fd = store_file_claim(store->dir, err);
    if (store->lock_fd < 0)
        return -1;
    store->write = open_writer(store, health, err);
    if (!store->write)
        return -1;
    read = store_db_open_reader(store->path, err);
    lock_take(&store->read_lock);
    store->read = read;
    lock_drop(&store->read_lock);
    return read ? 0 : -1;
}

static void
close_files(struct store *store)
{
    struct store_db *read;

    lock_take(&store->read_lock);
    read = STEAL(store->read);
    lock_drop(&store->read_lock);
    store_db_close(read);
    store_db_close(STEAL(store->write)); /* last: folds the log into the file */
}

/* Open and load; -1 with the store as it was, but for its health. */
static int
open_record(struct store *store, struct err *err)
{
    enum store_health health;

    if (open_files(store, &health, err) == 0) {
        if (!store->load || store->load(store->load_ctx, store, err) == 0)
            return 0;
        health = STORE_DAMAGED;
    }
    close_files(store);
    note_health(store, health, err->message);
    return -1;
}

static struct store *
new_store(const char *dir)
{
    struct store *store = mem_zalloc(1, sizeof(*store));

    store->dir = mem_dup(dir);
    store->path = mem_printf("%s/berth.db", dir);
    store->lock_fd = -1;
    lock_init(&store->lock, LOCK_STORE);
    lock_init(&store->read_lock, LOCK_STORE);
    return store;
}

/* Whether new work can be recorded (again): the reserve stands and a page can
 * be written. */
static bool
probe(struct store *store)
{
    struct err err = ERR_INIT;

    if (!store->write && open_record(store, &err) < 0) {
        if (health_get(store) == STORE_DAMAGED)
            log_error("No new work can be recorded: %s", err.message);
        return false;
    }
    return store_file_reserve(store->dir) && store_db_probe(store->write);
}

/* The writer's tick: while the disk is full or fails, try again. */
static int64_t
store_tick(void *ctx)
{
    struct store *store = ctx;
    int64_t left_ms = probe_in(store);

    if (left_ms != 0)
        return left_ms;
    if (probe(store)) {
        health_set(store, STORE_HEALTHY, "");
        return -1;
    }
    lock_take(&store->lock);
    store->probe_ms = clock_mono_ms() + STORE_PROBE_MS;
    lock_drop(&store->lock);
    return STORE_PROBE_MS;
}

/* The last step of each way to open; takes store. */
static struct store *
start_writer(struct store *store, struct err *err)
{
    static const struct store_writer_ops ops = {store_run, store_tick};

    store->writer = store_writer_new(&ops, store, err);
    if (store->writer)
        return store;
    store_close(store);
    return NULL;
}

static void
make_reserve(struct store *store)
{
    if (!store_file_reserve(store->dir))
        health_set(store, STORE_FULL,
                   "there is no room for berth.reserve; free 1 MiB on "
                   "the file system of the state directory");
}

struct store *
store_open(const char *dir, struct err *err)
{
    struct store *store = new_store(dir);

    if (open_record(store, err) < 0) {
        store_close(store);
        return NULL;
    }
    make_reserve(store);
    return start_writer(store, err);
}

struct store *
store_open_any(const char *dir, store_load_fn *load, void *ctx,
               struct err *err)
{
    struct store *store = new_store(dir);
    struct err why = ERR_INIT;

    store->load = load;
    store->load_ctx = ctx;
    if (open_record(store, &why) == 0) {
        make_reserve(store);
    } else if (why.kind == ERR_BUSY) {
        *err = why;
        store_close(store);
        return NULL;
    }
    return start_writer(store, err);
}

struct store *
store_peek(const char *dir, struct err *err)
{
    struct store *store = new_store(dir);
    struct stat st;

    note_health(store, STORE_DAMAGED, "the database is only looked at.");
    if (stat(store->path, &st) < 0 || st.st_size == 0)
        err_set(err, ERR_NOT_FOUND, "There is no %s yet.", store->path);
    else
        store->read = store_db_open_peek(store->path, err);
    if (store->read)
        return start_writer(store, err);
    store_close(store);
    return NULL;
}

pid_t
store_holder(const char *dir)
{
    return store_file_holder(dir);
}

void
store_close(struct store *store)
{
    if (!store)
        return;
    store_writer_free(store->writer);
    close_files(store);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    lock_destroy(&store->lock);
    lock_destroy(&store->read_lock);
    free(store->path);
    free(store->dir);
    free(store);
}
