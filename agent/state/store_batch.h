// SPDX-License-Identifier: Apache-2.0
/*
 * A batch: statements with their values, to be committed all or not at all,
 * and what is called when that has happened. It knows no database: store.c
 * carries it out. One owner at a time; store_commit takes it.
 */
#pragma once

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/common/cleanup.h"
#include "agent/common/err.h"

struct store_batch;

struct store_batch *store_batch_new(void); /* returns owned */
void store_batch_free(struct store_batch *batch);

/*
 * Add one statement. types holds a letter per value: 't' const char * (NULL:
 * SQL NULL; copied), 'i' int64_t. sql must be a literal (kept by pointer).
 */
void store_batch_add(struct store_batch *batch, const char *sql,
                     const char *types, ...);
void store_batch_addv(struct store_batch *batch, const char *sql,
                      const char *types, va_list values);

/*
 * Call fn in the writer thread after the batch is durable, in commit order;
 * rowid is that of the last INSERT added before this call. fn must not block.
 * When the batch fails, or is freed uncommitted, fn is called with rowid -1
 * so that it can release arg.
 */
void store_batch_on_commit(struct store_batch *batch,
                           void (*fn)(void *arg, int64_t rowid), void *arg);

/*
 * The batch begins something new: it is refused with READ_ONLY while the
 * database is full, so that what is left of the disk serves the ends of what
 * runs already.
 */
void store_batch_begins_work(struct store_batch *batch);

/* --- for store.c and store_writer.c ------------------------------------ */

struct store_value {
    char type;  /* 't' or 'i' */
    char *text; /* owned, NULL: SQL NULL */
    int64_t number;
};

struct store_stmt {
    const char *sql; /* literal */
    struct store_value *values;
    size_t count;
};

struct store_hook {
    void (*fn)(void *arg, int64_t rowid);
    void *arg;
    size_t after;  /* so many statements stand before it */
    int64_t rowid; /* filled when they have run */
};

struct store_batch {
    struct store_stmt *stmts;
    size_t count;
    struct store_hook *hooks;
    size_t hook_count;
    bool begins_work;

    /* The writer's part: */
    struct store_batch *next; /* in the queue */
    bool waited;              /* a thread waits in store_commit */
    bool done;                /* under the writer's lock */
    pthread_cond_t done_cond; /* set up when waited */
    bool failed;
    struct err err; /* why, when failed */
};

/* Call what stands in on_commit, once; each gets -1 when the batch failed. */
void store_batch_finish(struct store_batch *batch);

CLEANUP_DEFINE(store_batch_cleanup_, struct store_batch, store_batch_free)
#define CLEANUP_BATCH CLEANUP(store_batch_cleanup_)
