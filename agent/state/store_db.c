// SPDX-License-Identifier: Apache-2.0
/*
 * One connection to the database: opening and judging the file, migrations,
 * statements, and what each failure of SQLite means to who runs the host.
 * No lock: store.c says which thread has which connection.
 */
#include "agent/state/store_db.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/state/store_chain.h"
#include "agent/state/store_schema.h"

#define STATEMENTS 64     /* prepared and kept, per connection */
#define BUSY_WAIT_MS 5000 /* for a backup tool that holds the file */
#define ANSWER 128        /* of a question to the database, with its NUL */

struct store_db {
    sqlite3 *handle;
    char *path; /* for messages */
    enum store_health health; /* what was found at the opening */
    sqlite3_stmt *cache[STATEMENTS];
    size_t next; /* slot to fill */
};

/* --- errors -------------------------------------------------------------- */

static const char damaged[] =
    "it is damaged, or no database at all; with berthd stopped, restore "
    "berth.db from a backup, or move berth.db, berth.db-wal and berth.db-shm "
    "away to start afresh";

#define FULL "the file system is full; free some space on it"
#define LIMITED                                                            \
    "it cannot be written: a quota or size limit is reached, or the disk " \
    "fails; free some space, look at the disk and at the kernel's log"
#define TAKEN "a record of that name exists already"

/* What a failure means to who runs the host: the first row that has the
 * extended code or its primary one. A quota (EDQUOT, EFBIG) shows as an I/O
 * error of a write: it is treated as a full disk. */
static const struct cause {
    int code;
    enum err_kind kind;
    enum store_health health;
    const char *text;
} causes[] = {
    {SQLITE_FULL, ERR_READ_ONLY, STORE_FULL, FULL},
    {SQLITE_IOERR_WRITE, ERR_READ_ONLY, STORE_FULL, LIMITED},
    {SQLITE_IOERR_FSYNC, ERR_READ_ONLY, STORE_FULL, LIMITED},
    {SQLITE_IOERR_SHMSIZE, ERR_READ_ONLY, STORE_FULL, LIMITED},
    {SQLITE_IOERR, ERR_READ_ONLY, STORE_FAILING,
     "reading or writing failed; look at the disk and at the kernel's log"},
    {SQLITE_READONLY, ERR_READ_ONLY, STORE_FAILING,
     "it cannot be written; check its owner, its mode and the mount"},
    {SQLITE_CANTOPEN, ERR_READ_ONLY, STORE_FAILING,
     "it cannot be opened; check owner and mode of the directory"},
    {SQLITE_PERM, ERR_READ_ONLY, STORE_FAILING,
     "access is denied; check its owner and mode"},
    {SQLITE_CORRUPT, ERR_READ_ONLY, STORE_DAMAGED, damaged},
    {SQLITE_NOTADB, ERR_READ_ONLY, STORE_DAMAGED, damaged},
    {SQLITE_BUSY, ERR_READ_ONLY, STORE_FAILING,
     "another program holds it locked; end that program's transaction"},
    {SQLITE_CONSTRAINT_UNIQUE, ERR_EXISTS, STORE_HEALTHY, TAKEN},
    {SQLITE_CONSTRAINT_PRIMARYKEY, ERR_EXISTS, STORE_HEALTHY, TAKEN},
    {SQLITE_CONSTRAINT, ERR_INTERNAL, STORE_HEALTHY,
     "the record contradicts another one"},
};

static const struct cause *
cause_of(int code)
{
    static const struct cause other = {0, ERR_INTERNAL, STORE_HEALTHY,
                                       "the database refused a statement"};

    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (causes[i].code == code || causes[i].code == (code & 0xff))
            return &causes[i];
    return &other;
}

enum store_health
store_db_judge(int code)
{
    return cause_of(code)->health;
}

int
store_db_fail(struct store_db *db, int code, struct err *err)
{
    const struct cause *cause = cause_of(code);

    db->health = cause->health;
    /* The handle's text belongs to the handle's own last failure. */
    return err_set(err, cause->kind, "%s: %s (%s).", db->path, cause->text,
                   sqlite3_extended_errcode(db->handle) == code
                       ? sqlite3_errmsg(db->handle)
                       : sqlite3_errstr(code));
}

/* --- statements ---------------------------------------------------------- */

/* A prepared statement, kept by the connection; NULL + *code. */
static sqlite3_stmt *
prepare(struct store_db *db, const char *sql, int *code)
{
    sqlite3_stmt **slot;

    for (size_t i = 0; i < STATEMENTS; i++)
        if (db->cache[i] && strcmp(sqlite3_sql(db->cache[i]), sql) == 0)
            return db->cache[i];
    slot = &db->cache[db->next];
    db->next = (db->next + 1) % STATEMENTS;
    sqlite3_finalize(*slot);
    *slot = NULL;
    *code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                               slot, NULL);
    return *slot;
}

