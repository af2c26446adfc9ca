// SPDX-License-Identifier: Apache-2.0
/*
 * Replies and events on their way to the I/O thread. Who wants an event is
 * decided, and its text made, in the thread that tells it; the I/O thread
 * only hands the text to the sessions. The front is called with no lock
 * held, since it may end a session there and then.
 */
#include "agent/post/notify.h"

#include <string.h>
#include <sys/queue.h>

#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct subscription {
    uint64_t session;
    char **types; /* NULL: all */
    size_t type_count;
    char *vm; /* NULL: all */
    LIST_ENTRY(subscription) next;
};

struct notify {
    struct outbox *outbox;
    const struct notify_front *front; /* I/O thread */
    void *front_ctx;
    struct lock lock; /* guards what follows */
    LIST_HEAD(, subscription) subscriptions;
    uint64_t *vdsm; /* sessions that want VDSM's events */
    size_t nvdsm;
};

struct notify *
notify_new(struct outbox *outbox)
{
    struct notify *notify = mem_zalloc(1, sizeof(*notify));

    notify->outbox = outbox;
    lock_init(&notify->lock, LOCK_NOTIFY);
    return notify;
}

static void
subscription_free(struct subscription *sub)
{
    if (!sub)
        return;
    for (size_t i = 0; i < sub->type_count; i++)
        free(sub->types[i]);
    free(sub->types);
    free(sub->vm);
    free(sub);
}

/* Take the session's subscription out of the list; the lock is held. */
static struct subscription *
subscription_take(struct notify *notify, uint64_t session)
{
    struct subscription *sub;

    LIST_FOREACH(sub, &notify->subscriptions, next)
    {
        if (sub->session != session)
            continue;
        LIST_REMOVE(sub, next);
        return sub;
    }
    return NULL;
}

void
notify_free(struct notify *notify)
{
    struct subscription *sub;

    if (!notify)
        return;
    while ((sub = LIST_FIRST(&notify->subscriptions))) {
        LIST_REMOVE(sub, next);
        subscription_free(sub);
    }
    lock_destroy(&notify->lock);
    free(notify->vdsm);
    free(notify);
}

void
notify_set_front(struct notify *notify, const struct notify_front *front,
                 void *ctx)
{
    notify->front = front;
    notify->front_ctx = ctx;
}

void
notify_subscribe(struct notify *notify, uint64_t session,
                 const char *const *types, const char *vm)
{
    struct subscription *sub = mem_zalloc(1, sizeof(*sub));
    struct subscription *before;

    sub->session = session;
    sub->vm = mem_dup(vm);
    if (types)
        sub->types = mem_zalloc(1, sizeof(*sub->types));
    for (; types && types[sub->type_count]; sub->type_count++) {
        sub->types = mem_more(sub->types, sub->type_count, sizeof(char *));
        sub->types[sub->type_count] = mem_dup(types[sub->type_count]);
    }
    lock_take(&notify->lock);
    before = subscription_take(notify, session);
    LIST_INSERT_HEAD(&notify->subscriptions, sub, next);
    lock_drop(&notify->lock);
    subscription_free(before);
}

void
notify_vdsm(struct notify *notify, uint64_t session, bool wanted)
{
    size_t i = 0;

    LOCK_SCOPE(&notify->lock);

    while (i < notify->nvdsm && notify->vdsm[i] != session)
        i++;
    if (wanted && i == notify->nvdsm) {
        notify->vdsm = mem_more(notify->vdsm, i, sizeof(*notify->vdsm));
        notify->vdsm[notify->nvdsm++] = session;
    } else if (!wanted && i < notify->nvdsm) {
        notify->vdsm[i] = notify->vdsm[--notify->nvdsm];
    }
}

bool
notify_vdsm_wanted(struct notify *notify)
{
    LOCK_SCOPE(&notify->lock);

    return notify->nvdsm > 0;
}

void
notify_forget(struct notify *notify, uint64_t session)
{
    struct subscription *sub;

    notify_vdsm(notify, session, false);
    lock_take(&notify->lock);
    sub = subscription_take(notify, session);
    lock_drop(&notify->lock);
    subscription_free(sub);
}

/* --- replies -------------------------------------------------------------- */

struct answer {
    struct notify *notify;
    uint64_t session;
    uint64_t slot;
    json_t *reply; /* owned */
};

static void
answer_drop(void *arg)
{
    struct answer *answer = arg;

    json_decref(answer->reply);
    free(answer);
}

