// SPDX-License-Identifier: Apache-2.0
/*
 * What may be asked now, and who is told what came of it. Workers hold
 * numbers: a reply whose session has gone is counted and dropped. The end of
 * an open call goes to everybody who waits for it.
 */
#include "agent/front/dispatch.h"

#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/clients.h"
#include "agent/front/parse.h"
#include "agent/front/reply.h"
#include "agent/front/route.h"
#include "agent/front/trip.h"
#include "agent/plan/permit.h"
#include "protocol/limits.h"

#define RETRY_MS 100

struct dispatch {
    struct env *env;
    struct outbox *outbox;
    struct clients *clients;
    struct join *join;
    bool stopping;
};

/* --- clients ------------------------------------------------------------- */

static struct client *
client_of(const struct dispatch *d, const struct session *session)
{
    return clients_find(d->clients, session_id(session));
}

void
dispatch_opened(struct dispatch *d, struct session *session)
{
    clients_add(d->clients, session);
}

void
dispatch_gone(struct dispatch *d, struct session *session)
{
    struct client *client = client_of(d, session);
    size_t forgotten = join_forget(d->join, client->id);

    /* The last drop may close the session, which is no harm: it is being
     * freed. What is left is what the client made others do. */
    while (forgotten-- > 0)
        client_drop(d->clients, client);
    client_gone(d->clients, client);
}

void
dispatch_ended(struct dispatch *d, struct session *session)
{
    struct client *client = client_of(d, session);

    client->ended = true;
    if (client->open == 0)
        session_close(session);
}

/* --- answers ------------------------------------------------------------- */

/* An open call is over. */
static void
end_call(struct dispatch *d, uint64_t number, json_t *body /* takes */)
{
    size_t n;
    CLEANUP_FREE struct join_caller *callers = join_end(d->join, number, &n);

    for (size_t i = 0; i < n; i++) {
        json_t *id = callers[i].id;
        struct client *client = clients_find(d->clients, callers[i].session);

        client_answer(client, callers[i].slot,
                      id ? jsonrpc_response(id, body) : NULL);
        client_drop(d->clients, client);
        json_decref(id);
    }
    json_decref(body);
}

static void
on_reply(void *ctx, uint64_t session, uint64_t slot, json_t *reply)
{
    struct dispatch *d = ctx;
    struct client *client;

    if (session == JOIN_SESSION) {
        end_call(d, slot, reply);
        return;
    }
    client = clients_find(d->clients, session);
    client_answer(client, slot, reply);
    client_drop(d->clients, client);
}

/* What a subscriber may see is decided as it is told: its roles may have
 * changed since it subscribed. */
static void
on_event(void *ctx, uint64_t session, const struct notify_note *note)
{
    struct dispatch *d = ctx;
    struct client *client = clients_find(d->clients, session);

    if (!client || !client->session) /* it subscribed while it went */
        notify_forget(d->env->notify, session);
    else if (permit_event(d->env, session_identity(client->session),
                          note->type, note->vm, note->device))
        client_event(client, note->seq, note->text, note->len);
}

void
dispatch_drained(struct dispatch *d, struct session *session)
{
    client_drained(client_of(d, session));
}

void
dispatch_events(struct dispatch *d, struct session *session, bool wanted)
{
    struct client *client = client_of(d, session);

    client->vdsm_events = wanted;
    notify_vdsm(d->env->notify, client->id, wanted);
}

/* --- requests ------------------------------------------------------------ */

/* Whether the client, its peer and all of them have room for one more. */
static int
check_room(const struct dispatch *d, struct client *client, struct err *err)
{
    const struct {
        size_t open, most;
        const char *whose;
    } rooms[] = {
        {client->open, LIMIT_SESSION_REQUESTS, "this connection"},
        {client_peer_open(d->clients, client), LIMIT_PEER_REQUESTS,
         "all connections of this peer"},
        {clients_open(d->clients), LIMIT_REQUESTS, "all clients"},
    };

    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        if (rooms[i].open < rooms[i].most)
            continue;
        err_set(err, ERR_BUSY,
                "%zu requests of %s are not answered yet, %zu is the most; "
                "wait for some of them.",
                rooms[i].open, rooms[i].whose, rooms[i].most);
        err->queue_depth = (int)rooms[i].open;
        err->retry_after_ms = RETRY_MS;
        return -1;
    }
    return 0;
}

/* May this verb be taken from this client now? */
static int
admit(const struct dispatch *d, struct client *client, const struct verb *verb,
      struct err *err)
{
    if (d->stopping)
        return err_set(err, ERR_STOPPING,
                       "berthd is stopping and takes no requests; ask again "
                       "when it is back.");
    if (verb->local && !session_local(client->session))
        return err_set(err, ERR_DENIED,
                       "%s is answered on the unix socket of the host only.",
                       verb->name);
    return verb->lane == VERB_INLINE ? 0 : check_room(d, client, err);
}

static const struct verb *
find_verb(const struct dispatch *d, struct jsonrpc_request *request,
          struct esx **esx, struct err *err)
{
    if (request->method)
        return route_find(d->env, request, esx, err);
    *err = request->err;
    return NULL;
}