static int
bind(sqlite3_stmt *stmt, const struct store_stmt *from)
{
    int code = SQLITE_OK;

    if (sqlite3_bind_parameter_count(stmt) != (int)from->count)
        return SQLITE_RANGE;
    for (size_t i = 0; i < from->count && code == SQLITE_OK; i++) {
        const struct store_value *value = &from->values[i];

        if (value->type == 'i')
            code = sqlite3_bind_int64(stmt, (int)i + 1, value->number);
        else
            code = sqlite3_bind_text(stmt, (int)i + 1, value->text, -1,
                                     SQLITE_STATIC);
    }
    return code;
}

int
store_db_run(struct store_db *db, const struct store_stmt *from,
             store_row_fn *fn, void *ctx)
{
    int code = SQLITE_MISUSE; /* a text without a statement */
    sqlite3_stmt *stmt = prepare(db, from->sql, &code);

    if (!stmt)
        return code;
    code = bind(stmt, from);
    if (code == SQLITE_OK)
        do {
            code = sqlite3_step(stmt);
            /* A row is its statement, as it stands on it. */
        } while (code == SQLITE_ROW &&
                 !(fn && fn(ctx, (const struct store_row *)stmt)));
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

const char *
store_db_text(const struct store_row *row, int i)
{
    return (const char *)sqlite3_column_text((sqlite3_stmt *)row, i);
}

int64_t
store_db_int(const struct store_row *row, int i)
{
    return sqlite3_column_int64((sqlite3_stmt *)row, i);
}

int
store_db_exec(struct store_db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
}

bool
store_db_in_transaction(struct store_db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

int64_t
store_db_rowid(struct store_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

void
store_db_forget_rowid(struct store_db *db)
{
    sqlite3_set_last_insert_rowid(db->handle, 0);
}

/* Setting the version it has writes the first page all the same. */
bool
store_db_probe(struct store_db *db)
{
    CLEANUP_FREE char *sql =
        mem_printf("BEGIN IMMEDIATE; PRAGMA user_version=%d; COMMIT",
                   store_schema_version);

    if (store_db_exec(db, sql) == SQLITE_OK)
        return true;
    if (store_db_in_transaction(db))
        store_db_exec(db, "ROLLBACK");
    return false;
}

/* --- opening ------------------------------------------------------------- */

static int
keep_text(void *ctx, const struct store_row *row)
{
    const char *text = store_db_text(row, 0);

    snprintf(ctx, ANSWER, "%s", text ? text : "");
    return 1;
}

/* The first column of the first row as text; "" if there is none. */
static int
ask(struct store_db *db, const char *sql, char out[ANSWER], struct err *err)
{
    struct store_stmt stmt = {.sql = sql};
    int code;

    out[0] = '\0';
    code = store_db_run(db, &stmt, keep_text, out);
    return code == SQLITE_OK ? 0 : store_db_fail(db, code, err);
}

static int
ask_int(struct store_db *db, const char *sql, long *out, struct err *err)
{
    char text[ANSWER];

    if (ask(db, sql, text, err) < 0)
        return -1;
    *out = strtol(text, NULL, 10);
    return 0;
}

/* Ours, and whole? Nothing is written before this is known. */
static int
refuse_file(struct store_db *db, struct err *err, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    db->health = STORE_DAMAGED;
    return err_set(err, ERR_READ_ONLY, "%s: %s", db->path, text);
}

static int
check_file(struct store_db *db, struct err *err)
{
    char text[ANSWER];
    long application;
    long tables;

    if (ask_int(db, "PRAGMA application_id", &application, err) < 0 ||
        ask_int(db, "SELECT count(*) FROM sqlite_master", &tables, err) < 0 ||
        ask(db, "PRAGMA quick_check(1)", text, err) < 0)
        return -1;
    if (strcmp(text, "ok") != 0)
        return refuse_file(db, err, "%s (%s).", damaged, text);
    if (tables > 0 && application != STORE_SCHEMA_APPLICATION)
        return refuse_file(db, err,
                           "it is a database of another program. Move it "
                           "away, or choose another state directory.");
    return 0;
}

static int
check_writable(struct store_db *db, struct err *err)
{
    if (sqlite3_db_readonly(db->handle, "main"))
        return store_db_fail(db, SQLITE_READONLY, err);
    return 0;
}

static int
check_version(struct store_db *db, long *version, struct err *err)
{
    if (ask_int(db, "PRAGMA user_version", version, err) < 0)
        return -1;
    if (*version >= 0 && *version <= store_schema_version)
        return 0;
    return refuse_file(db, err,
                       "its schema has version %ld, this berthd knows "
                       "versions up to %d. Start the newer berthd that wrote "
                       "it, or restore a backup made before.",
                       *version, store_schema_version);
}

static int
set_modes(struct store_db *db, struct err *err)
{
    char mode[ANSWER];
    int code;

    if (ask(db, "PRAGMA journal_mode=WAL", mode, err) < 0)
        return -1;
    if (strcmp(mode, "wal") != 0)
        return err_set(err, ERR_READ_ONLY,
                       "%s: SQLite cannot keep a write-ahead log there "
                       "(journal mode %s). Put the state directory on a "
                       "local file system.",
                       db->path, mode);
    code = store_db_exec(db, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                             "PRAGMA trusted_schema=OFF");
    return code == SQLITE_OK ? 0 : store_db_fail(db, code, err);
}

/* From the version that the file has to ours, a transaction per step. */
static int
migrate(struct store_db *db, long version, struct err *err)
{
    for (long v = version; v < store_schema_version; v++) {
        CLEANUP_FREE char *sql = mem_printf(
            "BEGIN IMMEDIATE; %s PRAGMA user_version=%ld;"
            "PRAGMA application_id=%d; COMMIT",
            store_schema_migrations[v], v + 1, STORE_SCHEMA_APPLICATION);
        int code = store_db_exec(db, sql);

        if (code == SQLITE_OK)
            continue;
        store_db_fail(db, code, err);
        store_db_exec(db, "ROLLBACK");
        return err_wrap(err, "The schema cannot be brought to version %ld",
                        v + 1);
    }
    return 0;
}

/* name is what SQLite opens: the path, or a URI of it. */
static struct store_db *
connect_as(const char *path, const char *name, int flags, struct err *err)
{
    struct store_db *db = mem_zalloc(1, sizeof(*db));
    int code =
        sqlite3_open_v2(name, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);

    db->path = mem_dup(path);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, BUSY_WAIT_MS);
    if (code == SQLITE_OK)
        code = store_chain_install(db->handle);
    if (code == SQLITE_OK)
        return db;
    store_db_fail(db, code, err);
    store_db_close(db);
    return NULL;
}

static struct store_db *
connect_to(const char *path, int flags, struct err *err)
{
    return connect_as(path, path, flags, err);
}

struct store_db *
store_db_open_reader(const char *path, struct err *err)
{
    return connect_to(path, SQLITE_OPEN_READONLY, err);
}

/* "file:" and the path, with what means something in a URI escaped. */
static char *
immutable_uri(const char *path)
{
    CLEANUP_BUF struct buf uri = BUF_INIT;

    buf_add_text(&uri, "file:");
    for (; *path; path++)
        if (strchr("%?#", *path))
            buf_printf(&uri, "%%%02X", (unsigned char)*path);
        else
            buf_add(&uri, path, 1);
    buf_add_text(&uri, "?immutable=1");
    return buf_steal(&uri);
}

/* Without a write-ahead log the file is all there is, and nobody writes it:
 * SQLite then needs no files beside it, which it could perhaps not make. */
static struct store_db *
connect_peek(const char *path, struct err *err)
{
    CLEANUP_FREE char *log = mem_printf("%s-wal", path);
    CLEANUP_FREE char *uri = immutable_uri(path);
    struct stat st;

    if (stat(log, &st) == 0 && st.st_size > 0)
        return connect_to(path, SQLITE_OPEN_READONLY, err);
    return connect_as(path, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

struct store_db *
store_db_open_peek(const char *path, struct err *err)
{
    struct store_db *db = connect_peek(path, err);
    long version;

    if (!db)
        return NULL;
    if (check_file(db, err) == 0 && check_version(db, &version, err) == 0)
        return db;
    store_db_close(db);
    return NULL;
}

struct store_db *
store_db_open(const char *path, enum store_health *health, struct err *err)
{
    struct store_db *db = connect_to(path, SQLITE_OPEN_READWRITE, err);
    long version;

    *health = STORE_FAILING;
    if (!db)
        return NULL;
    if (check_file(db, err) == 0 && check_writable(db, err) == 0 &&
        check_version(db, &version, err) == 0 && set_modes(db, err) == 0 &&
        migrate(db, version, err) == 0)
        return db;
    if (db->health != STORE_HEALTHY)
        *health = db->health;
    store_db_close(db);
    return NULL;
}

void
store_db_close(struct store_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(db->cache[i]);
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}
