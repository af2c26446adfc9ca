// SPDX-License-Identifier: Apache-2.0
/*
 * Running operations and awaited removals: two small vectors under one lock.
 * What is kept longer than a process is in the journal, not here.
 */
#include "agent/state/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct running {
    char op_id[UUID_TEXT], vm[UUID_TEXT];
    char *peer, *verb, *flow_id;
    char step[64];
    int64_t since_ms;
    bool cancel;
};

struct awaited {
    char vm[UUID_TEXT];
    char alias[128];
    enum ops_gone how;
    bool waited; /* a thread is in ops_gone_wait */
};

struct ops {
    struct lock lock;
    pthread_cond_t changed;
    struct running **running;
    size_t nrunning;
    struct awaited **awaited;
    size_t nawaited;
};

struct ops *
ops_new(void)
{
    struct ops *ops = mem_zalloc(1, sizeof(*ops));

    lock_init(&ops->lock, LOCK_OPS);
    lock_cond_init(&ops->changed);
    return ops;
}

static void
running_free(struct running *run)
{
    free(run->peer);
    free(run->verb);
    free(run->flow_id);
    free(run);
}

void
ops_free(struct ops *ops)
{
    if (!ops)
        return;
    for (size_t i = 0; i < ops->nrunning; i++)
        running_free(ops->running[i]);
    for (size_t i = 0; i < ops->nawaited; i++)
        free(ops->awaited[i]);
    free(ops->running);
    free(ops->awaited);
    pthread_cond_destroy(&ops->changed);
    lock_destroy(&ops->lock);
    free(ops);
}

void
ops_begin(struct ops *ops, const struct op *op)
{
    struct running *run = mem_zalloc(1, sizeof(*run));

    snprintf(run->op_id, sizeof(run->op_id), "%s", op->op_id);
    snprintf(run->vm, sizeof(run->vm), "%s", op->vm);
    run->peer = mem_dup(op->peer);
    run->verb = mem_dup(op->verb);
    run->flow_id = mem_dup(op->flow_id);
    run->since_ms = clock_mono_ms();
    LOCK_SCOPE(&ops->lock);
    ops->running =
        mem_more(ops->running, ops->nrunning, sizeof(*ops->running));
    ops->running[ops->nrunning++] = run;
}

/* Index of the operation, or nrunning. */
static size_t
find_running(const struct ops *ops, const char *peer, const char *op_id)
{
    size_t i;

    for (i = 0; i < ops->nrunning; i++)
        if (!strcmp(ops->running[i]->op_id, op_id) &&
            (!peer || !strcmp(ops->running[i]->peer, peer)))
            break;
    return i;
}

void
ops_step(struct ops *ops, const char *peer, const char *op_id,
         const char *step)
{
    size_t i;

    LOCK_SCOPE(&ops->lock);
    i = find_running(ops, peer, op_id);
    if (i < ops->nrunning)
        snprintf(ops->running[i]->step, sizeof(ops->running[i]->step), "%s",
                 step);
}

void
ops_end(struct ops *ops, const char *peer, const char *op_id)
{
    size_t i;

    LOCK_SCOPE(&ops->lock);
    i = find_running(ops, peer, op_id);
    if (i == ops->nrunning)
        return;
    running_free(ops->running[i]);
    ops->running[i] = ops->running[--ops->nrunning];
}

bool
ops_running(struct ops *ops, const char *peer, const char *op_id)
{
    LOCK_SCOPE(&ops->lock);
    return find_running(ops, peer, op_id) < ops->nrunning;
}

json_t *
ops_list(struct ops *ops)
{
    json_t *list = json_array();
    int64_t now = clock_mono_ms();

    LOCK_SCOPE(&ops->lock);
    for (size_t i = 0; i < ops->nrunning; i++) {
        const struct running *run = ops->running[i];
        json_t *obj = json_object();

        json_put_text(obj, "op_id", run->op_id);
        json_put_text(obj, "peer", run->peer);
        json_put_text(obj, "verb", run->verb);
        json_put_text(obj, "vm", run->vm[0] ? run->vm : NULL);
        json_put_text(obj, "flow_id", run->flow_id);
        json_put_text(obj, "step", run->step[0] ? run->step : NULL);
        json_put_int(obj, "running_ms", now - run->since_ms);
        json_array_append_new(list, obj);
    }
    return list;
}

size_t
ops_count(struct ops *ops)
{
    LOCK_SCOPE(&ops->lock);
    return ops->nrunning;
}

bool
ops_cancel(struct ops *ops, const char *peer, const char *op_id)
{
    size_t i;

    LOCK_SCOPE(&ops->lock);
    i = find_running(ops, peer, op_id);
    if (i == ops->nrunning)
        return false;
    ops->running[i]->cancel = true;
    return true;
}

bool
ops_cancelled(struct ops *ops, const char *peer, const char *op_id)
{
    size_t i;

    LOCK_SCOPE(&ops->lock);
    i = find_running(ops, peer, op_id);
    return i < ops->nrunning && ops->running[i]->cancel;
}

/* --- awaited removals --------------------------------------------------- */

static struct awaited *
find_awaited(const struct ops *ops, const char *vm, const char *alias)
{
    for (size_t i = 0; i < ops->nawaited; i++)
        if (!strcmp(ops->awaited[i]->vm, vm) &&
            !strcmp(ops->awaited[i]->alias, alias))
            return ops->awaited[i];
    return NULL;
}

void
ops_gone_expect(struct ops *ops, const char *vm, const char *alias)
{
    struct awaited *wait;

    LOCK_SCOPE(&ops->lock);
    if (find_awaited(ops, vm, alias))
        return;
    wait = mem_zalloc(1, sizeof(*wait));
    snprintf(wait->vm, sizeof(wait->vm), "%s", vm);
    snprintf(wait->alias, sizeof(wait->alias), "%s", alias);
    ops->awaited =
        mem_more(ops->awaited, ops->nawaited, sizeof(*ops->awaited));
    ops->awaited[ops->nawaited++] = wait;
}

bool
ops_gone_post(struct ops *ops, const char *vm, const char *alias,
              enum ops_gone how)
{
    struct awaited *wait;

    LOCK_SCOPE(&ops->lock);
    wait = find_awaited(ops, vm, alias);
    if (!wait)
        return true;
    wait->how = how;
    pthread_cond_broadcast(&ops->changed);
    return !wait->waited;
}

enum ops_gone
ops_gone_wait(struct ops *ops, const char *vm, const char *alias,
              int64_t deadline_ms)
{
    struct awaited *wait;

    LOCK_SCOPE(&ops->lock);
    wait = find_awaited(ops, vm, alias);
    if (!wait)
        return OPS_GONE_WAITING;
    wait->waited = true;
    while (wait->how == OPS_GONE_WAITING &&
           lock_wait(&ops->lock, &ops->changed, deadline_ms) == 0)
        ;
    wait->waited = false;
    return wait->how;
}

void
ops_gone_forget(struct ops *ops, const char *vm, const char *alias)
{
    LOCK_SCOPE(&ops->lock);
    for (size_t i = 0; i < ops->nawaited; i++) {
        if (strcmp(ops->awaited[i]->vm, vm) != 0 ||
            strcmp(ops->awaited[i]->alias, alias) != 0)
            continue;
        free(ops->awaited[i]);
        ops->awaited[i] = ops->awaited[--ops->nawaited];
        return;
    }
}
