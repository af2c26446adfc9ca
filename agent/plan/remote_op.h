// SPDX-License-Identifier: Apache-2.0
/*
 * The record of an operation on a host by proxy, and its way to an end: used
 * by the call that began it (remote.c), and by who goes on with it later
 * (remote_pending.c). Worker threads, in the lane of the machine.
 */
#pragma once

#include "agent/plan/remote.h"
#include "agent/state/journal.h"

/* All that is needed to end one, now or after a restart. Owned values. */
struct remote_op {
    struct op op; /* peer, verb, flow_id, body_hash are owned here */
    json_t *plan; /* {hypervisor, vm, ref, name, expect, result, rows, event,
                     warnings, task} */
    struct vim_task task; /* ref.id "": no task is known */
    int64_t started_us;   /* CLOCK_MONOTONIC */
    int64_t until_ms;     /* CLOCK_MONOTONIC: then its task is cancelled */
    bool asked;           /* its question was told */
};
void remote_op_free(struct remote_op *op);

struct remote_op *remote_op_new(const struct remote *remote,
                                const struct remote_plan *plan);

/* From journal_open_remote; NULL when its host is not configured any more. */
struct remote_op *remote_op_load(struct env *env, const json_t *row,
                                 struct remote *remote);

/* The machine and host of an operation; false: not configured any more. */
bool remote_op_remote(struct env *env, const struct remote_op *op,
                      struct remote *remote);

/* Intent; durable when it returns 0. */
int remote_op_begin(struct env *env, struct remote_op *op, struct err *err);

/* The server calls it a task: that is durable before it is waited for. */
void remote_op_has_task(struct env *env, struct remote_op *op);

enum remote_end {
    REMOTE_OVER,    /* *receipt, or err, is the end of it */
    REMOTE_PENDING, /* *receipt says so; it goes on by itself */
};

/*
 * Wait for the task (until wait_ms, CLOCK_MONOTONIC), answer what may be
 * answered by default, then look. receipt NULL + err: it failed, which is
 * recorded.
 */
enum remote_end remote_op_go_on(struct remote *remote, struct remote_op *op,
                                int64_t wait_ms, json_t **receipt,
                                struct err *err);

/* Nothing was to be done at the host: the whole operation in one commit. */
json_t *remote_op_record(struct env *env, struct remote_op *op, bool changed,
                         struct err *err);

/* The call came back, and there is no task of it: look, and end. */
enum remote_end remote_op_done(struct remote *remote, struct remote_op *op,
                               json_t **receipt, struct err *err);

/* Nobody knows whether it took effect: look until that is certain. */
enum remote_end remote_op_settle(struct remote *remote, struct remote_op *op,
                                 const struct err *why, json_t **receipt,
                                 struct err *err);

/* It failed for sure; err becomes the caller's. */
void remote_op_fail(struct env *env, struct remote_op *op, struct err *err);
