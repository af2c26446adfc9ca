// SPDX-License-Identifier: Apache-2.0
/*
 * An event is added to a batch → the writer commits it and learns its number
 * → it is published, in the order of numbers. A batch that fails rolls its
 * number back with it, so the next event has it: there are no holes, and
 * what is missing before the oldest row was removed by the bound. Events that
 * were to be recorded on their own and were not are counted; the next batch
 * with an event steps over as many numbers, by a row that says so.
 */
#include "agent/state/eventlog.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct eventlog {
    struct store *store;
    int64_t max_events;
    void (*publish)(void *ctx, json_t *event);
    void *ctx;
    struct lock lock; /* guards what follows */
    int64_t lost;     /* since an event was recorded */
    bool gap_queued;  /* a batch with the row that tells it is on its way */
};

struct eventlog *
eventlog_new(struct store *store, int64_t max_events,
             void (*publish)(void *ctx, json_t *event), void *ctx)
{
    struct eventlog *log = mem_zalloc(1, sizeof(*log));

    log->store = store;
    log->max_events = max_events;
    log->publish = publish;
    log->ctx = ctx;
    lock_init(&log->lock, LOCK_EVENTLOG);
    return log;
}

void
eventlog_free(struct eventlog *log)
{
    if (log)
        lock_destroy(&log->lock);
    free(log);
}

/* --- adding -------------------------------------------------------------- */

static json_t *
event_object(const struct event *event, int64_t time_ms)
{
    json_t *obj = json_object();
    char stamp[CLOCK_STAMP];

    clock_stamp(time_ms, stamp);
    json_put_int(obj, "seq", 0); /* keeps its place until it is known */
    json_put_text(obj, "time", stamp);
    json_put_text(obj, "type", event->type);
    json_put_text(obj, "vm", event->vm);
    json_put_text(obj, "device", event->device);
    json_put_text(obj, "op_id", event->op_id);
    json_put_text(obj, "flow_id", event->flow_id);
    json_put_text(obj, "origin", event->origin);
    /* A copy: the caller may go on writing to its own in its thread. */
    json_put(obj, "data",
             event->data ? json_deep_copy(event->data) : json_null());
    return obj;
}

struct posted {
    struct eventlog *log;
    json_t *event; /* owned */
    bool alone;    /* in a batch of its own: told even when that fails */
};

static void
note_lost(struct eventlog *log)
{
    LOCK_SCOPE(&log->lock);

    log->lost++;
}

/* Writer thread. */
static void
publish_posted(void *arg, int64_t rowid)
{
    struct posted *posted = arg;
    struct eventlog *log = posted->log;

    if (rowid > 0)
        json_put_int(posted->event, "seq", rowid);
    if (rowid < 0 && posted->alone) {
        note_lost(log);
        json_put(posted->event, "seq", NULL);
    }
    if (rowid > 0 || posted->alone)
        log->publish(log->ctx, posted->event);
    else
        json_decref(posted->event);
    free(posted);
}

static void
add_event(struct eventlog *log, struct store_batch *batch,
          const struct event *event, bool alone)
{
    CLEANUP_TEXT char *data = event->data ? json_text(event->data, NULL) : NULL;
    int64_t time_ms = clock_wall_ms();
    struct posted *posted = mem_zalloc(1, sizeof(*posted));

    posted->log = log;
    posted->alone = alone;
    posted->event = event_object(event, time_ms);
    store_batch_add(batch,
                    "INSERT INTO event (time_ms, type, vm, device, op_id,"
                    " flow_id, origin, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    "ittttttt", time_ms, event->type, event->vm, event->device,
                    event->op_id, event->flow_id, event->origin, data);
    store_batch_on_commit(batch, publish_posted, posted);
    store_batch_add(batch,
                    "DELETE FROM event"
                    " WHERE seq <= (SELECT max(seq) FROM event) - ?",
                    "i", log->max_events);
}

/* --- what was lost -------------------------------------------------------- */

struct gap {
    struct eventlog *log;
    int64_t count;
    int64_t time_ms;
};

/* Writer thread. */
static void
publish_gap(void *arg, int64_t rowid)
{
    struct gap *gap = arg;
    struct eventlog *log = gap->log;
    CLEANUP_JSON json_t *data = json_object();
    const struct event event = {
        .type = EVENTLOG_DROPPED, .origin = "berthd", .data = data};
    json_t *obj;

    lock_take(&log->lock);
    log->gap_queued = false;
    if (rowid > 0)
        log->lost -= gap->count;
    lock_drop(&log->lock);
    if (rowid > 0) {
        json_put_int(data, "from", rowid - gap->count);
        json_put_int(data, "to", rowid - 1);
        obj = event_object(&event, gap->time_ms);
        json_put_int(obj, "seq", rowid);
        log->publish(log->ctx, obj);
    }
    free(gap);
}

/* How many were lost and are not told yet by a batch on its way. */
static int64_t
take_lost(struct eventlog *log)
{
    LOCK_SCOPE(&log->lock);

    if (log->gap_queued || log->lost == 0)
        return 0;
    log->gap_queued = true;
    return log->lost;
}

