// SPDX-License-Identifier: Apache-2.0
/*
 * Operations as their receipts and the open ones' memory tell. An op_id is
 * the peer's own; a question finds the asking peer's operation first and any
 * other's after it, so that an administrator can look for an engine's.
 */
#include "agent/verbs/ops.h"

#include <stdio.h>
#include <string.h>

#include "agent/plan/permit.h"
#include "agent/plan/remote_pending.h"
#include "agent/state/receipts.h"
#include "agent/verbs/lane_view.h"
#include "agent/verbs/vm_view.h"

#define LOOKED_AT 10000 /* operations, for who may not see all of them */

/* What is known of an operation: its receipt, or NULL. Returns owned. */
static int
find(struct verb_call *call, const char *op_id, json_t **out, struct err *err)
{
    struct store *store = call->env->store;

    if (receipts_find(store, call->request.peer, op_id, out, NULL, err) < 0)
        return -1;
    return *out ? 0 : receipts_find(store, NULL, op_id, out, NULL, err);
}

/* The entry of an operation in a list (peer NULL: any peer's); borrowed. */
static json_t *
entry_of(const json_t *list, const char *peer, const char *op_id)
{
    size_t i;
    json_t *entry;

    json_array_foreach((json_t *)list, i, entry)
    {
        if (strcmp(json_get_text(entry, "op_id", ""), op_id) == 0 &&
            (!peer || strcmp(json_get_text(entry, "peer", ""), peer) == 0))
            return entry;
    }
    return NULL;
}

/* What a running operation does now, beside what is recorded of it. */
static void
put_progress(json_t *op, const json_t *open)
{
    const json_t *entry = entry_of(open, json_get_text(op, "peer", ""),
                                   json_get_text(op, "op_id", ""));
    json_t *step = json_object_get(entry, "step");

    /* One that is planned is a repetition of what is recorded. */
    if (!entry || json_object_get(entry, "waiting_ms"))
        return;
    json_put(op, "step", json_incref(step));
    json_put_int(op, "running_ms", json_get_int(entry, "running_ms", 0));
}

/* op_id as stored: lower case. */
static void
wanted_op(struct verb_call *call, char op_id[UUID_TEXT])
{
    if (!uuid_canon(json_get_text(call->params, "op_id", ""), op_id))
        op_id[0] = '\0';
}

static int
no_such(const char *op_id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND,
                   "There is no operation %s: it never began, or its receipt "
                   "is older than [ops] receipts_days keeps it "
                   "(ListOperations shows what there is)",
                   op_id);
}

/* Its own operations are a peer's to see; another's where it has the group for
 * the VM. */
static bool
is_own(const struct verb_call *call, const json_t *op)
{
    return !strcmp(json_get_text(op, "peer", ""), call->request.peer);
}

static int
check_op(struct verb_call *call, enum access_group group, const json_t *op,
         struct err *err)
{
    const struct access_object object = {.vm = json_get_text(op, "vm", NULL)};

    if (is_own(call, op))
        return 0;
    return permit_check(call->env, &call->request, group, &object, err);
}

static json_t *
get_operation(struct verb_call *call, struct err *err)
{
    CLEANUP_JSON json_t *open = ops_list(call->env->ops);
    CLEANUP_JSON json_t *op = NULL;
    char op_id[UUID_TEXT];

    wanted_op(call, op_id);
    if (find(call, op_id, &op, err) < 0)
        return NULL;
    if (op)
        put_progress(op, open);
    else
        op = json_incref(entry_of(open, NULL, op_id));
    if (!op)
        no_such(op_id, err);
    return op && check_op(call, ACCESS_VM_READ, op, err) == 0 ? STEAL(op)
                                                              : NULL;
}

/* A VM that is gone has operations still: its whole UUID names them. */
static int
wanted_vm(struct verb_call *call, char uuid[UUID_TEXT], struct err *err)
{
    const char *ref = json_get_text(call->params, "vm", "");

    uuid[0] = '\0';
    if (!*ref || uuid_canon(ref, uuid))
        return 0;
    return vm_table_find(call->env->vms, ref, uuid, err);
}

static bool
may_see(const struct verb_call *call, const char *vm)
{
    const struct access_object object = {.vm = vm};

    return permit_may(call->env, call->request.who, ACCESS_VM_READ, &object);
}

