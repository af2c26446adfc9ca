// SPDX-License-Identifier: Apache-2.0
/*
 * Operations that are not over, in memory: what runs at which step, requests
 * to cancel, removals that are awaited (a device's DEVICE_REMOVED event may
 * come before, during or long after the wait), and the sources that they are
 * about to use. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "agent/state/journal.h"

struct ops;

struct ops *ops_new(void);
void ops_free(struct ops *ops);

/* Registered as planned while it waits for its turn, as the pool's job of
 * that ticket; op's texts are copied. */
void ops_plan(struct ops *ops, const struct op *op, uint64_t ticket);

/* It runs: what was planned, or a new one. */
void ops_begin(struct ops *ops, const struct op *op);
void ops_step(struct ops *ops, const char *peer, const char *op_id,
              const char *step); /* what it is doing now */
void ops_end(struct ops *ops, const char *peer, const char *op_id);

/* Whether this process is at it now (and it is not recovery's business); one
 * that is planned is not. */
bool ops_running(struct ops *ops, const char *peer, const char *op_id);

/* Whether an operation on that VM is at one of these steps (NULL-ended). */
bool ops_is_at(struct ops *ops, const char *vm, const char *const *steps);

/* [{op_id, peer, verb, vm, flow_id, state, started, ended: null,
 * receipt: null, step, running_ms}], the oldest first; one that is planned
 * has waiting_ms for running_ms. Returns owned. */
json_t *ops_list(struct ops *ops);
size_t ops_count(struct ops *ops);

/* Ask an operation to stop before its next effect; false when there is none
 * (peer NULL: any peer's). *ticket is that of its job while it is planned,
 * else 0. */
bool ops_cancel(struct ops *ops, const char *peer, const char *op_id,
                uint64_t *ticket);
bool ops_cancelled(struct ops *ops, const char *peer, const char *op_id);

/* --- awaited removals ---------------------------------------------------- */

enum ops_gone { OPS_GONE_WAITING, OPS_GONE_REMOVED, OPS_GONE_REFUSED };

/* Before the request; a second expect of the same device is the same one. */
void ops_gone_expect(struct ops *ops, const char *vm, const char *alias);

/* The event came. True when nobody is in ops_gone_wait for it: the caller
 * sees to what the removal means. */
bool ops_gone_post(struct ops *ops, const char *vm, const char *alias,
                   enum ops_gone how);

/* Until the event or the deadline (CLOCK_MONOTONIC ms). WAITING: it passed.
 * The expectation stays until ops_gone_forget. */
enum ops_gone ops_gone_wait(struct ops *ops, const char *vm, const char *alias,
                            int64_t deadline_ms);
void ops_gone_forget(struct ops *ops, const char *vm, const char *alias);

/* --- sources -------------------------------------------------------------- */

/* An operation on a VM is about to use the source at path: between looking
 * who uses it and its own record nobody else may. False when one on another
 * VM has it, whose UUID is in *by. */
bool ops_claim(struct ops *ops, const char *vm, const char *path,
               char by[UUID_TEXT]);

/* The operation on that VM has ended: it claims nothing any more. */
void ops_unclaim(struct ops *ops, const char *vm);
