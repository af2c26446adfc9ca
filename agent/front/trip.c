// SPDX-License-Identifier: Apache-2.0
/*
 * A trip is owned by one thread at a time: the I/O thread until it is
 * submitted, then the worker that runs it. A VM that the table does not know
 * is looked up by a job without a lane first, which then submits the trip
 * again to the VM's own lane.
 */
#include "agent/front/trip.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/adopt.h"
#include "agent/verbs/params.h"

#define LANE_CREATE "create" /* verbs that make a VM: no UUID yet */

struct trip {
    struct verb_call call;
    json_t *id;     /* owned; NULL: a notification */
    json_t *params; /* owned; what call.params borrows */
    uint64_t slot;
};

static void
clear(struct trip *trip)
{
    json_decref(trip->id);
    json_decref(trip->params);
}

/* The response; takes result, which is NULL when err counts. */
static json_t *
respond(const struct trip *trip, json_t *result, const struct err *err)
{
    const struct verb_call *call = &trip->call;

    if (!trip->id) {
        json_decref(result);
        return NULL;
    }
    if (result)
        return jsonrpc_result(trip->id, result);
    return jsonrpc_error(trip->id, err,
                         call->verb->mutating ? call->request.op_id : NULL);
}

/* --- the log ------------------------------------------------------------- */

/* Questions from memory come by the thousand: told at debug only. */
static enum log_level
level_of(const struct verb *verb)
{
    return verb->lane == VERB_INLINE && !verb->mutating ? LOG_DEBUG : LOG_INFO;
}

static void
log_start(const struct verb_call *call)
{
    const struct request *request = &call->request;

    log_set_flow(request->flow_id[0] ? request->flow_id : NULL);
    if (log_get_level() >= level_of(call->verb))
        log_write(level_of(call->verb), "START %s peer=%s flow=%s op_id=%s",
                  call->verb->name, request->peer,
                  request->flow_id[0] ? request->flow_id : "-",
                  call->verb->mutating ? request->op_id : "-");
}

static void
log_finish(const struct verb_call *call, const json_t *result,
           const struct err *err, int64_t us)
{
    const char *state = "ok";

    if (!result)
        state = err_kind_name(err->kind);
    else if (call->verb->mutating)
        state = json_get_text(result, "state", "ok");
    if (log_get_level() >= level_of(call->verb))
        log_write(level_of(call->verb), "FINISH %s state=%s ms=%lld.%03lld%s%s",
                  call->verb->name, state, (long long)(us / 1000),
                  (long long)(us % 1000), result ? "" : ": ",
                  result ? "" : err->message);
    log_set_flow(NULL);
}

static json_t *
run(struct trip *trip)
{
    struct verb_call *call = &trip->call;
    struct err err = ERR_INIT;
    int64_t since = clock_mono_us();
    json_t *result;

    log_start(call);
    result = call->verb->run(call, &err);
    log_finish(call, result, &err, clock_mono_us() - since);
    return respond(trip, result, &err);
}

/* --- in a worker --------------------------------------------------------- */

/* The last thing that a trip does. Its values go first: the reply shares some
 * of them, and belongs to the I/O thread once it is told. */
static void
finish(struct trip *trip, json_t *reply)
{
    struct notify *notify = trip->call.env->notify;
    uint64_t session = trip->call.session;
    uint64_t slot = trip->slot;

    clear(trip);
    free(trip);
    notify_reply(notify, session, slot, reply);
}

/* A question about a VM that nobody recorded: its disks get their names
 * first, if the record can be written. The question is answered in any
 * case. */
static void
adopt(const struct verb_call *call)
{
    struct err err = ERR_INIT;

    if (adopt_refresh(call->env, call->vm, false, &err) < 0 ||
        (store_healthy(call->env->store, NULL, 0) &&
         adopt_vm(call->env, call->vm, &err) < 0))
        log_warning("VM %s is not adopted: %s", call->vm, err.message);
}

/* Said of this thread in lists: questions have no op_id. */
static void
name_worker(const struct verb_call *call)
{
    const struct request *request = &call->request;

    pool_works_for(call->env->pool, request->peer,
                   call->verb->mutating ? request->op_id : NULL);
}

