// SPDX-License-Identifier: Apache-2.0
/*
 * A list in memory of what the journal has as open. An operation is in the
 * list while nobody works at it: who does takes it out, and puts it back or
 * ends it.
 */
#include "agent/plan/remote_pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

#define AGAIN_MS 1000
#define ANSWER_WAIT_MS 2000 /* so long an answer waits for what it does */

struct remote_pending {
    struct lock lock; /* LOCK_LEAF */
    struct remote_op **ops;
    size_t n;
};

struct remote_pending *
remote_pending_new(void)
{
    struct remote_pending *pending = mem_zalloc(1, sizeof(*pending));

    lock_init(&pending->lock, LOCK_LEAF);
    return pending;
}

void
remote_pending_free(struct remote_pending *pending)
{
    if (!pending)
        return;
    for (size_t i = 0; i < pending->n; i++)
        remote_op_free(pending->ops[i]);
    free(pending->ops);
    lock_destroy(&pending->lock);
    free(pending);
}

void
remote_pending_lane(const char *hypervisor, const char *vm, char lane[JOB_LANE])
{
    snprintf(lane, JOB_LANE, "%s:%s", hypervisor, vm);
}

/* Take it out of the list; peer NULL: any peer's. */
static struct remote_op *
take(struct remote_pending *pending, const char *peer, const char *op_id)
{
    if (!pending) /* no host by proxy is served */
        return NULL;
    LOCK_SCOPE(&pending->lock);
    for (size_t i = 0; i < pending->n; i++) {
        struct remote_op *op = pending->ops[i];

        if (strcmp(op->op.op_id, op_id) != 0 ||
            (peer && strcmp(op->op.peer, peer) != 0))
            continue;
        pending->ops[i] = pending->ops[--pending->n];
        return op;
    }
    return NULL;
}

/* --- looking again ------------------------------------------------------- */

struct again {
    struct env *env;
    char op_id[UUID_TEXT];
    char peer[128];
};

static void
again_drop(void *arg)
{
    free(arg);
}

static void
go_on(struct env *env, struct remote_op *op, int64_t wait_ms,
      json_t **receipt, struct err *err)
{
    struct remote remote;
    enum remote_end end;

    if (!remote_op_remote(env, op, &remote)) {
        remote_op_free(op);
        return;
    }
    end = remote_op_go_on(&remote, op, wait_ms, receipt, err);
    if (end == REMOTE_PENDING)
        remote_pending_add(env, op);
    else
        remote_op_free(op);
}

static void
again_run(void *arg)
{
    struct again *again = arg;
    struct remote_op *op =
        take(again->env->remote_pending, again->peer, again->op_id);
    CLEANUP_JSON json_t *receipt = NULL;
    struct err err = ERR_INIT;

    if (op)
        go_on(again->env, op, clock_mono_ms(), &receipt, &err);
    if (op && !receipt)
        log_warning("Operation %s ended: %s", again->op_id, err.message);
    free(again);
}

void
remote_pending_add(struct env *env, struct remote_op *op)
{
    struct remote_pending *pending = env->remote_pending;
    struct again *again = mem_zalloc(1, sizeof(*again));
    const struct job job = {again_run, again_drop, again, "look at a task"};
    char lane[JOB_LANE];

    again->env = env;
    memcpy(again->op_id, op->op.op_id, sizeof(again->op_id));
    snprintf(again->peer, sizeof(again->peer), "%s", op->op.peer);
    remote_pending_lane(op->op.hypervisor, op->op.vm, lane);
    lock_take(&pending->lock);
    pending->ops = mem_more(pending->ops, pending->n, sizeof(*pending->ops));
    pending->ops[pending->n++] = op;
    lock_drop(&pending->lock);
    later_post(env->later, AGAIN_MS, lane, &job);
}

/* --- answers ------------------------------------------------------------- */

/* The key of the choice that is named by key or label; NULL: none. */
static const char *
find_choice(const struct vim_question *question, const char *choice)
{
    for (size_t i = 0; i < question->nchoices; i++)
        if (strcmp(question->choices[i].key, choice) == 0 ||
            (question->choices[i].label &&
             strcasecmp(question->choices[i].label, choice) == 0))
            return question->choices[i].key;
    return NULL;
}

static int
bad_choice(const struct vim_question *question, const char *choice,
           struct err *err)
{
    char expected[200] = "one of";
    size_t used = strlen(expected);

    for (size_t i = 0; i < question->nchoices && used < sizeof(expected); i++)
        used += (size_t)snprintf(expected + used, sizeof(expected) - used,
                                 " %s (%s)", question->choices[i].key,
                                 question->choices[i].label
                                     ? question->choices[i].label
                                     : "");
    return err_param(err, ERR_INVALID, "answer", choice, expected);
}

static int
give_answer(struct env *env, struct remote_op *op, const char *choice,
            struct err *err)
{
    const char *key = find_choice(&op->task.question, choice);
    struct remote remote;

    if (op->task.state != VIM_TASK_ASKS)
        return err_set(err, ERR_BAD_STATE,
                       "Operation %s waits for no answer now", op->op.op_id);
    if (!key)
        return bad_choice(&op->task.question, choice, err);
    if (!remote_op_remote(env, op, &remote))
        return err_set(err, ERR_NOT_FOUND, "Hypervisor %s is gone",
                       op->op.hypervisor);
    return vim_task_answer(esx_vim(remote.esx), &op->task.vm,
                           op->task.question.id, key, err);
}

static struct remote_op *
take_any(struct env *env, const char *peer, const char *op_id, struct err *err)
{
    struct remote_op *op = take(env->remote_pending, peer, op_id);

    if (!op)
        op = take(env->remote_pending, NULL, op_id);
    if (!op)
        err_set(err, ERR_NOT_FOUND,
                "There is no operation %s that waits (ListOperations "
                "state=pending shows which do)",
                op_id);
    return op;
}

json_t *
remote_pending_answer(struct env *env, const struct request *request,
              const char *op_id, const char *choice, struct err *err)
{
    struct remote_op *op = take_any(env, request->peer, op_id, err);
    json_t *receipt = NULL;

    if (!op)
        return NULL;
    if (give_answer(env, op, choice, err) < 0) {
        remote_pending_add(env, op);
        return NULL;
    }
    op->asked = false;
    go_on(env, op, clock_mono_ms() + ANSWER_WAIT_MS, &receipt, err);
    return receipt;
}

bool
remote_pending_cancel(struct env *env, const char *peer, const char *op_id)
{
    struct remote_op *op = take(env->remote_pending, peer, op_id);

    if (!op)
        return false;
    op->until_ms = 0; /* the next look cancels its task */
    remote_pending_add(env, op);
    return true;
}

/* --- the start ----------------------------------------------------------- */

void
remote_pending_recover(struct env *env)
{
    CLEANUP_JSON json_t *rows = NULL;
    struct err err = ERR_INIT;
    struct remote remote;
    json_t *row;
    size_t i;

    if (journal_open_remote(env->store, &rows, &err) < 0) {
        log_error("Open operations of hosts by proxy cannot be read: %s",
                  err.message);
        return;
    }
    json_array_foreach(rows, i, row)
    {
        struct remote_op *op = remote_op_load(env, row, &remote);

        if (op)
            remote_pending_add(env, op);
    }
}
