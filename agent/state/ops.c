// SPDX-License-Identifier: Apache-2.0
/*
 * Open operations, found by op_id in buckets and listed in order, and awaited
 * removals, of which there are few, under one lock. What is kept longer than
 * a process is in the journal, not here.
 */
#include "agent/state/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

#define BUCKETS 1024 /* open operations may be thousands */

struct running {
    char op_id[UUID_TEXT], vm[UUID_TEXT];
    char *peer, *verb, *flow_id;
    char step[64];
    enum op_state state; /* planned or running */
    uint64_t ticket;     /* of its job while it is planned */
    int64_t started_ms;  /* wall time */
    int64_t since_ms;    /* in this state */
    bool cancel;
    LIST_ENTRY(running) in_bucket;
    TAILQ_ENTRY(running) in_order;
};

struct awaited {
    char vm[UUID_TEXT];
    char alias[128];
    enum ops_gone how;
    bool waited; /* a thread is in ops_gone_wait */
};

struct claim {
    char vm[UUID_TEXT];
    char *path;
    LIST_ENTRY(claim) in_bucket;
};

struct ops {
    struct lock lock;
    pthread_cond_t changed;
    LIST_HEAD(, running) buckets[BUCKETS];
    TAILQ_HEAD(, running) order; /* the oldest first */
    size_t nrunning;
    struct awaited **awaited;
    size_t nawaited;
    LIST_HEAD(, claim) claims[BUCKETS]; /* by path */
    size_t nclaims;
};

struct ops *
ops_new(void)
{
    struct ops *ops = mem_zalloc(1, sizeof(*ops));

    lock_init(&ops->lock, LOCK_OPS);
    lock_cond_init(&ops->changed);
    TAILQ_INIT(&ops->order);
    return ops;
}

static unsigned
bucket(const char *key)
{
    unsigned hash = 2166136261u; /* FNV-1a, 32 bits */

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash % BUCKETS;
}

/* Those of a VM, or all (NULL). */
static void
drop_claims(struct ops *ops, const char *vm)
{
    for (size_t i = 0; ops->nclaims > 0 && i < BUCKETS; i++) {
        struct claim *claim = LIST_FIRST(&ops->claims[i]), *next;

        for (; claim; claim = next) {
            next = LIST_NEXT(claim, in_bucket);
            if (vm && strcmp(claim->vm, vm) != 0)
                continue;
            LIST_REMOVE(claim, in_bucket);
            ops->nclaims--;
            free(claim->path);
            free(claim);
        }
    }
}

/* Take it out and free it. */
static void
running_free(struct ops *ops, struct running *run)
{
    LIST_REMOVE(run, in_bucket);
    TAILQ_REMOVE(&ops->order, run, in_order);
    ops->nrunning--;
    free(run->peer);
    free(run->verb);
    free(run->flow_id);
    free(run);
}

void
ops_free(struct ops *ops)
{
    struct running *run;

    if (!ops)
        return;
    while ((run = TAILQ_FIRST(&ops->order)))
        running_free(ops, run);
    for (size_t i = 0; i < ops->nawaited; i++)
        free(ops->awaited[i]);
    drop_claims(ops, NULL);
    free(ops->awaited);
    pthread_cond_destroy(&ops->changed);
    lock_destroy(&ops->lock);
    free(ops);
}

/* The operation (peer NULL: any peer's), or NULL. */
static struct running *
find_running(struct ops *ops, const char *peer, const char *op_id)
{
    struct running *run;

    LIST_FOREACH(run, &ops->buckets[bucket(op_id)], in_bucket)
    {
        if (!strcmp(run->op_id, op_id) && (!peer || !strcmp(run->peer, peer)))
            break;
    }
    return run;
}

/* The lock is held. */
static struct running *
add(struct ops *ops, const struct op *op)
{
    struct running *run = mem_zalloc(1, sizeof(*run));

    snprintf(run->op_id, sizeof(run->op_id), "%s", op->op_id);
    run->peer = mem_dup(op->peer);
    run->verb = mem_dup(op->verb);
    run->flow_id = mem_dup(op->flow_id);
    run->started_ms = op->started_ms;
    LIST_INSERT_HEAD(&ops->buckets[bucket(op->op_id)], run, in_bucket);
    TAILQ_INSERT_TAIL(&ops->order, run, in_order);
    ops->nrunning++;
    return run;
}

static void
set_state(struct running *run, const struct op *op, enum op_state state,
          uint64_t ticket)
{
    snprintf(run->vm, sizeof(run->vm), "%s", op->vm);
    run->state = state;
    run->ticket = ticket;
    run->since_ms = clock_mono_ms();
}

