// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of a client: with a session → gone, while something is open → freed.
 * A peer lives as long as a client of it. A reply's slot is 0 for a single
 * request in a line, else its message's number and its place there.
 */
#include "agent/front/clients.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/state/eventlog.h"
#include "protocol/limits.h"
#include "protocol/vdsm.h"

#define BUCKETS 1024
#define SLOT_INDEX_BITS 16 /* LIMIT_BATCH fits */

struct message {
    struct message *next;
    uint64_t number; /* from 1 */
    char *reply_to;  /* NULL: to the peer as such */
    char *flow_id;
    json_t *replies; /* array in the order of the requests; NULL: there is one
                        answer, which goes out as it is */
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
message_free(struct message *message)
{
    json_decref(message->replies);
    free(message->reply_to);
    free(message->flow_id);
    free(message);
}

void
client_gone(struct clients *clients, struct client *client)
{
    struct message *next;

    notify_forget(clients->notify, client->id);
    for (struct message *message = client->messages; message; message = next) {
        next = message->next;
        message_free(message);
    }
    client->messages = NULL;
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

static struct message *
new_message(struct client *client)
{
    struct message *message = mem_zalloc(1, sizeof(*message));

    message->number = ++client->numbers;
    message->next = client->messages;
    client->messages = message;
    return message;
}

/* Most often it is the newest, which stands first. */
static struct message **
find_message(struct client *client, uint64_t number)
{
    struct message **place = &client->messages;

    while (*place && (*place)->number != number)
        place = &(*place)->next;
    return place;
}

static void
drop_message(struct client *client, uint64_t number)
{
    struct message **place = find_message(client, number);
    struct message *message = *place;

    if (!message)
        return;
    *place = message->next;
    message_free(message);
}

uint64_t
client_message(struct client *client, const struct speech_from *from)
{
    struct message *message;

    if (!from->reply_to && !from->flow_id)
        return 0;
    message = new_message(client);
    message->reply_to = mem_dup(from->reply_to);
    message->flow_id = mem_dup(from->flow_id);
    return message->number;
}

const char *
client_flow(const struct client *client, uint64_t number)
{
    const struct message *message = client->messages;

    while (message && message->number != number)
        message = message->next;
    return message ? message->flow_id : NULL;
}

/* VDSM's clients send each call as a batch of one and expect an object. */
static bool
gathers(const struct client *client, const struct jsonrpc_message *parsed)
{
    return parsed->batch &&
           !(parsed->count == 1 && session_vdsm(client->session));
}

uint64_t
client_expect(struct client *client, uint64_t number,
              const struct jsonrpc_message *parsed)
{
    bool array = gathers(client, parsed);
    struct message *message;
    size_t answers = 0;

    for (size_t i = 0; i < parsed->count; i++)
        answers += parsed->requests[i].id != NULL;
    if (answers == 0)
        drop_message(client, number);
    if (answers == 0 || (!number && !array))
        return 0;
    message = number ? *find_message(client, number) : new_message(client);
    message->missing = answers;
    if (array)
        message->replies = json_array();
    for (size_t i = 0; array && i < answers; i++)
        json_array_append_new(message->replies, json_null());
    return message->number << SLOT_INDEX_BITS;
}

static void
send_json(const struct client *client, const char *reply_to, json_t *reply)
{
    CLEANUP_TEXT char *text = NULL;
    size_t len;

    text = json_text(reply, &len);
    json_decref(reply);
    session_send(client->session, reply_to, text, len);
}

void
client_refuse(struct client *client, uint64_t number, json_t *reply)
{
    const struct message *message = *find_message(client, number);

    if (client->session)
        send_json(client, message ? message->reply_to : NULL, reply);
    else
        json_decref(reply);
    drop_message(client, number);
}

/* One answer of a message; the last one sends them all. */
static void
fill_message(struct client *client, uint64_t slot, json_t *reply)
{
    uint64_t number = slot >> SLOT_INDEX_BITS;
    struct message *message = *find_message(client, number);

    if (message->replies)
        json_array_set_new(message->replies,
                           slot & ((1u << SLOT_INDEX_BITS) - 1), reply);
    if (--message->missing)
        return;
    send_json(client, message->reply_to,
              message->replies ? STEAL(message->replies) : reply);
    drop_message(client, number);
}

void
client_answer(struct client *client, uint64_t slot, json_t *reply)
{
    if (!reply)
        return;
    if (!client->session)
        json_decref(reply);
    else if (slot)
        fill_message(client, slot, reply);
    else
        send_json(client, NULL, reply);
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

/* The same in VDSM's form. */
static char *
dropped_vdsm(const struct client *client, size_t *len)
{
    json_t *params = json_object();

    json_put_int(params, "count", (json_int_t)client->dropped);
    return vdsm_event_text("berth", "events_dropped", NULL, params, len);
}

void
client_drained(struct client *client)
{
    size_t len;
    CLEANUP_TEXT char *text = client->vdsm_events
                                  ? dropped_vdsm(client, &len)
                                  : notify_text(dropped_event(client), &len);

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
