// SPDX-License-Identifier: Apache-2.0
/*
 * Events: a numbered, bounded table. A sequence number is given by the commit
 * (AUTOINCREMENT), so that numbers rise without holes over restarts, and
 * subscribers are told by the writer thread, in that order, once it is
 * durable. What cannot be recorded (a full or damaged database) is told with
 * no number; the next event that is recorded follows an event of the type
 * EVENTLOG_DROPPED with {from, to}, the numbers that stand for what was lost.
 * Any thread; eventlog_read blocks.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/state/store.h"

#define EVENTLOG_DROPPED "events.dropped"

struct eventlog;

/* publish is called in the writer thread with an owned event object
 * {seq, time, type, vm, device, op_id, flow_id, origin, data}. The store
 * calls into the log until store_close: free the log after it. */
struct eventlog *eventlog_new(struct store *store, int64_t max_events,
                              void (*publish)(void *ctx, json_t *event),
                              void *ctx);
void eventlog_free(struct eventlog *log);

struct event {
    const char *type;    /* "disk.plugged" … */
    const char *vm;      /* UUID or NULL */
    const char *device;  /* disk id or alias, or NULL */
    const char *op_id;   /* or NULL */
    const char *flow_id; /* or NULL */
    const char *origin;  /* "operation", "hypervisor", "reconcile" … */
    json_t *data;        /* borrowed; may be NULL */
};

/* Add the event to a batch: it exists when the batch is durable. */
void eventlog_add(struct eventlog *log, struct store_batch *batch,
                  const struct event *event);

/* Add it in a batch of its own, without waiting. While the database is full
 * it is not recorded: what room there is serves outcomes. */
void eventlog_post(struct eventlog *log, const struct event *event);

/* The state of each VM that its last vm.state event told: {uuid: state}, with
 * what was posted before; empty where nothing can be read. Returns owned. */
json_t *eventlog_states(struct eventlog *log);

/* Events with seq > since, at most limit: {events, next, dropped}; dropped is
 * null or {from, to}: numbers that the bound has removed. A since beyond the
 * newest gives next below it. Returns owned. */
json_t *eventlog_read(struct eventlog *log, int64_t since, int limit,
                      struct err *err);
