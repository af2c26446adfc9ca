// SPDX-License-Identifier: Apache-2.0
/*
 * Who asks: sessions with what they have open, the peers they belong to, and
 * the messages whose answers are awaited. A client is kept, without its session,
 * until the last request that it made is over, so that work which nobody
 * waits for any more is still counted. I/O thread only.
 */
#pragma once

#include "agent/front/session.h"
#include "agent/post/notify.h"
#include "protocol/jsonrpc.h"

struct clients;

struct peer;

struct client {
    struct client *next;     /* of the bucket */
    struct session *session; /* NULL: it is gone */
    struct peer *peer;       /* NULL until it asks for something */
    uint64_t id;
    size_t open; /* requests that are not answered */
    bool ended;  /* close when nothing is open */
    struct message *messages;
    uint64_t numbers; /* last number of a message */
    bool vdsm_events; /* it has subscribed to VDSM's events */
    /* Events that it was not sent, since it does not read fast enough. */
    size_t dropped;
    int64_t first, last; /* their numbers; 0: they had none */
};

/* Subscriptions end with their client. */
struct clients *clients_new(struct notify *notify);
void clients_free(struct clients *clients); /* frees open sessions too */

void clients_add(struct clients *clients, struct session *session);

/* Also one that is gone and has something open; NULL when there is none. */
struct client *clients_find(const struct clients *clients, uint64_t id);

/* Of those whose peer sends no more, the one that came first; or NULL. */
struct client *clients_oldest_ended(const struct clients *clients);

size_t clients_sessions(const struct clients *clients); /* that exist */
size_t clients_open(const struct clients *clients);     /* requests, of all */

/* Close every session once its output is written. */
void clients_close(struct clients *clients);

/* The session ends; the client may be freed. */
void client_gone(struct clients *clients, struct client *client);

/* Requests of all clients of this one's peer. */
size_t client_peer_open(struct clients *clients, struct client *client);

/* One more request is open. */
void client_take(struct clients *clients, struct client *client);

/* One less. The client may be freed, its session be closed. */
void client_drop(struct clients *clients, struct client *client);

/*
 * A message came whose answer must be told where it belongs: it has a number
 * until it is answered. 0 when there is nothing to remember (a line, which may
 * still be a batch).
 */
uint64_t client_message(struct client *client, const struct speech_from *from);

/* The flow id of a message, NULL when it has none. Borrowed, until it is
 * answered. */
const char *client_flow(const struct client *client, uint64_t number);

/*
 * What a message (number: of client_message) holds is known: its answers are
 * gathered, if there is more than one or an address. Returns the slot of the
 * first answer, the others follow it; 0 when there is nothing to gather.
 */
uint64_t client_expect(struct client *client, uint64_t number,
                       const struct jsonrpc_message *message);

/* The message as a whole is answered. Takes reply. */
void client_refuse(struct client *client, uint64_t number, json_t *reply);

/* Answer a single request (slot 0) or one of a message. Takes reply; NULL is
 * the answer to a notification. */
void client_answer(struct client *client, uint64_t slot, json_t *reply);

/* Send an event (seq 0: it has no number), or note that it was dropped. The
 * session is there. */
void client_event(struct client *client, int64_t seq, const char *text,
                  size_t len);

/* It reads again: tell it what was dropped. */
void client_drained(struct client *client);
