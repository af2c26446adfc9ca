// SPDX-License-Identifier: Apache-2.0
/*
 * A trip is owned by one thread at a time: the I/O thread until it is
 * submitted, then the worker that runs it, or whoever takes its job back out
 * of the queue. A VM that the table does not know is looked up by a job
 * without a lane first, which then submits the trip again to the VM's own
 * lane. A call that changes something is open (join.h) until it ends; its
 * callers' ids stay in the I/O thread.
 */
#include "agent/front/trip.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"
#include "agent/front/gate.h"
#include "agent/front/reply.h"
#include "agent/front/whom.h"
#include "agent/plan/adopt.h"
#include "agent/plan/remote_pending.h"
#include "agent/verbs/params.h"

#define LANE_CREATE "create" /* verbs that make a VM: no UUID yet */

struct trip {
    struct verb_call call;
    json_t *id;     /* owned; NULL: a notification, or an open call */
    json_t *params; /* owned; what call.params borrows */
    struct identity *who; /* owned; what call.request borrows */
    uint64_t slot;
    uint64_t number; /* of the open call; 0: it is none */
    bool answered;   /* before its end */
    bool scripted;   /* hook scripts run around it, if there are any */
};

static void
clear(struct trip *trip)
{
    json_decref(trip->id);
    json_decref(trip->params);
    identity_unref(trip->who);
}

/* What ends an open call: a response without its id. Takes result. */
static json_t *
body(const struct verb_call *call, json_t *result, const struct err *err)
{
    json_t *out = json_object();

    if (result)
        json_put(out, "result", result);
    else
        json_put(out, "error", reply_error(call, err));
    return out;
}