/* A VM's lane has its UUID as name; others belong to no VM. */
static json_t *
lanes_json(const struct verb_call *call)
{
    size_t n;
    CLEANUP_FREE struct lane_info *lanes = pool_lanes(call->env->pool, &n);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        if (may_see(call, lanes[i].name))
            json_array_append_new(list, lane_view_json(&lanes[i]));
    return list;
}

static void
leave_out(const struct verb_call *call, json_t *list)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *op = json_array_get(list, i);

        if (!is_own(call, op) && !may_see(call, json_get_text(op, "vm", NULL)))
            json_array_remove(list, i);
    }
}

/* Whether the filter of ListOperations lets an open operation through. */
static bool
asked_for(const json_t *entry, const char *vm, const char *state)
{
    if (*vm && strcmp(json_get_text(entry, "vm", ""), vm) != 0)
        return false;
    return !state || strcmp(state, "open") == 0 ||
           strcmp(state, json_get_text(entry, "state", "")) == 0;
}

/* Those that have not begun have no row yet; they are the newest. */
static void
add_open(json_t *list, const json_t *open, const char *vm, const char *state)
{
    json_t *entry;
    size_t i;

    json_array_foreach((json_t *)open, i, entry)
    {
        if (asked_for(entry, vm, state) &&
            !entry_of(list, json_get_text(entry, "peer", ""),
                      json_get_text(entry, "op_id", "")))
            json_array_insert(list, 0, entry);
    }
}

static json_t *
list_operations(struct verb_call *call, struct err *err)
{
    CLEANUP_JSON json_t *open = ops_list(call->env->ops);
    size_t limit = (size_t)json_get_int(call->params, "limit", 0);
    int most = may_see(call, NULL) ? (int)limit : LOOKED_AT;
    const char *state = json_get_text(call->params, "state", NULL);
    json_t *result, *list = NULL, *op;
    char vm[UUID_TEXT];
    size_t i;

    if (wanted_vm(call, vm, err) < 0 ||
        receipts_list(call->env->store, *vm ? vm : NULL, state, most, &list,
                      err) < 0)
        return NULL;
    json_array_foreach(list, i, op)
        put_progress(op, open);
    add_open(list, open, vm, state);
    leave_out(call, list);
    while (json_array_size(list) > limit)
        json_array_remove(list, json_array_size(list) - 1);
    result = json_object();
    json_put(result, "operations", list);
    json_put(result, "lanes", lanes_json(call));
    return result;
}

static json_t *
cancel_answer(const char *op_id, bool cancelled, const char *why)
{
    json_t *result = json_object();

    json_put_text(result, "op_id", op_id);
    json_put_bool(result, "cancelled", cancelled);
    json_put_text(result, "why", why);
    return result;
}

/* The answer where the record alone tells how the operation stands. */
static json_t *
too_late(const char *op_id, const char *state, struct err *err)
{
    if (!state)
        no_such(op_id, err);
    else if (strcmp(state, "pending") == 0)
        return cancel_answer(op_id, false,
                             "The guest has been asked to release the device "
                             "and cannot be asked back; it ends when the "
                             "guest answers");
    else if (strcmp(state, "running") == 0 || strcmp(state, "unknown") == 0)
        err_set(err, ERR_RECOVERING,
                "Operation %s was cut off and is being settled; GetOperation "
                "tells how it ends",
                op_id);
    else
        err_set(err, ERR_BAD_STATE,
                "Operation %s cannot be cancelled: it has ended as %s", op_id,
                state);
    return NULL;
}

/* One that waits for its turn is over at once: what drops its job tells who
 * waits for it. */
static json_t *
cancel_open(struct verb_call *call, const char *op_id)
{
    struct ops *ops = call->env->ops;
    struct job job;
    uint64_t ticket;

    if (!ops_cancel(ops, call->request.peer, op_id, &ticket) &&
        !ops_cancel(ops, NULL, op_id, &ticket))
        return NULL;
    if (!ticket || !pool_withdraw(call->env->pool, ticket, &job))
        return cancel_answer(op_id, true,
                             "It stops before its next effect; what was done "
                             "is undone");
    job.drop(job.arg);
    return cancel_answer(op_id, true, "It had not begun; nothing was done");
}

/* A task of a host by proxy that waits. */
static bool
cancel_remote(struct verb_call *call, const char *op_id)
{
    return remote_pending_cancel(call->env, call->request.peer, op_id) ||
           remote_pending_cancel(call->env, NULL, op_id);
}

