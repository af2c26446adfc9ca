// SPDX-License-Identifier: Apache-2.0
/*
 * What is open, by session. A client is the I/O thread's view of a session:
 * how many requests wait for their answer, and the batches they belong to.
 * Workers hold numbers: a reply for a session that has gone is counted and
 * dropped. A reply's slot is 0 for a single request, else its batch's number
 * and its place there.
 */
#include "agent/front/dispatch.h"

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/parse.h"
#include "agent/front/trip.h"
#include "agent/verbs/table.h"
#include "protocol/limits.h"

#define BUCKETS 1024
#define SLOT_INDEX_BITS 16 /* LIMIT_BATCH fits */
#define RETRY_MS 100

struct batch {
    struct batch *next;
    uint64_t number; /* from 1 */
    json_t *replies; /* array in the order of the requests */
    size_t missing;  /* answers that are not there yet */
};

struct client {
    struct client *next; /* of the bucket */
    struct session *session;
    uint64_t id;
    size_t open; /* requests at workers */
    bool ended;  /* close when nothing is open */
    struct batch *batches;
    uint64_t numbers; /* last number of a batch */
    /* Events that it was not sent, since it does not read fast enough. */
    size_t dropped;
    int64_t first, last; /* their numbers; 0: they had none */
};

struct dispatch {
    struct env *env;
    struct outbox *outbox;
    struct client *buckets[BUCKETS]; /* by number of the session */
    size_t sessions;
    size_t open;
    bool stopping;
};

/* --- clients ------------------------------------------------------------- */

static struct client **
place_of(struct dispatch *d, uint64_t id)
{
    struct client **place = &d->buckets[id % BUCKETS];

    while (*place && (*place)->id != id)
        place = &(*place)->next;
    return place;
}

void
dispatch_opened(struct dispatch *d, struct session *session)
{
    struct client **bucket = &d->buckets[session_id(session) % BUCKETS];
    struct client *client = mem_zalloc(1, sizeof(*client));

    client->session = session;
    client->id = session_id(session);
    client->next = *bucket;
    *bucket = client;
    d->sessions++;
}

static void
batch_free(struct batch *batch)
{
    json_decref(batch->replies);
    free(batch);
}

void
dispatch_gone(struct dispatch *d, struct session *session)
{
    struct client **place = place_of(d, session_id(session));
    struct client *client = *place;
    struct batch *next;

    *place = client->next;
    notify_forget(d->env->notify, client->id);
    for (struct batch *batch = client->batches; batch; batch = next) {
        next = batch->next;
        batch_free(batch);
    }
    free(client);
    d->sessions--;
}

/* --- answers ------------------------------------------------------------- */

static void
send_json(struct client *client, json_t *reply)
{
    CLEANUP_TEXT char *text = NULL;
    size_t len;

    text = json_text(reply, &len);
    json_decref(reply);
    session_send(client->session, text, len);
}

/* One answer of a batch; the last one sends them all. */
static void
fill_batch(struct client *client, uint64_t slot, json_t *reply)
{
    struct batch **place = &client->batches;
    struct batch *batch;

    while (*place && (*place)->number != slot >> SLOT_INDEX_BITS)
        place = &(*place)->next;
    batch = *place;
    json_array_set_new(batch->replies, slot & ((1u << SLOT_INDEX_BITS) - 1),
                       reply);
    if (--batch->missing)
        return;
    *place = batch->next;
    send_json(client, STEAL(batch->replies));
    batch_free(batch);
}

/* Takes reply; NULL is the answer to a notification. */
static void
answer(struct client *client, uint64_t slot, json_t *reply)
{
    if (!reply)
        return;
    if (slot)
        fill_batch(client, slot, reply);
    else
        send_json(client, reply);
}

static void
close_if_done(struct client *client)
{
    if (client->ended && client->open == 0)
        session_close(client->session);
}

static void
on_reply(void *ctx, uint64_t session, uint64_t slot, json_t *reply)
{
    struct dispatch *d = ctx;
    struct client *client = *place_of(d, session);

    d->open--;
    if (!client) {
        json_decref(reply);
        return;
    }
    client->open--;
    answer(client, slot, reply);
    close_if_done(client);
}

