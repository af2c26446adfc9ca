// SPDX-License-Identifier: Apache-2.0
/*
 * Events: told as they happen, or read again by number. A subscription begins
 * before old events are read, so that none falls between the two; one that
 * arrives both ways has the same seq.
 */
#include "agent/verbs/events.h"

#include <string.h>

#include "agent/plan/permit.h"

#define TYPES_MAX 32
#define TYPE_BYTES 64
#define TYPE_CHARS "abcdefghijklmnopqrstuvwxyz._"
#define PAGE 1000
#define REPLAY_MAX 20000 /* events of one answer; GetEvents reads on */

/* What a subscriber asked for; texts are borrowed from the parameters. */
struct wish {
    const char *types[TYPES_MAX + 1]; /* prefixes, NULL-ended */
    size_t ntypes;                    /* 0: all */
    char vm[UUID_TEXT];               /* "": all */
};

static int
read_types(const json_t *types, struct wish *wish, struct err *err)
{
    size_t n = json_array_size(types);

    if (n > TYPES_MAX)
        return err_set(err, ERR_INVALID,
                       "types: %zu entries; expected at most %d", n,
                       TYPES_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *type = json_string_value(json_array_get(types, i));

        if (!type || !*type || strlen(type) > TYPE_BYTES ||
            type[strspn(type, TYPE_CHARS)])
            return err_param(err, ERR_INVALID, "types", type ? type : "",
                             "types of events or beginnings of them, such as "
                             "\"disk.\" or \"vm.state\"");
        wish->types[wish->ntypes++] = type;
    }
    return 0;
}

static int
read_wish(struct verb_call *call, struct wish *wish, struct err *err)
{
    const char *vm = json_get_text(call->params, "vm", NULL);

    if (read_types(json_object_get(call->params, "types"), wish, err) < 0)
        return -1;
    if (!vm)
        return 0;
    if (vm_table_find(call->env->vms, vm, wish->vm, err) < 0)
        return -1;
    return permit_check_some(call->env, &call->request, ACCESS_VM_READ,
                             &(struct access_object){.vm = wish->vm}, err);
}

static bool
may_see(struct verb_call *call, const json_t *event)
{
    return permit_event(call->env, call->request.who,
                        json_get_text(event, "type", ""),
                        json_get_text(event, "vm", NULL),
                        json_get_text(event, "device", NULL));
}

static bool
wanted(const struct wish *wish, const json_t *event)
{
    const char *type = json_get_text(event, "type", "");

    if (*wish->vm && strcmp(wish->vm, json_get_text(event, "vm", "")) != 0)
        return false;
    for (size_t i = 0; i < wish->ntypes; i++)
        if (strncmp(type, wish->types[i], strlen(wish->types[i])) == 0)
            return true;
    return wish->ntypes == 0;
}

/* Append what is wanted of one page to events; its size, or -1. */
static int
replay_page(struct verb_call *call, const struct wish *wish, json_t *result,
            json_t *events, struct err *err)
{
    json_int_t since = json_get_int(result, "next", 0);
    CLEANUP_JSON json_t *page =
        eventlog_read(call->env->eventlog, since, PAGE, err);
    const json_t *dropped = json_object_get(page, "dropped");
    json_t *found, *event;
    size_t i;

    if (!page)
        return -1;
    found = json_object_get(page, "events");
    json_array_foreach(found, i, event)
        if (wanted(wish, event) && may_see(call, event))
            json_array_append(events, event);
    json_put(result, "next", json_incref(json_object_get(page, "next")));
    if (!json_is_null(dropped))
        json_put(result, "dropped", json_incref((json_t *)dropped));
    return (int)json_array_size(found);
}

/* Everything behind since, as far as one answer may hold it. */
static int
replay(struct verb_call *call, const struct wish *wish, json_t *result,
       struct err *err)
{
    json_t *events = json_array();
    int n, total = 0;

    json_put(result, "events", events);
    do {
        n = replay_page(call, wish, result, events, err);
        total += n;
    } while (n == PAGE && total < REPLAY_MAX);
    json_put_bool(result, "more", n == PAGE);
    return n < 0 ? -1 : 0;
}

static json_t *
subscribe(struct verb_call *call, struct err *err)
{
    const json_t *since = json_object_get(call->params, "since");
    CLEANUP_JSON json_t *result = json_object();
    CLEANUP_JSON json_t *newest = NULL;
    struct wish wish = {0};

    if (read_wish(call, &wish, err) < 0)
        return NULL;
    notify_subscribe(call->env->notify, call->session,
                     wish.ntypes ? wish.types : NULL,
                     *wish.vm ? wish.vm : NULL);
    json_put_bool(result, "subscribed", true);
    if (json_is_integer(since)) {
        json_put(result, "next", json_incref((json_t *)since));
        return replay(call, &wish, result, err) < 0 ? NULL : STEAL(result);
    }
    /* Behind the newest there is nothing; its number is what is learned, or
     * null: what happens is told even while nothing can be read. */
    newest = eventlog_read(call->env->eventlog, INT64_MAX, 1, NULL);
    json_put(result, "next", json_incref(json_object_get(newest, "next")));
    return STEAL(result);
}

static json_t *
get_events(struct verb_call *call, struct err *err)
{
    json_t *page = eventlog_read(
        call->env->eventlog, json_get_int(call->params, "since", 0),
        (int)json_get_int(call->params, "limit", PAGE), err);
    json_t *events = json_object_get(page, "events");

    for (size_t i = json_array_size(events); i-- > 0;)
        if (!may_see(call, json_array_get(events, i)))
            json_array_remove(events, i);
    return page;
}

/* --- rows ------------------------------------------------------------------ */

#define SINCE                                                                  \
    .name = "since", .type = FIELD_INT, .min = 0, .max = INT64_MAX,            \
    .range = "0.. (a seq, or next of an earlier answer)"

static const struct field subscribe_fields[] = {
    {.name = "types",
     .type = FIELD_ARRAY,
     .max = TYPES_MAX,
     .range = "an array of at most 32 types or beginnings of them",
     .doc = "Which events: types such as vm.state, or beginnings such as "
            "disk.; absent: all"},
    {.name = "vm",
     .type = FIELD_REF,
     .doc = "Only events of this VM: UUID, a unique prefix of it, or name"},
    {SINCE,
     .doc = "Answer also with the events after this number, so that a client "
            "that comes back misses none"},
};

static const struct field get_fields[] = {
    {SINCE, .deflt = "0", .doc = "The events after this number; 0: all kept"},
    {.name = "limit",
     .type = FIELD_INT,
     .deflt = "1000",
     .min = 1,
     .max = 10000,
     .range = "1..10000",
     .doc = "How many at most, the oldest first"},
};

const struct verb events_verbs[] = {
    {.name = "Subscribe",
     .group = "events",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Sends events to this connection as they happen, until it ends; a "
            "second call replaces what the first asked for.",
     VERB_PARAMS(subscribe_fields),
     .run = subscribe},
    {.name = "GetEvents",
     .group = "events",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Reads kept events in order; next is the number to ask with the "
            "next time, dropped names what is no longer kept.",
     VERB_PARAMS(get_fields),
     .run = get_events},
};
const size_t events_nverbs = sizeof(events_verbs) / sizeof(events_verbs[0]);
