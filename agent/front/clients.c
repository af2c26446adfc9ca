// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of a client: with a session → gone, while something is open → freed.
 * A peer lives as long as a client of it. A reply's slot is 0 for a single
 * request, else its batch's number and its place there.
 */
#include "agent/front/clients.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/state/eventlog.h"
#include "protocol/limits.h"

#define BUCKETS 1024
#define SLOT_INDEX_BITS 16 /* LIMIT_BATCH fits */

struct batch {
    struct batch *next;
    uint64_t number; /* from 1 */
    json_t *replies; /* array in the order of the requests */
    size_t missing;  /* answers that are not there yet */
};

struct peer {
    struct peer *next;
    char name[SESSION_PEER];
    size_t clients;
    size_t open;
};

struct clients {
    struct notify *notify;
    struct client *buckets[BUCKETS]; /* by number of the session */
    struct peer *peers;
    size_t sessions;
    size_t open;
};

/* --- peers --------------------------------------------------------------- */

/* A TLS client has its name once it asks, not when it connects. Some tens of
 * peers at most: each has a certificate or a user id. */
static struct peer *
peer_of(struct clients *clients, struct client *client)
{
    const char *name = session_peer(client->session);
    struct peer *peer = clients->peers;

    if (client->peer)
        return client->peer;
    while (peer && strcmp(peer->name, name) != 0)
        peer = peer->next;
    if (!peer) {
        peer = mem_zalloc(1, sizeof(*peer));
        snprintf(peer->name, sizeof(peer->name), "%s", name);
        peer->next = clients->peers;
        clients->peers = peer;
    }
    peer->clients++;
    client->peer = peer;
    return peer;
}

static void
peer_leave(struct clients *clients, struct peer *peer)
{
    struct peer **place = &clients->peers;

    if (!peer || --peer->clients > 0)
        return;
    while (*place != peer)
        place = &(*place)->next;
    *place = peer->next;
    free(peer);
}

/* --- clients ------------------------------------------------------------- */

void
clients_add(struct clients *clients, struct session *session)
{
    struct client **bucket = &clients->buckets[session_id(session) % BUCKETS];
    struct client *client = mem_zalloc(1, sizeof(*client));

    client->session = session;
    client->id = session_id(session);
    client->next = *bucket;
    *bucket = client;
    clients->sessions++;
}

struct client *
clients_find(const struct clients *clients, uint64_t id)
{
    struct client *client = clients->buckets[id % BUCKETS];

    while (client && client->id != id)
        client = client->next;
    return client;
}

/* Nobody is there and nothing is open. A Subscribe that ended after its
 * session has left something behind until now. */
static void
client_free(struct clients *clients, struct client *client)
{
    struct client **place = &clients->buckets[client->id % BUCKETS];

    while (*place != client)
        place = &(*place)->next;
    *place = client->next;
    notify_forget(clients->notify, client->id);
    peer_leave(clients, client->peer);
    free(client);
}

static void
batch_free(struct batch *batch)
{
    json_decref(batch->replies);
    free(batch);
}

void
client_gone(struct clients *clients, struct client *client)
{
    struct batch *next;

    notify_forget(clients->notify, client->id);
    for (struct batch *batch = client->batches; batch; batch = next) {
        next = batch->next;
        batch_free(batch);
    }
    client->batches = NULL;
    client->session = NULL;
    clients->sessions--;
    if (client->open == 0)
        client_free(clients, client);
}

size_t
client_peer_open(struct clients *clients, struct client *client)
{
    return peer_of(clients, client)->open;
}

void
client_take(struct clients *clients, struct client *client)
{
    client->open++;
    peer_of(clients, client)->open++;
    clients->open++;
}

void
client_drop(struct clients *clients, struct client *client)
{
    client->open--;
    client->peer->open--;
    clients->open--;
    if (client->open > 0)
        return;
    if (!client->session)
        client_free(clients, client);
    else if (client->ended)
        session_close(client->session);
}

/* --- answers ------------------------------------------------------------- */

uint64_t
client_batch(struct client *client, const struct jsonrpc_message *message)
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
    return batch->number << SLOT_INDEX_BITS;
}

static void
send_json(const struct client *client, json_t *reply)
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

void
client_answer(struct client *client, uint64_t slot, json_t *reply)
{
    if (!reply)
        return;
    if (!client->session)
        json_decref(reply);
    else if (slot)
        fill_batch(client, slot, reply);
    else
        send_json(client, reply);
}

/* --- events -------------------------------------------------------------- */

void
client_event(struct client *client, int64_t seq, const char *text, size_t len)
{
    if (session_send_event(client->session, text, len))
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
client_drained(struct client *client)
{
    size_t len;
    CLEANUP_TEXT char *text = notify_text(dropped_event(client), &len);

    client->dropped = 0;
    client->first = client->last = 0;
    session_send_event(client->session, text, len);
}

/* --- all of them --------------------------------------------------------- */

struct clients *
clients_new(struct notify *notify)
{
    struct clients *clients = mem_zalloc(1, sizeof(*clients));

    clients->notify = notify;
    return clients;
}

void
clients_free(struct clients *clients)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (clients->buckets[i]) {
            struct client *client = clients->buckets[i];

            if (client->session) /* may free the client, too */
                session_free(client->session);
            else
                client_free(clients, client);
        }
    free(clients);
}

struct client *
clients_oldest_ended(const struct clients *clients)
{
    struct client *oldest = NULL;

    for (size_t i = 0; i < BUCKETS; i++)
        for (struct client *c = clients->buckets[i]; c; c = c->next)
            if (c->session && c->ended && (!oldest || c->id < oldest->id))
                oldest = c;
    return oldest;
}

size_t
clients_sessions(const struct clients *clients)
{
    return clients->sessions;
}

size_t
clients_open(const struct clients *clients)
{
    return clients->open;
}

void
clients_close(struct clients *clients)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct client *c = clients->buckets[i]; c; c = c->next)
            if (c->session)
                session_close(c->session);
}