#define LAST "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence" \
             " WHERE name = 'event')"

static void
add_gap(struct eventlog *log, struct store_batch *batch)
{
    int64_t count = take_lost(log);
    struct gap *gap;

    if (count == 0)
        return;
    gap = mem_zalloc(1, sizeof(*gap));
    *gap = (struct gap){log, count, clock_wall_ms()};
    store_batch_add(batch,
                    "INSERT INTO event (seq, time_ms, type, origin, data)"
                    " SELECT " LAST " + ?1 + 1, ?2, '" EVENTLOG_DROPPED
                    "', 'berthd', printf('{\"from\":%d,\"to\":%d}', " LAST
                    " + 1, " LAST " + ?1)",
                    "ii", count, gap->time_ms);
    store_batch_on_commit(batch, publish_gap, gap);
}

void
eventlog_add(struct eventlog *log, struct store_batch *batch,
             const struct event *event)
{
    add_gap(log, batch);
    add_event(log, batch, event, false);
}

void
eventlog_post(struct eventlog *log, const struct event *event)
{
    struct store_batch *batch = store_batch_new();

    add_gap(log, batch);
    add_event(log, batch, event, true);
    store_batch_begins_work(batch);
    store_commit_later(log->store, batch);
}

/* --- reading ------------------------------------------------------------- */

static int
keep_event(void *ctx, const struct store_row *row)
{
    static const struct json_limits limits = {.depth = 128};
    const char *text = store_row_text(row, 8);
    CLEANUP_JSON json_t *data =
        text ? json_parse(text, strlen(text), &limits, NULL) : NULL;
    struct event event = {
        .type = store_row_text(row, 2),
        .vm = store_row_text(row, 3),
        .device = store_row_text(row, 4),
        .op_id = store_row_text(row, 5),
        .flow_id = store_row_text(row, 6),
        .origin = store_row_text(row, 7),
        .data = data,
    };
    json_t *obj = event_object(&event, store_row_int(row, 1));

    json_put_int(obj, "seq", store_row_int(row, 0));
    json_array_append_new(ctx, obj);
    return 0;
}

static int
keep_number(void *ctx, const struct store_row *row)
{
    *(int64_t *)ctx = store_row_int(row, 0);
    return 1;
}

static int64_t
event_seq(const json_t *events, size_t i)
{
    return json_get_int(json_array_get(events, i), "seq", 0);
}

static int
keep_state(void *ctx, const struct store_row *row)
{
    static const struct json_limits limits = {.depth = 128};
    const char *text = store_row_text(row, 1);
    CLEANUP_JSON json_t *data =
        text ? json_parse(text, strlen(text), &limits, NULL) : NULL;

    json_put_text(ctx, store_row_text(row, 0),
                  json_get_text(data, "state", NULL));
    return 0;
}

json_t *
eventlog_states(struct eventlog *log)
{
    json_t *states = json_object();
    struct err err = ERR_INIT;

    store_commit(log->store, store_batch_new(), NULL); /* what is queued */
    if (store_read(log->store, &err, keep_state, states,
                   "SELECT vm, data FROM event WHERE seq IN (SELECT max(seq)"
                   " FROM event WHERE type = 'vm.state' AND vm IS NOT NULL"
                   " GROUP BY vm)",
                   "") < 0)
        log_error("What was told of the VMs cannot be read: %s", err.message);
    return states;
}

/* The numbers between since and the first event that is left. */
static json_t *
dropped_range(int64_t since, int64_t first)
{
    json_t *range;

    if (first <= since + 1)
        return json_null();
    range = json_object();
    json_put_int(range, "from", since + 1);
    json_put_int(range, "to", first - 1);
    return range;
}

json_t *
eventlog_read(struct eventlog *log, int64_t since, int limit, struct err *err)
{
    CLEANUP_JSON json_t *events = json_array();
    int64_t newest = 0; /* when there was never an event */
    int64_t next;
    size_t count;
    json_t *out;

    since = since < 0 ? 0 : since;
    next = since;
    /* Newest before the events: an event in between is then read next time,
     * never skipped. */
    if (store_has_record(log->store, err) < 0 ||
        store_read(log->store, err, keep_number, &newest,
                   "SELECT seq FROM sqlite_sequence WHERE name = 'event'",
                   "") < 0 ||
        store_read(log->store, err, keep_event, events,
                   "SELECT seq, time_ms, type, vm, device, op_id, flow_id,"
                   " origin, data FROM event WHERE seq > ? ORDER BY seq"
                   " LIMIT ?",
                   "ii", since, (int64_t)limit) < 0)
        return NULL;
    count = json_array_size(events);
    if (count > 0)
        next = event_seq(events, count - 1);
    else if (since > newest)
        next = newest;
    out = json_object();
    json_put(out, "events", json_incref(events));
    json_put_int(out, "next", next);
    json_put(out, "dropped",
             count > 0 ? dropped_range(since, event_seq(events, 0))
                       : json_null());
    return out;
}
