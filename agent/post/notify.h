// SPDX-License-Identifier: Apache-2.0
/*
 * Who is told: replies to the session that asked, events to the sessions that
 * subscribed. Sessions are numbers that may outlive their connection; the
 * front room gives the function that turns one into bytes. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/json.h"
#include "agent/post/outbox.h"

struct notify;

/* An event on its way; borrowed. */
struct notify_note {
    int64_t seq;         /* its number, 0: it has none */
    const char *type;    /* "disk.plugged" */
    const char *vm;      /* UUID, NULL */
    const char *device;  /* alias, NULL */
    const char *text;    /* the JSON-RPC notification, no line end */
    size_t len;
};

/* What the front room does with what arrives (I/O thread). */
struct notify_front {
    /* The answer to request `slot` of a session; takes reply (a whole
     * JSON-RPC response, or NULL for an answered notification). */
    void (*reply)(void *ctx, uint64_t session, uint64_t slot, json_t *reply);
    /* An event. The session may be gone by now. */
    void (*event)(void *ctx, uint64_t session, const struct notify_note *note);
};

struct notify *notify_new(struct outbox *outbox);
void notify_free(struct notify *notify);

/* Before the first session exists; I/O thread. */
void notify_set_front(struct notify *notify, const struct notify_front *front,
                      void *ctx);

/* Any thread. takes reply. */
void notify_reply(struct notify *notify, uint64_t session, uint64_t slot,
                  json_t *reply);

/* Which events a session wants: types (prefixes such as "disk.", NULL-ended,
 * NULL: all) and vm (UUID, NULL: all). A second call replaces the first. */
void notify_subscribe(struct notify *notify, uint64_t session,
                      const char *const *types, const char *vm);

/* Whether a session wants VDSM's events, beside those it subscribed to. I/O
 * thread. */
void notify_vdsm(struct notify *notify, uint64_t session, bool wanted);

/* Whether any session does. Any thread. */
bool notify_vdsm_wanted(struct notify *notify);

/* Tell those that do of an event (borrowed) in VDSM's form: text is a whole
 * notification, taken. Any thread, never blocks. */
void notify_vdsm_event(struct notify *notify, const json_t *event, char *text,
                       size_t len);

/* The session is gone. I/O thread. */
void notify_forget(struct notify *notify, uint64_t session);

/* Tell all who want it; takes event. Any thread, never blocks. */
void notify_event(struct notify *notify, json_t *event);

/* {"jsonrpc": "2.0", "method": "event", "params": event}; takes event, returns
 * owned. */
char *notify_text(json_t *event, size_t *len);