static void
on_event(void *ctx, uint64_t session, int64_t seq, const char *text,
         size_t len)
{
    struct client *client = *place_of(ctx, session);

    if (!client || session_send_event(client->session, text, len))
        return;
    if (client->dropped++ == 0)
        log_warning("%s does not read its events fast enough: some are "
                    "dropped, and it is told which",
                    session_peer(client->session));
    if (!client->first)
        client->first = seq;
    if (seq)
        client->last = seq;
}

/* What the client missed: numbers to read by GetEvents, null when what was
 * dropped had none. */
static json_t *
dropped_event(const struct client *client)
{
    json_t *event = json_object(), *data = json_object();
    char now[CLOCK_STAMP];

    clock_stamp(clock_wall_ms(), now);
    json_put(data, "from", client->first ? json_integer(client->first) : NULL);
    json_put(data, "to", client->last ? json_integer(client->last) : NULL);
    json_put_int(data, "count", (json_int_t)client->dropped);
    json_put(event, "seq", NULL);
    json_put_text(event, "time", now);
    json_put_text(event, "type", EVENTLOG_DROPPED);
    json_put_text(event, "origin", "berthd");
    json_put(event, "data", data);
    return event;
}

void
dispatch_drained(struct dispatch *d, struct session *session)
{
    struct client *client = *place_of(d, session_id(session));
    size_t len;
    CLEANUP_TEXT char *text = notify_text(dropped_event(client), &len);

    client->dropped = 0;
    client->first = client->last = 0;
    session_send_event(session, text, len);
}

/* --- requests ------------------------------------------------------------ */

/* May this verb be taken from this client now? */
static int
admit(const struct dispatch *d, const struct client *client,
      const struct verb *verb, struct err *err)
{
    size_t open = client->open;
    size_t most = LIMIT_SESSION_REQUESTS;

    if (d->stopping)
        return err_set(err, ERR_STOPPING,
                       "berthd is stopping and takes no requests; ask again "
                       "when it is back.");
    if (verb->local && !session_local(client->session))
        return err_set(err, ERR_DENIED,
                       "%s is answered on the unix socket of the host only.",
                       verb->name);
    if (verb->lane == VERB_INLINE)
        return 0;
    if (d->open >= LIMIT_REQUESTS) {
        open = d->open;
        most = LIMIT_REQUESTS;
    }
    if (open < most)
        return 0;
    err_set(err, ERR_BUSY,
            "%zu requests of %s are not answered yet, %zu is the most; wait "
            "for some of them.",
            open, most == LIMIT_REQUESTS ? "all clients" : "this connection",
            most);
    err->queue_depth = (int)open;
    err->retry_after_ms = RETRY_MS;
    return -1;
}

static const struct verb *
find_verb(const struct jsonrpc_request *request, struct err *err)
{
    const struct verb *verb;

    if (!request->method) {
        *err = request->err;
        return NULL;
    }
    verb = table_find(request->method);
    if (!verb)
        err_set(err, ERR_NO_METHOD,
                "There is no verb \"%s\"; berthd --dump-verbs lists them.",
                request->method);
    return verb;
}

static void
take_request(struct dispatch *d, struct client *client,
             struct jsonrpc_request *request, uint64_t slot)
{
    const struct trip_from from = {.env = d->env,
                                   .session = client->id,
                                   .slot = slot,
                                   .peer = session_peer(client->session),
                                   .local = session_local(client->session)};
    struct err err = ERR_INIT;
    const struct verb *verb = find_verb(request, &err);
    json_t *reply = NULL;

    if (!verb || admit(d, client, verb, &err) < 0) {
        log_debug("%s: refused: %s", from.peer, err.message);
        if (request->id)
            answer(client, slot, jsonrpc_error(request->id, &err, NULL));
        return;
    }
    if (trip_start(&from, verb, request, &reply)) {
        answer(client, slot, reply);
        return;
    }
    client->open++;
    d->open++;
}

