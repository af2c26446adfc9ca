// SPDX-License-Identifier: Apache-2.0
/*
 * A connection to berth.db; only store_db.c includes <sqlite3.h>. Functions
 * that return a code give 0 or SQLite's own; store_db_judge says what it
 * means, store_db_fail tells it (before the next call on the connection).
 * One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/err.h"
#include "agent/state/store_batch.h"

struct store_db;
struct store_row;

enum store_health {
    STORE_HEALTHY,
    STORE_FAILING, /* it may pass: I/O errors, rights */
    STORE_FULL,    /* writing fails: no room, a quota, a size limit */
    STORE_DAMAGED  /* never written again */
};

typedef int store_row_fn(void *ctx, const struct store_row *row);

/*
 * The writing connection to an existing file (of no bytes, or ours): judge
 * it before anything is written, set it up, migrate the schema. Returns
 * owned, NULL + err (READ_ONLY: damaged, foreign, newer, not writable) and
 * *health: DAMAGED when only a change of the file can help.
 */
struct store_db *store_db_open(const char *path, enum store_health *health,
                               struct err *err);

/* A read-only connection, once the writing one is there. Returns owned. */
struct store_db *store_db_open_reader(const char *path, struct err *err);

/* A read-only connection to a file as it lies there, judged as by
 * store_db_open; nothing is written, made or migrated. Returns owned. */
struct store_db *store_db_open_peek(const char *path, struct err *err);

void store_db_close(struct store_db *db); /* NULL is fine */

/* Run one statement to its end; rows, if any, are given to fn, which ends
 * the walk by returning non-zero. Returns a code. */
int store_db_run(struct store_db *db, const struct store_stmt *stmt,
                 store_row_fn *fn, void *ctx);

/* Run SQL text that has no values. Returns a code. */
int store_db_exec(struct store_db *db, const char *sql);

/* Write a page and commit it, to see whether that is possible. */
bool store_db_probe(struct store_db *db);

/* Whether a transaction is open: some failures end it. */
bool store_db_in_transaction(struct store_db *db);

/* The row of the last INSERT since it was forgotten, 0 if none. */
int64_t store_db_rowid(struct store_db *db);
void store_db_forget_rowid(struct store_db *db);

/* Set err from a code: READ_ONLY, EXISTS, BUSY, INTERNAL. Returns -1. */
int store_db_fail(struct store_db *db, int code, struct err *err);

/* What a code says about the file. */
enum store_health store_db_judge(int code);

const char *store_db_text(const struct store_row *row, int i);
int64_t store_db_int(const struct store_row *row, int i);
