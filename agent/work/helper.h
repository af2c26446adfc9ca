// SPDX-License-Identifier: Apache-2.0
/*
 * A thread that carries one job at a time for one owner, who waits for it as
 * long as it likes and may leave it behind in a job that does not end. Phases:
 * idle → busy → idle … → left, or ended. Its owner's thread only; the job runs
 * in the helper's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/err.h"

struct helper;

struct helper_job {
    void (*run)(void *arg);
    void (*drop)(void *arg); /* after run, in the helper's thread; or NULL */
    void *arg;
};

/* thread_end (may be NULL) runs in the thread before it ends. name: at most
 * 15 characters, for people. Returns owned, NULL + err. */
struct helper *helper_start(const char *name, void (*thread_end)(void *ctx),
                            void *ctx, struct err *err);

/* False while it is busy; the job is then the caller's still. */
bool helper_give(struct helper *helper, const struct helper_job *job);

/* Wait until it is idle: true, or false at until_ms (CLOCK_MONOTONIC). */
bool helper_wait(struct helper *helper, int64_t until_ms);

/*
 * The owner's end of it. An idle one has ended when this returns, and true is
 * returned; a busy one ends by itself, after its job, in which thread_end's
 * ctx must live on.
 */
bool helper_leave(struct helper *helper);