/* A batch in which anything is to be answered gets a place for the answers.
 * Returns its number, 0 when there is nothing to gather. */
static uint64_t
open_batch(struct client *client, const struct jsonrpc_message *message)
{
    struct batch *batch;
    size_t answers = 0;

    for (size_t i = 0; i < message->count; i++)
        answers += message->requests[i].id != NULL;
    if (!message->batch || answers == 0)
        return 0;
    batch = mem_zalloc(1, sizeof(*batch));
    batch->number = ++client->numbers;
    batch->replies = json_array();
    batch->missing = answers;
    for (size_t i = 0; i < answers; i++)
        json_array_append_new(batch->replies, json_null());
    batch->next = client->batches;
    client->batches = batch;
    return batch->number;
}

static void
take_message(struct dispatch *d, struct client *client,
             struct jsonrpc_message *message)
{
    uint64_t number = open_batch(client, message);
    uint64_t at = 0;

    for (size_t i = 0; i < message->count; i++) {
        struct jsonrpc_request *request = &message->requests[i];
        uint64_t slot = 0;

        if (number && request->id)
            slot = number << SLOT_INDEX_BITS | at++;
        take_request(d, client, request, slot);
    }
}

/* What came of parsing a text. */
static void
take_parsed(struct dispatch *d, struct client *client, int rc,
            struct jsonrpc_message *message, const struct err *err)
{
    if (rc < 0)
        send_json(client, jsonrpc_error(NULL, err, NULL));
    else
        take_message(d, client, message);
}

/* --- lines --------------------------------------------------------------- */

/* A big text is parsed: the session goes on. */
static void
on_parsed(void *ctx, uint64_t session, int rc, struct jsonrpc_message *message,
          const struct err *err)
{
    struct dispatch *d = ctx;
    struct client *client = *place_of(d, session);

    d->open--;
    if (!client)
        return;
    client->open--;
    take_parsed(d, client, rc, message, err);
    session_resume(client->session);
    close_if_done(client);
}

static void
parse_big(struct dispatch *d, struct client *client, const char *text,
          size_t len)
{
    const struct parse_owner owner = {d->env->pool, d->outbox, on_parsed, d};
    struct err err = ERR_INIT;

    if (parse_start(&owner, client->id, text, len, &err) < 0) {
        send_json(client, jsonrpc_error(NULL, &err, NULL));
        return;
    }
    client->open++;
    d->open++;
    session_pause(client->session);
}

void
dispatch_line(struct dispatch *d, struct session *session, const char *text,
              size_t len)
{
    struct client *client = *place_of(d, session_id(session));
    struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;
    int rc;

    if (len > LIMIT_PARSE_INLINE) {
        parse_big(d, client, text, len);
        return;
    }
    rc = jsonrpc_parse(text, len, &message, &err);
    take_parsed(d, client, rc, &message, &err);
    jsonrpc_message_free(&message);
}

void
dispatch_ended(struct dispatch *d, struct session *session)
{
    struct client *client = *place_of(d, session_id(session));

    client->ended = true;
    close_if_done(client);
}

/* --- life ---------------------------------------------------------------- */

struct dispatch *
dispatch_new(struct env *env, struct outbox *outbox)
{
    static const struct notify_front front = {on_reply, on_event};
    struct dispatch *d = mem_zalloc(1, sizeof(*d));

    d->env = env;
    d->outbox = outbox;
    notify_set_front(env->notify, &front, d);
    return d;
}

void
dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (d->buckets[i])
            session_free(d->buckets[i]->session);
    free(d);
}

size_t
dispatch_open(const struct dispatch *d)
{
    return d->open;
}

size_t
dispatch_sessions(const struct dispatch *d)
{
    return d->sessions;
}

void
dispatch_stop(struct dispatch *d)
{
    d->stopping = true;
}

void
dispatch_close(struct dispatch *d)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct client *c = d->buckets[i]; c; c = c->next)
            session_close(c->session);
}
