// SPDX-License-Identifier: Apache-2.0
/*
 * Open calls in order, the oldest first, and in buckets of three keys: the
 * number, (peer, op_id) and (peer, body). Some thousand at most
 * (LIMIT_REQUESTS), so what is rare (a session ends, an equal call is found)
 * may walk.
 */
#include "agent/front/join.h"

#include <string.h>
#include <sys/queue.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"

#define BUCKETS 1024

/* What of a VM a call touches, where it is no disk by its UUID. */
#define TOUCHES_ALL ""   /* the VM itself */
#define TOUCHES_SOME "?" /* a disk by another name */
#define TOUCHES_NEW "+"  /* a disk that has no name yet */

struct open_call {
    uint64_t number;
    const char *verb; /* static */
    char peer[128];
    char op_id[UUID_TEXT];
    char body_hash[33];
    char vm[UUID_TEXT]; /* UUID, else as much of its name; "": none yet */
    char touches[UUID_TEXT];
    struct event *late; /* NULL: it has no deadline */
    struct join *join;
    struct join_caller *callers;
    size_t ncallers;
    TAILQ_ENTRY(open_call) in_order;
    LIST_ENTRY(open_call) in_numbers;
    LIST_ENTRY(open_call) in_ops;
    LIST_ENTRY(open_call) in_bodies;
};

LIST_HEAD(call_list, open_call);

struct join {
    struct event_base *base;
    void (*late)(void *ctx, uint64_t number);
    void *ctx;
    uint64_t numbers; /* last one */
    TAILQ_HEAD(, open_call) order;
    struct call_list by_number[BUCKETS];
    struct call_list by_op[BUCKETS];
    struct call_list by_body[BUCKETS];
};

static struct call_list *
bucket(struct call_list buckets[BUCKETS], const char *key)
{
    unsigned hash = 2166136261u; /* FNV-1a, 32 bits */

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return &buckets[hash % BUCKETS];
}

/* --- what a call touches ------------------------------------------------- */

static const char *
vm_of(const struct verb_call *call)
{
    return call->vm[0] ? call->vm : json_get_text(call->params, "vm", "");
}

/* Whether any of several disks has a name already. */
static bool
any_named(const json_t *disks)
{
    const json_t *disk;
    size_t i;

    json_array_foreach((json_t *)disks, i, disk)
    {
        if (!json_is_object(disk) || json_object_get(disk, "disk_id"))
            return true;
    }
    return false;
}

/* The disk that the parameters name, as text; NULL: none. */
static const char *
disk_of(const struct verb_call *call)
{
    const json_t *disk = json_object_get(call->params, "disk");

    if (any_named(json_object_get(call->params, "disks")))
        return TOUCHES_SOME;
    if (json_is_object(disk))
        return json_get_text(disk, "disk_id", NULL);
    if (json_is_string(disk))
        return json_string_value(disk);
    return json_get_text(call->params, "disk_id", NULL);
}

static void
touches_of(const struct verb_call *call, char out[UUID_TEXT])
{
    const char *disk = disk_of(call);

    if (strcmp(call->verb->group, "disk") != 0)
        strcpy(out, TOUCHES_ALL);
    else if (!disk)
        strcpy(out, TOUCHES_NEW);
    else if (!uuid_canon(disk, out))
        strcpy(out, TOUCHES_SOME);
}

/* Whether two calls on the same VM may be about the same thing. */
static bool
meet(const char *a, const char *b)
{
    if (!strcmp(a, TOUCHES_ALL) || !strcmp(b, TOUCHES_ALL))
        return true;
    if (!strcmp(a, TOUCHES_NEW) || !strcmp(b, TOUCHES_NEW))
        return false;
    return !strcmp(a, TOUCHES_SOME) || !strcmp(b, TOUCHES_SOME) ||
           !strcmp(a, b);
}

/* Whether the peer asked for something in between: plug, unplug, plug are
 * three things. */
static bool
overtaken(const struct open_call *open)
{
    const struct open_call *next = open;

    while (open->vm[0] && (next = TAILQ_NEXT(next, in_order)))
        if (!strcmp(next->peer, open->peer) && !strcmp(next->vm, open->vm) &&
            meet(next->touches, open->touches))
            return true;
    return false;
}

/* --- joining ------------------------------------------------------------- */

static struct open_call *
find_op(struct join *join, const struct request *request)
{
    struct open_call *open;

    LIST_FOREACH(open, bucket(join->by_op, request->op_id), in_ops)
    {
        if (!strcmp(open->op_id, request->op_id) &&
            !strcmp(open->peer, request->peer))
            break;
    }
    return open;
}

/* The newest with that body: it stands first in its bucket. */
static struct open_call *
find_body(struct join *join, const struct request *request)
{
    struct open_call *open;

    LIST_FOREACH(open, bucket(join->by_body, request->body_hash), in_bodies)
    {
        if (!strcmp(open->body_hash, request->body_hash) &&
            !strcmp(open->peer, request->peer))
            break;
    }
    return open;
}