/* I/O thread. */
static void
answer_run(void *arg)
{
    struct answer *answer = arg;
    struct notify *notify = answer->notify;

    if (notify->front)
        notify->front->reply(notify->front_ctx, answer->session, answer->slot,
                             STEAL(answer->reply));
    answer_drop(answer);
}

void
notify_reply(struct notify *notify, uint64_t session, uint64_t slot,
             json_t *reply)
{
    struct answer *answer = mem_zalloc(1, sizeof(*answer));

    answer->notify = notify;
    answer->session = session;
    answer->slot = slot;
    answer->reply = reply;
    outbox_post(notify->outbox, answer_run, answer_drop, answer);
}

/* --- events --------------------------------------------------------------- */

struct telling {
    struct notify *notify;
    uint64_t *sessions;
    size_t count;
    char *type, *vm, *device, *text; /* owned; what note borrows */
    struct notify_note note;
};

static void
telling_drop(void *arg)
{
    struct telling *telling = arg;

    free(telling->sessions);
    free(telling->type);
    free(telling->vm);
    free(telling->device);
    free(telling->text);
    free(telling);
}

/* I/O thread. */
static void
telling_run(void *arg)
{
    struct telling *telling = arg;
    struct notify *notify = telling->notify;

    for (size_t i = 0; notify->front && i < telling->count; i++)
        notify->front->event(notify->front_ctx, telling->sessions[i],
                             &telling->note);
    telling_drop(telling);
}

static bool
wants(const struct subscription *sub, const char *type, const char *vm)
{
    if (sub->vm && strcmp(sub->vm, vm) != 0)
        return false;
    if (!sub->types)
        return true;
    for (size_t i = 0; i < sub->type_count; i++)
        if (strncmp(type, sub->types[i], strlen(sub->types[i])) == 0)
            return true;
    return false;
}

/* The sessions that want the event; returns owned, NULL if none. */
static uint64_t *
who_wants(struct notify *notify, const json_t *event, size_t *count)
{
    const char *type = json_get_text(event, "type", "");
    const char *vm = json_get_text(event, "vm", "");
    struct subscription *sub;
    uint64_t *sessions = NULL;

    LOCK_SCOPE(&notify->lock);

    *count = 0;
    LIST_FOREACH(sub, &notify->subscriptions, next)
    {
        if (!wants(sub, type, vm))
            continue;
        sessions = mem_more(sessions, *count, sizeof(*sessions));
        sessions[(*count)++] = sub->session;
    }
    return sessions;
}

char *
notify_text(json_t *event, size_t *len)
{
    CLEANUP_JSON json_t *note = json_object();

    json_put_text(note, "jsonrpc", "2.0");
    json_put_text(note, "method", "event");
    json_put(note, "params", event);
    return json_text(note, len);
}

static struct telling *
telling_new(struct notify *notify, uint64_t *sessions /* takes */, size_t count,
            const json_t *event)
{
    struct telling *telling = mem_zalloc(1, sizeof(*telling));

    telling->notify = notify;
    telling->sessions = sessions;
    telling->count = count;
    telling->type = mem_dup(json_get_text(event, "type", ""));
    telling->vm = mem_dup(json_get_text(event, "vm", NULL));
    telling->device = mem_dup(json_get_text(event, "device", NULL));
    telling->note.type = telling->type;
    telling->note.vm = telling->vm;
    telling->note.device = telling->device;
    return telling;
}

void
notify_event(struct notify *notify, json_t *event)
{
    struct telling *telling;
    size_t count;
    uint64_t *sessions = who_wants(notify, event, &count);

    if (!sessions) {
        json_decref(event);
        return;
    }
    telling = telling_new(notify, sessions, count, event);
    telling->note.seq = json_get_int(event, "seq", 0);
    telling->text = notify_text(event, &telling->note.len);
    telling->note.text = telling->text;
    outbox_post(notify->outbox, telling_run, telling_drop, telling);
}

static uint64_t *
who_wants_vdsm(struct notify *notify, size_t *count)
{
    uint64_t *sessions;

    LOCK_SCOPE(&notify->lock);

    *count = notify->nvdsm;
    sessions = mem_zalloc(*count + 1, sizeof(*sessions));
    if (*count)
        memcpy(sessions, notify->vdsm, *count * sizeof(*sessions));
    return sessions;
}

void
notify_vdsm_event(struct notify *notify, const json_t *event, char *text,
                  size_t len)
{
    size_t count;
    uint64_t *sessions = who_wants_vdsm(notify, &count);
    struct telling *telling = telling_new(notify, sessions, count, event);

    telling->text = text;
    telling->note.text = text;
    telling->note.len = len;
    outbox_post(notify->outbox, telling_run, telling_drop, telling);
}