void
ops_plan(struct ops *ops, const struct op *op, uint64_t ticket)
{
    LOCK_SCOPE(&ops->lock);
    set_state(add(ops, op), op, OP_PLANNED, ticket);
}

void
ops_begin(struct ops *ops, const struct op *op)
{
    struct running *run;

    LOCK_SCOPE(&ops->lock);
    run = find_running(ops, op->peer, op->op_id);
    set_state(run ? run : add(ops, op), op, OP_RUNNING, 0);
}

void
ops_step(struct ops *ops, const char *peer, const char *op_id,
         const char *step)
{
    struct running *run;

    LOCK_SCOPE(&ops->lock);
    run = find_running(ops, peer, op_id);
    if (run)
        snprintf(run->step, sizeof(run->step), "%s", step);
}

bool
ops_is_at(struct ops *ops, const char *vm, const char *const *steps)
{
    const struct running *run;

    LOCK_SCOPE(&ops->lock);
    TAILQ_FOREACH(run, &ops->order, in_order) {
        if (strcmp(run->vm, vm) != 0)
            continue;
        for (const char *const *step = steps; *step; step++)
            if (strcmp(run->step, *step) == 0)
                return true;
    }
    return false;
}

void
ops_end(struct ops *ops, const char *peer, const char *op_id)
{
    struct running *run;

    LOCK_SCOPE(&ops->lock);
    run = find_running(ops, peer, op_id);
    if (run)
        running_free(ops, run);
}

/* As receipts_list shows one, and what only memory knows. */
static json_t *
running_json(const struct running *run)
{
    json_t *obj = json_object();
    char started[CLOCK_STAMP];

    clock_stamp(run->started_ms, started);
    json_put_text(obj, "op_id", run->op_id);
    json_put_text(obj, "verb", run->verb);
    json_put_text(obj, "vm", run->vm[0] ? run->vm : NULL);
    json_put_text(obj, "state", op_state_name(run->state));
    json_put_text(obj, "peer", run->peer);
    json_put_text(obj, "flow_id", run->flow_id);
    json_put_text(obj, "started", started);
    json_put_text(obj, "ended", NULL);
    json_put(obj, "receipt", json_null());
    json_put_text(obj, "step", run->step[0] ? run->step : NULL);
    json_put_int(obj, run->state == OP_PLANNED ? "waiting_ms" : "running_ms",
                 clock_mono_ms() - run->since_ms);
    return obj;
}

bool
ops_running(struct ops *ops, const char *peer, const char *op_id)
{
    const struct running *run;

    LOCK_SCOPE(&ops->lock);
    run = find_running(ops, peer, op_id);
    return run && run->state == OP_RUNNING;
}

json_t *
ops_list(struct ops *ops)
{
    json_t *list = json_array();
    struct running *run;

    LOCK_SCOPE(&ops->lock);
    TAILQ_FOREACH(run, &ops->order, in_order)
    {
        json_array_append_new(list, running_json(run));
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
ops_cancel(struct ops *ops, const char *peer, const char *op_id,
           uint64_t *ticket)
{
    struct running *run;

    LOCK_SCOPE(&ops->lock);
    run = find_running(ops, peer, op_id);
    if (!run)
        return false;
    run->cancel = true;
    *ticket = run->ticket;
    return true;
}

bool
ops_cancelled(struct ops *ops, const char *peer, const char *op_id)
{
    const struct running *run;

    LOCK_SCOPE(&ops->lock);
    run = find_running(ops, peer, op_id);
    return run && run->cancel;
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

/* --- sources ------------------------------------------------------------ */

bool
ops_claim(struct ops *ops, const char *vm, const char *path,
          char by[UUID_TEXT])
{
    struct claim *claim;

    LOCK_SCOPE(&ops->lock);
    LIST_FOREACH(claim, &ops->claims[bucket(path)], in_bucket)
    {
        if (strcmp(claim->path, path) != 0)
            continue;
        snprintf(by, UUID_TEXT, "%s", claim->vm);
        return !strcmp(claim->vm, vm);
    }
    claim = mem_zalloc(1, sizeof(*claim));
    snprintf(claim->vm, sizeof(claim->vm), "%s", vm);
    claim->path = mem_dup(path);
    LIST_INSERT_HEAD(&ops->claims[bucket(path)], claim, in_bucket);
    ops->nclaims++;
    return true;
}

void
ops_unclaim(struct ops *ops, const char *vm)
{
    LOCK_SCOPE(&ops->lock);
    drop_claims(ops, vm);
}