static void
add_caller(struct open_call *open, struct join_caller *caller)
{
    open->callers =
        mem_more(open->callers, open->ncallers, sizeof(*open->callers));
    open->callers[open->ncallers] = *caller;
    open->callers[open->ncallers++].id = STEAL(caller->id);
}

int
join_find(struct join *join, const struct verb_call *call,
          struct join_caller *caller, const char **op_id, struct err *err)
{
    const struct request *request = &call->request;
    struct open_call *open = request->op_id_given ? find_op(join, request)
                                                  : find_body(join, request);

    if (!open)
        return 0;
    if (strcmp(open->body_hash, request->body_hash) != 0)
        return err_set(err, ERR_OP_ID_CONFLICT,
                       "op_id %s is that of a %s with other parameters, which "
                       "is not over yet; use a new op_id for a new operation",
                       request->op_id, open->verb);
    if (!request->op_id_given && overtaken(open))
        return 0;
    add_caller(open, caller);
    *op_id = open->op_id;
    return 1;
}

/* --- begin and end ------------------------------------------------------- */

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
    const struct open_call *open = arg;

    (void)fd;
    (void)what;
    open->join->late(open->join->ctx, open->number);
}

static void
set_timer(struct open_call *open, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - clock_mono_ms();
    struct timeval tv = {0};

    if (!deadline_ms)
        return;
    if (left_ms > 0) {
        tv.tv_sec = left_ms / 1000;
        tv.tv_usec = left_ms % 1000 * 1000;
    }
    open->late = event_new(open->join->base, -1, 0, on_late, open);
    event_add(open->late, &tv);
}

uint64_t
join_begin(struct join *join, const struct verb_call *call,
           struct join_caller *caller)
{
    const struct request *request = &call->request;
    struct open_call *open = mem_zalloc(1, sizeof(*open));

    open->number = ++join->numbers;
    open->join = join;
    open->verb = call->verb->name;
    memcpy(open->peer, request->peer, sizeof(open->peer));
    memcpy(open->op_id, request->op_id, sizeof(open->op_id));
    memcpy(open->body_hash, request->body_hash, sizeof(open->body_hash));
    snprintf(open->vm, sizeof(open->vm), "%s", vm_of(call));
    touches_of(call, open->touches);
    add_caller(open, caller);
    TAILQ_INSERT_TAIL(&join->order, open, in_order);
    LIST_INSERT_HEAD(&join->by_number[open->number % BUCKETS], open,
                     in_numbers);
    LIST_INSERT_HEAD(bucket(join->by_op, open->op_id), open, in_ops);
    LIST_INSERT_HEAD(bucket(join->by_body, open->body_hash), open, in_bodies);
    set_timer(open, request->deadline_ms);
    return open->number;
}

static void
remove_call(struct join *join, struct open_call *open)
{
    TAILQ_REMOVE(&join->order, open, in_order);
    LIST_REMOVE(open, in_numbers);
    LIST_REMOVE(open, in_ops);
    LIST_REMOVE(open, in_bodies);
    if (open->late)
        event_free(open->late);
    free(open);
}

struct join_caller *
join_end(struct join *join, uint64_t number, size_t *n)
{
    struct join_caller *callers;
    struct open_call *open;

    LIST_FOREACH(open, &join->by_number[number % BUCKETS], in_numbers)
    {
        if (open->number == number)
            break;
    }
    callers = open->callers;
    *n = open->ncallers;
    remove_call(join, open);
    return callers;
}

/* All but the first, whose request is the one that is carried out. */
static size_t
forget_in(struct open_call *open, uint64_t session)
{
    size_t kept = 1, before = open->ncallers;

    for (size_t i = 1; i < before; i++)
        if (open->callers[i].session == session)
            json_decref(open->callers[i].id);
        else
            open->callers[kept++] = open->callers[i];
    open->ncallers = kept;
    return before - kept;
}

size_t
join_forget(struct join *join, uint64_t session)
{
    struct open_call *open;
    size_t n = 0;

    TAILQ_FOREACH(open, &join->order, in_order)
    {
        n += forget_in(open, session);
    }
    return n;
}

/* --- life ---------------------------------------------------------------- */

struct join *
join_new(struct event_base *base, void (*late)(void *ctx, uint64_t number),
         void *ctx)
{
    struct join *join = mem_zalloc(1, sizeof(*join));

    join->base = base;
    join->late = late;
    join->ctx = ctx;
    TAILQ_INIT(&join->order);
    return join;
}

void
join_free(struct join *join)
{
    struct open_call *open;

    while ((open = TAILQ_FIRST(&join->order))) {
        for (size_t i = 0; i < open->ncallers; i++)
            json_decref(open->callers[i].id);
        free(open->callers);
        remove_call(join, open);
    }
    free(join);
}