static void
run_job(void *arg)
{
    struct trip *trip = arg;

    name_worker(&trip->call);
    if (trip->call.verb->lane == VERB_INLINE)
        adopt(&trip->call);
    finish(trip, run(trip));
}

static void
drop_job(void *arg)
{
    struct trip *trip = arg;
    struct err err = ERR_INIT;

    err_set(&err, ERR_STOPPING,
            "berthd is stopping and has not begun %s; ask again when it is "
            "back.",
            trip->call.verb->name);
    finish(trip, respond(trip, NULL, &err));
}

static int
submit(struct trip *trip, const char *lane, void (*fn)(void *), struct err *err)
{
    const struct job job = {.run = fn,
                            .drop = drop_job,
                            .arg = trip,
                            .label = trip->call.verb->name};

    return pool_submit(trip->call.env->pool, lane, &job, err);
}

/* Find a VM that only libvirt knows, then go on in its lane. */
static void
find_job(void *arg)
{
    struct trip *trip = arg;
    struct verb_call *call = &trip->call;
    struct err err = ERR_INIT;

    name_worker(call);
    if (adopt_find(call->env, json_get_text(call->params, "vm", ""), call->vm,
                   &err) < 0 ||
        submit(trip, call->vm, run_job, &err) < 0)
        finish(trip, respond(trip, NULL, &err));
}

/* --- in the I/O thread --------------------------------------------------- */

static int
submit_vm(struct trip *trip, struct err *err)
{
    struct verb_call *call = &trip->call;
    const char *ref = json_get_text(call->params, "vm", NULL);
    struct err why = ERR_INIT;

    if (!ref)
        return submit(trip, LANE_CREATE, run_job, err);
    if (vm_table_find(call->env->vms, ref, call->vm, &why) == 0)
        return submit(trip, call->vm, run_job, err);
    if (why.kind == ERR_NOT_FOUND)
        return submit(trip, NULL, find_job, err);
    *err = why;
    return -1;
}

/* Whether a verb from memory names a VM that has no record: libvirt is asked
 * about it once, by a worker. */
static bool
asks_of_stranger(const struct verb_call *call)
{
    const char *ref = json_get_text(call->params, "vm", NULL);
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    char uuid[UUID_TEXT];
    struct err why = ERR_INIT;

    if (!ref)
        return false;
    if (vm_table_find(call->env->vms, ref, uuid, &why) < 0)
        return why.kind == ERR_NOT_FOUND;
    return vm_table_get(call->env->vms, uuid, &info) && !info.recorded;
}

/* Give a checked trip to whoever carries it; true when it was run here. */
static bool
carry(const struct trip *checked, json_t **reply)
{
    const struct verb *verb = checked->call.verb;
    struct err err = ERR_INIT;
    struct trip *trip;
    int rc;

    if (verb->lane == VERB_INLINE && !asks_of_stranger(&checked->call)) {
        struct trip here = *checked;

        *reply = run(&here);
        clear(&here);
        return true;
    }
    trip = mem_zalloc(1, sizeof(*trip));
    *trip = *checked;
    rc = verb->lane == VERB_HOST ? submit(trip, NULL, run_job, &err)
                                 : submit_vm(trip, &err);
    if (rc == 0)
        return false;
    *reply = respond(trip, NULL, &err);
    clear(trip);
    free(trip);
    return true;
}

bool
trip_start(const struct trip_from *from, const struct verb *verb,
           struct jsonrpc_request *request, json_t **reply)
{
    struct trip trip = {
        .call = {.verb = verb,
                 .env = from->env,
                 .session = from->session,
                 .local = from->local},
        .id = STEAL(request->id),
        .slot = from->slot,
    };
    struct err err = ERR_INIT;

    snprintf(trip.call.request.peer, sizeof(trip.call.request.peer), "%s",
             from->peer);
    if (params_check(verb, request->params, &trip.params, &trip.call.request,
                     &err) < 0) {
        *reply = respond(&trip, NULL, &err);
        clear(&trip);
        return true;
    }
    /* A question's own parameters can be large: not needed any more. */
    json_decref(STEAL(request->params));
    trip.call.params = trip.params;
    return carry(&trip, reply);
}