/*
 * A worker's: what has ended is looked up first, since a repetition of it may
 * wait for its turn, and again for what ends meanwhile.
 */
static json_t *
cancel_operation(struct verb_call *call, struct err *err)
{
    CLEANUP_JSON json_t *open = ops_list(call->env->ops);
    CLEANUP_JSON json_t *before = NULL, *after = NULL;
    const json_t *op;
    char op_id[UUID_TEXT];
    json_t *answer = NULL;
    const char *state;

    wanted_op(call, op_id);
    if (find(call, op_id, &before, err) < 0)
        return NULL;
    op = entry_of(open, call->request.peer, op_id);
    if (!op)
        op = before ? before : entry_of(open, NULL, op_id);
    if (op && check_op(call, ACCESS_VM_OPERATE, op, err) < 0)
        return NULL;
    state = json_get_text(before, "state", NULL);
    if (state && strcmp(state, "pending") == 0 && cancel_remote(call, op_id))
        return cancel_answer(op_id, true,
                             "Its task is cancelled at the host; "
                             "GetOperation tells how it ended");
    if (op && (!state || strcmp(state, "running") == 0))
        answer = cancel_open(call, op_id);
    if (answer)
        return answer;
    if (find(call, op_id, &after, err) < 0)
        return NULL;
    return too_late(op_id, json_get_text(after, "state", NULL), err);
}

/* --- questions of hosts by proxy --------------------------------------------- */

static json_t *
answer_question(struct verb_call *call, struct err *err)
{
    CLEANUP_JSON json_t *op = NULL;
    char op_id[UUID_TEXT];

    wanted_op(call, op_id);
    if (find(call, op_id, &op, err) < 0)
        return NULL;
    if (!op)
        no_such(op_id, err);
    if (!op || check_op(call, ACCESS_VM_OPERATE, op, err) < 0)
        return NULL;
    return remote_pending_answer(call->env, &call->request, op_id,
                                 json_get_text(call->params, "answer", ""),
                                 err);
}

/* --- rows ------------------------------------------------------------------ */

static const struct field one_op[] = {
    {.name = "op_id",
     .type = FIELD_UUID,
     .required = true,
     .doc = "The operation's identity, as given to the verb or returned by "
            "it"},
};

static const struct field answer_fields[] = {
    {.name = "op_id",
     .type = FIELD_UUID,
     .required = true,
     .doc = "The operation that waits for an answer"},
    {.name = "answer",
     .type = FIELD_TEXT,
     .required = true,
     .max = 255,
     .doc = "Key or label of one of the question's choices"},
};

static const struct field list_fields[] = {
    {.name = "vm",
     .type = FIELD_REF,
     .doc = "Only operations on this VM: UUID, a unique prefix of it, or "
            "name; of a deleted VM, its whole UUID"},
    {.name = "state",
     .type = FIELD_ENUM,
     .range = "open|planned|running|pending|done|refused|cancelled|failed|"
              "unknown",
     .doc = "Only operations in this state; open means not over yet"},
    {.name = "limit",
     .type = FIELD_INT,
     .deflt = "100",
     .min = 1,
     .max = 1000,
     .range = "1..1000",
     .doc = "How many at most, the newest first; who may see some VMs only is "
            "shown those of the newest 10000"},
};

const struct verb ops_verbs[] = {
    {.name = "GetOperation",
     .group = "ops",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Shows what became of an operation: its state, its receipt, and "
            "each step with its outcome.",
     VERB_PARAMS(one_op),
     .run = get_operation},
    {.name = "ListOperations",
     .group = "ops",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Lists operations, the newest first, and what every lane of work "
            "is doing now.",
     VERB_PARAMS(list_fields),
     .run = list_operations},
    {.name = "CancelOperation",
     .group = "ops",
     .action_group = "VM_OPERATE",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Cancels an operation that waits for its turn, or asks a running "
            "one to stop before its next effect and to undo what it did.",
     VERB_PARAMS(one_op),
     .run = cancel_operation},
    {.name = "AnswerQuestion",
     .group = "ops",
     .action_group = "VM_OPERATE",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Answers the question that a pending operation of a VMware host "
            "waits for.",
     VERB_PARAMS(answer_fields),
     .run = answer_question},
};
const size_t ops_nverbs = sizeof(ops_verbs) / sizeof(ops_verbs[0]);