/* The error object of a request that does not begin. */
static json_t *
refusal(const struct client *client, const struct verb *verb,
        const struct jsonrpc_request *request, const struct err *err)
{
    const struct verb_call call = {.verb = verb};

    if (verb)
        return reply_error(&call, err);
    return reply_no_verb(session_vdsm(client->session) ||
                             (request->method && strchr(request->method, '.')),
                         err);
}

static void
take_request(struct dispatch *d, struct client *client,
             struct jsonrpc_request *request, uint64_t slot,
             const char *flow_id)
{
    struct esx *esx = NULL;
    struct err err = ERR_INIT;
    const struct verb *verb = find_verb(d, request, &esx, &err);
    const struct trip_from from = {.env = d->env,
                                   .esx = esx,
                                   .join = d->join,
                                   .session = client->id,
                                   .slot = slot,
                                   .peer = session_peer(client->session),
                                   .who = session_identity(client->session),
                                   .flow_id = flow_id,
                                   .local = session_local(client->session)};
    json_t *reply = NULL;

    if (!verb || admit(d, client, verb, &err) < 0) {
        log_debug("%s: refused: %s", from.peer, err.message);
        if (request->id)
            client_answer(client, slot,
                          jsonrpc_failure(request->id,
                                          refusal(client, verb, request, &err)));
        return;
    }
    if (trip_start(&from, verb, request, &reply))
        client_answer(client, slot, reply);
    else
        client_take(d->clients, client);
}

static void
take_message(struct dispatch *d, struct client *client, uint64_t number,
             struct jsonrpc_message *message)
{
    CLEANUP_FREE char *flow_id = mem_dup(client_flow(client, number));
    uint64_t next = client_expect(client, number, message);

    for (size_t i = 0; i < message->count; i++) {
        struct jsonrpc_request *request = &message->requests[i];
        uint64_t slot = 0;

        if (next && request->id)
            slot = next++;
        take_request(d, client, request, slot, flow_id);
    }
}

/* The message as a whole cannot be taken. */
static void
refuse_message(struct client *client, uint64_t number, const struct err *err)
{
    bool plain = client->session && session_vdsm(client->session);

    client_refuse(client, number,
                  jsonrpc_failure(NULL, reply_no_verb(plain, err)));
}

/* What came of parsing a text. */
static void
take_parsed(struct dispatch *d, struct client *client, uint64_t number, int rc,
            struct jsonrpc_message *message, const struct err *err)
{
    if (rc < 0)
        refuse_message(client, number, err);
    else
        take_message(d, client, number, message);
}

/* --- texts --------------------------------------------------------------- */

/* A big text is parsed: the session goes on. */
static void
on_parsed(void *ctx, uint64_t session, uint64_t number, int rc,
          struct jsonrpc_message *message, const struct err *err)
{
    struct dispatch *d = ctx;
    struct client *client = clients_find(d->clients, session);

    if (client->session) {
        take_parsed(d, client, number, rc, message, err);
        session_resume(client->session);
    }
    client_drop(d->clients, client);
}

static void
parse_big(struct dispatch *d, struct client *client, uint64_t number,
          const char *text, size_t len)
{
    const struct parse_owner owner = {d->env->pool, d->outbox, on_parsed, d};
    struct err err = ERR_INIT;

    if (parse_start(&owner, client->id, number, text, len, &err) < 0) {
        refuse_message(client, number, &err);
        return;
    }
    client_take(d->clients, client);
    session_pause(client->session);
}

void
dispatch_request(struct dispatch *d, struct session *session, const char *text,
                 size_t len, const struct speech_from *from)
{
    struct client *client = client_of(d, session);
    uint64_t number = client_message(client, from);
    struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;
    int rc;

    if (len > LIMIT_PARSE_INLINE) {
        parse_big(d, client, number, text, len);
        return;
    }
    rc = jsonrpc_parse(text, len, &message, &err);
    take_parsed(d, client, number, rc, &message, &err);
    jsonrpc_message_free(&message);
}

/* --- life ---------------------------------------------------------------- */

static void
on_late(void *ctx, uint64_t number)
{
    const struct dispatch *d = ctx;

    trip_late(d->env, number);
}

struct dispatch *
dispatch_new(struct env *env, struct outbox *outbox, struct event_base *base)
{
    static const struct notify_front front = {on_reply, on_event};
    struct dispatch *d = mem_zalloc(1, sizeof(*d));

    d->env = env;
    d->outbox = outbox;
    d->clients = clients_new(env->notify);
    d->join = join_new(base, on_late, d);
    notify_set_front(env->notify, &front, d);
    return d;
}

void
dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    clients_free(d->clients);
    join_free(d->join);
    free(d);
}

size_t
dispatch_open(const struct dispatch *d)
{
    return clients_open(d->clients);
}

size_t
dispatch_sessions(const struct dispatch *d)
{
    return clients_sessions(d->clients);
}

bool
dispatch_give_way(struct dispatch *d)
{
    struct client *client = clients_oldest_ended(d->clients);

    if (!client)
        return false;
    log_warning("%s sends no more and is disconnected before its answers "
                "came: others need the connection",
                session_peer(client->session));
    session_free(client->session);
    return true;
}

void
dispatch_stop(struct dispatch *d)
{
    d->stopping = true;
}

void
dispatch_close(struct dispatch *d)
{
    clients_close(d->clients);
}