/* The response; takes result, which is NULL when err counts. */
static json_t *
respond(const struct trip *trip, json_t *result, const struct err *err)
{
    if (trip->number)
        return body(&trip->call, result, err);
    if (!trip->id) {
        json_decref(result);
        return NULL;
    }
    if (result)
        return jsonrpc_result(trip->id, result);
    return jsonrpc_failure(trip->id, reply_error(&trip->call, err));
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

/* The answer, with scripts before and after it. */
static json_t *
run_scripted(struct verb_call *call, struct err *err)
{
    const char *flow = call->request.flow_id;
    const struct hook_env_for who = {call->vm[0] ? call->vm : NULL, NULL,
                                     flow[0] ? flow : NULL, 0};
    json_t *answer;

    if (hook_verb_before(call->env, call->verb->scripts, &who, err) < 0)
        return NULL;
    answer = call->verb->run(call, err);
    return answer ? hook_verb_after(call->env, call->verb->scripts, &who,
                                    answer)
                  : NULL;
}

/* The stored receipt, or what the verb answers. */
static json_t *
replay_or_run(struct trip *trip, struct err *err)
{
    struct verb_call *call = &trip->call;
    json_t *stored = NULL;

    if (trip->number &&
        operation_replay(call->env, &call->request, &stored, err) != 0)
        return stored;
    if (call->verb->mutating &&
        operation_writable(call->env, &call->request, err) < 0)
        return NULL;
    return trip->scripted ? run_scripted(call, err)
                          : call->verb->run(call, err);
}

static json_t *
run(struct trip *trip)
{
    const struct verb_call *call = &trip->call;
    struct err err = ERR_INIT;
    int64_t since = clock_mono_us();
    json_t *result;

    log_start(call);
    trip->call.remote.env = call->env;
    trip->call.remote.request = &call->request;
    result = replay_or_run(trip, &err);
    log_finish(call, result, &err, clock_mono_us() - since);
    return respond(trip, result, &err);
}

/* --- in a worker --------------------------------------------------------- */

/* A reply that shares nothing with the trip: it goes on. */
static void
answer_early(struct verb_call *call, json_t *result)
{
    struct trip *trip = (struct trip *)(void *)call; /* its first member */

    trip->answered = true;
    notify_reply(call->env->notify, trip->number ? JOIN_SESSION : call->session,
                 trip->number ? trip->number : trip->slot,
                 respond(trip, result, NULL));
}

/* The last thing that a trip does. Its values go first: the reply shares some
 * of them, and belongs to the I/O thread once it is told. */
static void
finish(struct trip *trip, json_t *reply)
{
    const struct verb_call *call = &trip->call;
    struct notify *notify = call->env->notify;
    uint64_t session = trip->number ? JOIN_SESSION : call->session;
    uint64_t slot = trip->number ? trip->number : trip->slot;
    bool answered = trip->answered;

    if (trip->number)
        ops_end(call->env->ops, call->request.peer, call->request.op_id);
    clear(trip);
    free(trip);
    if (answered)
        json_decref(reply);
    else
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

    trip->call.answer = answer_early;
    name_worker(&trip->call);
    trip->scripted = trip->call.verb->scripts != HOOK_VERB_NONE;
    if (trip->call.verb->lane == VERB_INLINE && !trip->scripted)
        adopt(&trip->call);
    finish(trip, run(trip));
}

static bool
is_cancelled(const struct trip *trip)
{
    const struct request *request = &trip->call.request;

    return trip->number &&
           ops_cancelled(trip->call.env->ops, request->peer, request->op_id);
}

/* It was taken out of the queue: cancelled (in a worker), or at the end. */
static void
drop_job(void *arg)
{
    struct trip *trip = arg;
    struct verb_call *call = &trip->call;
    struct err err = ERR_INIT;

    if (is_cancelled(trip))
        operation_cancelled(call->env, &call->request, call->vm, &err);
    else
        err_set(&err, ERR_STOPPING,
                "berthd is stopping and has not begun %s; ask again when it "
                "is back.",
                call->verb->name);
    log_info("%s op_id=%s did not begin: %s", call->verb->name,
             call->request.op_id, err.message);
    finish(trip, respond(trip, NULL, &err));
}

static struct job
job_of(struct trip *trip, void (*fn)(void *))
{
    return (struct job){.run = fn,
                        .drop = drop_job,
                        .arg = trip,
                        .label = trip->call.verb->name};
}

static int
submit(struct trip *trip, const char *lane, void (*fn)(void *), struct err *err)
{
    const struct job job = job_of(trip, fn);

    return pool_submit_ticket(trip->call.env->pool, lane, &job, trip->number,
                              err);
}

/* Find a VM that only libvirt knows, then go on in its lane. What is repeated
 * may be about a VM that it removed. */
static void
find_job(void *arg)
{
    struct trip *trip = arg;
    struct verb_call *call = &trip->call;
    struct err err = ERR_INIT;
    json_t *stored = NULL;

    name_worker(call);
    if ((trip->number &&
         operation_replay(call->env, &call->request, &stored, &err) != 0) ||
        adopt_find(call->env, json_get_text(call->params, "vm", ""), call->vm,
                   &err) < 0 ||
        gate_object(call, &err) < 0 ||
        submit(trip, call->vm, run_job, &err) < 0)
        finish(trip, respond(trip, stored, &err));
}

/* In the lane of its machine, or of what concerns the host alone. */
static int
submit_remote(struct trip *trip, struct err *err)
{
    const struct verb_call *call = &trip->call;
    char lane[JOB_LANE];

    remote_pending_lane(esx_name(call->remote.esx), call->vm, lane);
    return submit(trip, lane, run_job, err);
}

/* The host is asked for the machine, if memory does not know it; then the
 * call goes on in its lane. */
static void
find_remote_job(void *arg)
{
    struct trip *trip = arg;
    struct verb_call *call = &trip->call;
    struct err err = ERR_INIT;
    json_t *stored = NULL;
    const char *ref = json_get_text(call->params, "vm", "");

    name_worker(call);
    if ((trip->number &&
         operation_replay(call->env, &call->request, &stored, &err) != 0) ||
        esx_find(call->remote.esx, ref, &call->remote.vm, &err) < 0) {
        finish(trip, respond(trip, stored, &err));
        return;
    }
    memcpy(call->vm, call->remote.vm.uuid, sizeof(call->vm));
    if (gate_remote(call, &err) < 0 || submit_remote(trip, &err) < 0)
        finish(trip, respond(trip, NULL, &err));
}

/* --- late ---------------------------------------------------------------- */

static void
give_up(struct trip *trip)
{
    struct err err = ERR_INIT;

    err_set(&err, ERR_TIMEOUT,
            "The deadline passed while %s waited for its turn; it is "
            "cancelled and nothing was done.",
            trip->call.verb->name);
    log_info("%s op_id=%s did not begin: %s", trip->call.verb->name,
             trip->call.request.op_id, err.message);
    finish(trip, respond(trip, NULL, &err));
}

/* What is repeated may have been done long ago. */
static void
late_job(void *arg)
{
    struct trip *trip = arg;
    const struct verb_call *call = &trip->call;
    struct err err = ERR_INIT;
    json_t *stored = NULL;

    if (operation_replay(call->env, &call->request, &stored, &err) != 0)
        finish(trip, respond(trip, stored, &err));
    else
        give_up(trip);
}

void
trip_late(struct env *env, uint64_t number)
{
    struct job job;
    struct trip *trip;

    if (!pool_withdraw(env->pool, number, &job))
        return;
    trip = job.arg;
    job = job_of(trip, late_job);
    if (!trip->call.request.op_id_given ||
        pool_submit_own(env->pool, NULL, &job, NULL) < 0)
        give_up(trip);
}

/* --- in the I/O thread --------------------------------------------------- */

static int
submit_any(struct trip *trip, struct err *err)
{
    const struct verb_call *call = &trip->call;

    if (call->verb->lane == VERB_REMOTE)
        return json_object_get(call->params, "vm")
                   ? submit(trip, NULL, find_remote_job, err)
                   : submit_remote(trip, err);
    if (call->verb->lane == VERB_HOST || call->verb->scripts)
        return submit(trip, NULL, run_job, err);
    if (call->vm[0])
        return submit(trip, call->vm, run_job, err);
    return json_object_get(call->params, "vm")
               ? submit(trip, NULL, find_job, err)
               : submit(trip, LANE_CREATE, run_job, err);
}

/* Run it here. */
static bool
run_inline(struct trip *trip, json_t **reply)
{
    *reply = run(trip);
    clear(trip);
    return true;
}

static bool
refuse(struct trip *trip, const struct err *err, json_t **reply)
{
    *reply = respond(trip, NULL, err);
    clear(trip);
    return true;
}

/* Give a checked question to a worker. */
static bool
send_question(struct trip *checked, json_t **reply)
{
    struct trip *trip = mem_zalloc(1, sizeof(*trip));
    struct err err = ERR_INIT;

    *trip = *checked;
    if (submit_any(trip, &err) == 0)
        return false;
    free(trip);
    return refuse(checked, &err, reply);
}

/* It is open from now on, before a worker can end it. */
static struct trip *
open_call(struct join *join, struct trip *checked)
{
    struct trip *trip = mem_zalloc(1, sizeof(*trip));
    const struct verb_call *call = &checked->call;
    const struct request *request = &call->request;
    struct join_caller caller = {call->session, checked->slot,
                                 STEAL(checked->id)};
    struct op op = {.peer = request->peer,
                    .verb = request->verb,
                    .flow_id = request->flow_id[0] ? request->flow_id : NULL,
                    .started_ms = clock_wall_ms()};

    memcpy(op.op_id, request->op_id, sizeof(op.op_id));
    memcpy(op.vm, call->vm, sizeof(op.vm));
    *trip = *checked;
    trip->number = join_begin(join, call, &caller);
    ops_plan(call->env->ops, &op, trip->number);
    return trip;
}

/* No worker takes it: its only caller is answered here. */
static void
unopen_call(struct join *join, struct trip *trip, struct trip *checked)
{
    const struct request *request = &checked->call.request;
    size_t n;
    CLEANUP_FREE struct join_caller *callers = join_end(join, trip->number, &n);

    ops_end(checked->call.env->ops, request->peer, request->op_id);
    checked->id = callers[0].id;
    free(trip);
}

/* A call that changes something: it waits with an equal one, or is sent. */
static bool
send_call(struct join *join, struct trip *checked, json_t **reply)
{
    const struct request *request = &checked->call.request;
    struct join_caller caller = {checked->call.session, checked->slot,
                                 checked->id};
    struct err err = ERR_INIT;
    const char *op_id;
    struct trip *trip;
    int joined = join_find(join, &checked->call, &caller, &op_id, &err);

    if (joined < 0)
        return refuse(checked, &err, reply);
    if (joined) {
        log_info("JOIN %s peer=%s flow=%s op_id=%s", request->verb,
                 request->peer, request->flow_id[0] ? request->flow_id : "-",
                 op_id);
        checked->id = NULL;
        clear(checked);
        return false;
    }
    trip = open_call(join, checked);
    if (submit_any(trip, &err) == 0)
        return false;
    unopen_call(join, trip, checked);
    return refuse(checked, &err, reply);
}

/* What the message says, until the parameters say something else. It comes
 * from a header, which may hold anything. */
static void
take_flow(struct request *request, const char *flow_id)
{
    CLEANUP_FREE char *clean = NULL;

    if (!flow_id)
        return;
    clean = utf8_clean(flow_id);
    for (char *p = clean; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    snprintf(request->flow_id, sizeof(request->flow_id), "%.*s",
             PARAMS_FLOW_MAX, clean);
    utf8_trim(request->flow_id);
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
        .who = identity_ref(from->who),
        .slot = from->slot,
    };
    struct verb_call *call = &trip.call;
    struct err err = ERR_INIT;
    bool stays, resolves;

    snprintf(call->request.peer, sizeof(call->request.peer), "%s", from->peer);
    call->request.who = trip.who;
    call->request.verb = verb->name;
    take_flow(&call->request, from->flow_id);
    if (gate_enter(call, &err) < 0)
        return refuse(&trip, &err, reply);
    if (params_check(verb, request->params, &trip.params, &call->request,
                     &err) < 0)
        return refuse(&trip, &err, reply);
    /* A question's own parameters can be large: not needed any more. */
    json_decref(STEAL(request->params));
    call->params = trip.params;
    stays = verb->lane == VERB_INLINE &&
            !hook_verb_scripted(call->env, verb->scripts) &&
            (verb_is_vdsm(verb) || !whom_stranger(call));
    call->remote.esx = from->esx;
    resolves = verb->lane != VERB_HOST && verb->lane != VERB_REMOTE &&
               (!stays || verb_is_vdsm(verb));
    if ((resolves && whom_resolve(call, &err) < 0) || gate_object(call, &err) < 0)
        return refuse(&trip, &err, reply);
    if (stays)
        return run_inline(&trip, reply);
    if (verb->mutating && !call->request.dry_run)
        return send_call(from->join, &trip, reply);
    return send_question(&trip, reply);
}
