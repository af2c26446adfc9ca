// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to SQLite (WAL, synchronous=FULL). One writer thread owns the
 * writing connection and commits what is queued as a group, so that parallel
 * operations share an fsync; a batch is all or nothing (a SAVEPOINT each).
 * Readers use a read-only connection. Rooms above bring SQL text and values;
 * the schema and its migrations stand in store_schema.c.
 * Any thread; store_commit and store_read block (workers, not the I/O thread).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/common/err.h"
#include "agent/state/store_batch.h"

#define STORE_PROBE_MS 1000

struct store;
struct store_row;

/*
 * Open or create DIR/berth.db, check it (quick_check), migrate the schema in a
 * transaction, start the writer. The directory is made with mode 0700.
 * A lock file (DIR/berth.lock) refuses a second berthd: BUSY. Returns owned,
 * NULL + err (BUSY; READ_ONLY for a damaged, newer, foreign, locked or
 * read-only database; INTERNAL).
 */
struct store *store_open(const char *dir, struct err *err);

typedef int store_load_fn(void *ctx, struct store *store, struct err *err);

/*
 * As store_open and load, once it is open. But a record that cannot be used
 * is no failure: the store is without one, commits are refused with
 * READ_ONLY, reads find no row, store_healthy says why. Unless the file is
 * damaged (or load fails) it is tried again every STORE_PROBE_MS, and load
 * runs in the writer thread before new work is taken. Returns owned,
 * NULL + err (BUSY: another berthd).
 */
struct store *store_open_any(const char *dir, store_load_fn *load, void *ctx,
                             struct err *err);

/*
 * A store that can only be read, as its file lies there, whoever uses it:
 * nothing is locked or changed, commits are refused. Returns owned, NULL + err
 * (NOT_FOUND: there is none yet; READ_ONLY: as for store_open).
 */
struct store *store_peek(const char *dir, struct err *err);

/* The process that has the state directory in use; 0: none, -1: unknown. */
pid_t store_holder(const char *dir);

/* Commit what is queued, stop the writer, close. */
void store_close(struct store *store);

/*
 * Whether new work may be recorded; if not, why gets the reason ("the file
 * system is full: …"), else "". A full or failing disk is tried again every
 * STORE_PROBE_MS and ends by itself; a damaged file stays so.
 */
bool store_healthy(struct store *store, char *why, size_t size);

/* Call fn in the writer thread each time that new work can be recorded again;
 * it must not block. */
void store_on_heal(struct store *store, void (*fn)(void *ctx), void *ctx);

/* -1 + READ_ONLY while there is none: who is asked what became of something
 * must not answer "no such thing" then. */
int store_has_record(struct store *store, struct err *err);

/* --- writing ---------------------------------------------------------- */

/* Batches are made and filled by store_batch.h. */

/* Queue the batch (takes it, even on failure) and wait until it is durable.
 * err: READ_ONLY (full, damaged, read-only), EXISTS (a UNIQUE constraint). */
int store_commit(struct store *store, struct store_batch *batch,
                 struct err *err);

/* As store_commit, without waiting; a failure is logged. Never blocks. */
void store_commit_later(struct store *store, struct store_batch *batch);

/* Commits (fsyncs) and batches so far, for statistics. */
void store_counts(struct store *store, int64_t *commits, int64_t *batches);

/* --- reading ---------------------------------------------------------- */

/* Column i of the row (0-based); text is borrowed until fn returns, may be
 * NULL. */
const char *store_row_text(const struct store_row *row, int i);
int64_t store_row_int(const struct store_row *row, int i);

/*
 * Run a SELECT; fn is called for each row and ends the walk by returning
 * non-zero; it runs under the reader's lock and must not call the store.
 * Never waits for the writer. Values as in store_batch_add. sql is a literal.
 * Returns 0, -1 + err.
 */
int store_read(struct store *store, struct err *err,
               int (*fn)(void *ctx, const struct store_row *row), void *ctx,
               const char *sql, const char *types, ...);
