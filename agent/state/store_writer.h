// SPDX-License-Identifier: Apache-2.0
/*
 * The writer thread: takes all batches that are queued, has them carried out
 * as one group, tells their hooks and who waits, in order. How a group is
 * carried out is given by store.c; this room knows no database.
 */
#pragma once

#include "agent/common/err.h"
#include "agent/state/store_batch.h"

struct store_writer;

/* Both are called in the writer thread, with no lock held. */
struct store_writer_ops {
    /* Carry out a group; sets failed and err of each batch that failed. */
    void (*run)(void *ctx, struct store_batch **group, size_t count);
    /* Between groups; returns after how many ms it wants to be called again
     * when nothing is queued, -1: not. */
    int64_t (*tick)(void *ctx);
};

/* Starts the thread; returns owned, NULL + err. ops is borrowed. */
struct store_writer *store_writer_new(const struct store_writer_ops *ops,
                                      void *ctx, struct err *err);

/* Carry out what is queued, end the thread. */
void store_writer_free(struct store_writer *writer);

/* Queue a batch (takes it) and wait for it; blocks. */
int store_writer_commit(struct store_writer *writer, struct store_batch *batch,
                        struct err *err);

/* Queue a batch (takes it); a failure is logged. */
void store_writer_post(struct store_writer *writer, struct store_batch *batch);
