// SPDX-License-Identifier: Apache-2.0
/*
 * Ends of an operation: done (looked at, rows and event in one commit with the
 * receipt), failed (the server said so, or reading twice shows nothing
 * changed), pending (a task or a question is open, or the host does not
 * answer now).
 */
#include "agent/plan/remote_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/remote_look.h"
#include "agent/state/remote_row.h"

#define LOOKS 4          /* at what a lost call did, until it counts as not done */
#define LOOK_AGAIN_MS 300

/* --- the record ---------------------------------------------------------- */

void
remote_op_free(struct remote_op *op)
{
    if (!op)
        return;
    free((char *)op->op.peer);
    free((char *)op->op.verb);
    free((char *)op->op.flow_id);
    free((char *)op->op.body_hash);
    free((char *)op->op.hypervisor);
    vim_task_clear(&op->task);
    json_decref(op->plan);
    free(op);
}

static json_t *
ref_json(const struct vim_ref *ref)
{
    json_t *obj = json_object();

    json_put_text(obj, "type", ref->type);
    json_put_text(obj, "id", ref->id);
    return obj;
}

static void
ref_read(const json_t *obj, struct vim_ref *ref)
{
    snprintf(ref->type, sizeof(ref->type), "%s",
             json_get_text(obj, "type", ""));
    snprintf(ref->id, sizeof(ref->id), "%s", json_get_text(obj, "id", ""));
}

static json_t *
plan_json(const struct remote *remote, const struct remote_plan *plan)
{
    json_t *obj = json_object();

    json_put(obj, "ref", ref_json(&remote->vm.ref));
    json_put_text(obj, "name", remote->vm.name);
    json_put(obj, "expect", json_incref(plan->expect));
    json_put(obj, "result", json_incref(plan->result));
    json_put(obj, "rows", json_incref(plan->rows));
    json_put(obj, "warnings", json_incref(plan->warnings));
    json_put_text(obj, "event", plan->event);
    json_put_text(obj, "device", plan->device);
    return obj;
}

struct remote_op *
remote_op_new(const struct remote *remote, const struct remote_plan *plan)
{
    const struct request *request = remote->request;
    struct remote_op *op = mem_zalloc(1, sizeof(*op));

    op->op = (struct op){
        .peer = mem_dup(request->peer),
        .verb = mem_dup(request->verb),
        .flow_id = request->flow_id[0] ? mem_dup(request->flow_id) : NULL,
        .body_hash = mem_dup(request->body_hash),
        .hypervisor = mem_dup(esx_name(remote->esx)),
        .started_ms = clock_wall_ms()};
    memcpy(op->op.op_id, request->op_id, sizeof(op->op.op_id));
    memcpy(op->op.vm, remote->vm.uuid, sizeof(op->op.vm));
    op->started_us = clock_mono_us();
    op->until_ms = clock_mono_ms() + esx_task_ms(remote->esx);
    if (request->deadline_ms && request->deadline_ms < op->until_ms)
        op->until_ms = request->deadline_ms;
    op->op.deadline_ms = clock_wall_ms() + op->until_ms - clock_mono_ms();
    op->plan = plan_json(remote, plan);
    op->op.plan = op->plan;
    op->task.vm = remote->vm.ref;
    return op;
}

bool
remote_op_remote(struct env *env, const struct remote_op *op,
                 struct remote *remote)
{
    *remote = (struct remote){.env = env};
    remote->esx = esx_set_find(env->esx, op->op.hypervisor);
    ref_read(json_object_get(op->plan, "ref"), &remote->vm.ref);
    memcpy(remote->vm.uuid, op->op.vm, sizeof(remote->vm.uuid));
    snprintf(remote->vm.name, sizeof(remote->vm.name), "%s",
             json_get_text(op->plan, "name", ""));
    return remote->esx != NULL;
}

struct remote_op *
remote_op_load(struct env *env, const json_t *row, struct remote *remote)
{
    struct remote_op *op = mem_zalloc(1, sizeof(*op));

    op->op = (struct op){
        .peer = mem_dup(json_get_text(row, "peer", "")),
        .verb = mem_dup(json_get_text(row, "verb", "")),
        .flow_id = mem_dup(json_get_text(row, "flow_id", NULL)),
        .body_hash = mem_dup(json_get_text(row, "body_hash", "")),
        .hypervisor = mem_dup(json_get_text(row, "hypervisor", "")),
        .started_ms = json_get_int(row, "started_ms", 0),
        .deadline_ms = json_get_int(row, "deadline_ms", 0)};
    snprintf(op->op.op_id, sizeof(op->op.op_id), "%s",
             json_get_text(row, "op_id", ""));
    snprintf(op->op.vm, sizeof(op->op.vm), "%s",
             json_get_text(row, "vm", ""));
    op->plan = json_incref(json_object_get(row, "plan"));
    op->op.plan = op->plan;
    op->started_us = clock_mono_us();
    op->until_ms =
        clock_mono_ms() + op->op.deadline_ms - clock_wall_ms();
    ref_read(json_object_get(op->plan, "task"), &op->task.ref);
    if (remote_op_remote(env, op, remote)) {
        op->task.vm = remote->vm.ref;
        return op;
    }
    log_error("Operation %s is open, and its hypervisor %s is not configured "
              "any more: it stays open until [hypervisor %s] is there again",
              op->op.op_id, op->op.hypervisor, op->op.hypervisor);
    remote_op_free(op);
    return NULL;
}

/* --- begin --------------------------------------------------------------- */

int
remote_op_begin(struct env *env, struct remote_op *op, struct err *err)
{
    struct store_batch *batch = store_batch_new();

    journal_op(batch, &op->op);
    journal_intent(batch, &op->op, 1, "remote",
                   json_object_get(op->plan, "expect"));
    return store_commit(env->store, batch, err);
}

void
remote_op_has_task(struct env *env, struct remote_op *op)
{
    struct store_batch *batch = store_batch_new();
    struct err err = ERR_INIT;

    json_put(op->plan, "task", ref_json(&op->task.ref));
    journal_plan(batch, &op->op);
    if (store_commit(env->store, batch, &err) < 0)
        log_warning("That operation %s is task %s is not recorded: %s",
                    op->op.op_id, op->task.ref.id, err.message);
}

/* --- the ends ------------------------------------------------------------ */

static json_t *
receipt_of(const struct remote_op *op, enum op_state state)
{
    json_t *receipt = json_object(), *timings = json_object();
    json_t *result = json_object_get(op->plan, "result");

    json_put_text(receipt, "op_id", op->op.op_id);
    json_put_text(receipt, "state", op_state_name(state));
    json_put_bool(receipt, "changed", state != OP_REFUSED);
    json_put_text(receipt, "hypervisor", op->op.hypervisor);
    if (json_is_object(result))
        json_object_update(receipt, result);
    json_put(receipt, "warnings",
             json_incref(json_object_get(op->plan, "warnings")));
    json_put_int(timings, "total", (clock_mono_us() - op->started_us) / 1000);
    json_put(receipt, "timings_ms", timings);
    return receipt;
}

static void
add_rows(struct store_batch *batch, const struct remote_op *op)
{
    json_t *rows = json_object_get(op->plan, "rows"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const json_t *doc = json_object_get(row, "doc");

        remote_row_put(batch, op->op.hypervisor, op->op.vm,
                        json_get_text(row, "disk_id", ""),
                        json_is_null(doc) ? NULL : doc);
    }
}

static void
add_event(struct env *env, struct store_batch *batch,
          const struct remote_op *op, const char *type, json_t *data)
{
    eventlog_add(env->eventlog, batch,
                 &(struct event){
                     .type = type,
                     .vm = op->op.vm[0] ? op->op.vm : NULL,
                     .device = json_get_text(op->plan, "device", NULL),
                     .op_id = op->op.op_id,
                     .flow_id = op->op.flow_id,
                     .origin = "operation",
                     .data = data});
}

/* The server may have chosen what was left to it: its file's name. */
static void
take_facts(struct remote_op *op, const json_t *facts)
{
    const json_t *device = json_object_get(facts, "device");
    json_t *rows = json_object_get(op->plan, "rows"), *row;
    json_t *result = json_object_get(op->plan, "result");
    size_t i;

    if (json_object_get(facts, "vm_state") && json_is_object(result))
        json_put_text(result, "vm_state",
                      json_get_text(facts, "vm_state", ""));
    if (!device)
        return;
    json_array_foreach(rows, i, row)
    {
        json_t *doc = json_object_get(row, "doc");
        json_t *source = json_object_get(doc, "source");

        if (json_is_object(source))
            json_put_text(source, "path", json_get_text(device, "path", NULL));
        if (json_is_object(doc))
            json_put_int(doc, "size", json_get_int(device, "size", 0));
    }
}

json_t *
remote_op_record(struct env *env, struct remote_op *op, bool changed,
                 struct err *err)
{
    struct store_batch *batch = store_batch_new();
    json_t *receipt = receipt_of(op, OP_DONE);
    const char *event = json_get_text(op->plan, "event", NULL);

    json_put_bool(receipt, "changed", changed);
    journal_op(batch, &op->op);
    add_rows(batch, op);
    if (changed && event)
        add_event(env, batch, op, event, NULL);
    journal_receipt(batch, &op->op, OP_DONE, receipt);
    if (store_commit(env->store, batch, err) == 0)
        return receipt;
    json_decref(receipt);
    return NULL;
}

static json_t *
end_done(struct env *env, struct remote_op *op, const json_t *facts,
         struct err *err)
{
    struct store_batch *batch = store_batch_new();
    const char *event = json_get_text(op->plan, "event", NULL);
    json_t *receipt;

    take_facts(op, facts);
    receipt = receipt_of(op, OP_DONE);
    journal_outcome(batch, &op->op, 1, "done", facts);
    add_rows(batch, op);
    if (event)
        add_event(env, batch, op, event, (json_t *)facts);
    journal_receipt(batch, &op->op, OP_DONE, receipt);
    add_event(env, batch, op, "op.done", receipt);
    if (store_commit(env->store, batch, err) == 0)
        return receipt;
    json_decref(receipt);
    return NULL;
}

void
remote_op_fail(struct env *env, struct remote_op *op, struct err *err)
{
    struct store_batch *batch = store_batch_new();
    enum op_state state = err->kind == ERR_CANCELLED ? OP_CANCELLED : OP_FAILED;
    CLEANUP_JSON json_t *receipt = json_object();
    struct err why = ERR_INIT;

    json_put_text(receipt, "op_id", op->op.op_id);
    json_put_text(receipt, "kind", err_kind_name(err->kind));
    json_put_text(receipt, "message", err->message);
    json_put_text(receipt, "step", "remote");
    json_put_bool(receipt, "rolled_back", true);
    journal_outcome(batch, &op->op, 1, "failed", NULL);
    journal_receipt(batch, &op->op, state, receipt);
    if (store_commit(env->store, batch, &why) < 0)
        log_error("Operation %s failed and its end could not be recorded: %s",
                  op->op.op_id, why.message);
}

static json_t *
question_json(const struct vim_question *question)
{
    json_t *obj = json_object(), *choices = json_array();

    json_put_text(obj, "text", question->text);
    for (size_t i = 0; i < question->nchoices; i++) {
        json_t *choice = json_object();

        json_put_text(choice, "key", question->choices[i].key);
        json_put_text(choice, "label", question->choices[i].label);
        json_array_append_new(choices, choice);
    }
    json_put(obj, "choices", choices);
    json_put(obj, "default",
             question->deflt >= 0
                 ? json_string(question->choices[question->deflt].key)
                 : json_null());
    return obj;
}

/* It goes on by itself; what it waits for is told. */
static json_t *
stay_pending(struct env *env, struct remote_op *op, const char *why)
{
    struct store_batch *batch = store_batch_new();
    json_t *receipt = receipt_of(op, OP_PENDING);
    struct err err = ERR_INIT;
    bool asks = op->task.state == VIM_TASK_ASKS;

    json_put_text(receipt, "waits_for", asks ? "an answer" : why);
    if (asks) {
        json_t *question = question_json(&op->task.question);

        json_put(receipt, "question", question);
        if (!op->asked)
            add_event(env, batch, op, "question", question);
        op->asked = true;
    }
    journal_receipt(batch, &op->op, OP_PENDING, receipt);
    if (store_commit(env->store, batch, &err) < 0)
        log_warning("That operation %s is pending is not recorded: %s",
                    op->op.op_id, err.message);
    return receipt;
}

/* --- looking ------------------------------------------------------------- */

static enum remote_end
end_failed(struct env *env, struct remote_op *op, struct err *err)
{
    remote_op_fail(env, op, err);
    return REMOTE_OVER;
}

static void
pause_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000,
                            .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* The task is done, or nobody knows: certain is what is read. */
static enum remote_end
look(struct remote *remote, struct remote_op *op, bool done, const char *lost,
     json_t **receipt, struct err *err)
{
    const json_t *expect = json_object_get(op->plan, "expect");
    CLEANUP_JSON json_t *facts = json_object();
    struct err why = ERR_INIT;
    int holds = 0;

    /* A host may still be at what it was sent, where no answer came. */
    for (int i = 0; i < LOOKS && holds == 0; i++) {
        if (i)
            pause_ms(LOOK_AGAIN_MS);
        holds = remote_look(remote, expect, facts, &why);
    }
    if (holds > 0) {
        *receipt = end_done(remote->env, op, facts, err);
        return *receipt ? REMOTE_OVER : REMOTE_PENDING;
    }
    if (holds < 0 && why.kind != ERR_NOT_FOUND &&
        strcmp(json_get_text(expect, "kind", "none"), "none") != 0) {
        *receipt = stay_pending(remote->env, op, why.message);
        return REMOTE_PENDING;
    }
    if (done && holds < 0) { /* nothing can be read, and the call came back */
        *receipt = end_done(remote->env, op, facts, err);
        return *receipt ? REMOTE_OVER : REMOTE_PENDING;
    }
    err_set(err, ERR_HYPERVISOR_FAILED,
            done ? "Hypervisor %s reported success, and reading shows that "
                   "nothing changed%s"
                 : "Hypervisor %s gave no answer (%s); reading shows that it "
                   "did not take effect",
            op->op.hypervisor, lost ? lost : "");
    return end_failed(remote->env, op, err);
}

enum remote_end
remote_op_done(struct remote *remote, struct remote_op *op, json_t **receipt,
               struct err *err)
{
    return look(remote, op, true, NULL, receipt, err);
}

enum remote_end
remote_op_settle(struct remote *remote, struct remote_op *op,
                 const struct err *why, json_t **receipt, struct err *err)
{
    log_warning("Operation %s: its answer was lost (%s); the host is read",
                op->op.op_id, why->message);
    return look(remote, op, false, why->message, receipt, err);
}

/* --- the task ------------------------------------------------------------ */

/* 1 it was answered by default, 0 not, -1 it cannot be now. */
static int
answer_by_default(struct remote *remote, struct remote_op *op)
{
    const struct vim_question *question = &op->task.question;
    struct err err = ERR_INIT;

    if (!esx_uri_of(remote->esx)->auto_answer || question->deflt < 0)
        return 0;
    if (vim_task_answer(esx_vim(remote->esx), &op->task.vm, question->id,
                        question->choices[question->deflt].key, &err) < 0) {
        log_warning("Operation %s: the question \"%s\" could not be answered: "
                    "%s",
                    op->op.op_id, question->text ? question->text : "",
                    err.message);
        return -1;
    }
    log_info("Operation %s: the question \"%s\" was answered with its default",
             op->op.op_id, question->text ? question->text : "");
    return 1;
}

/* Its time is over: nobody answered, or it hangs. */
static enum remote_end
time_out(struct remote *remote, struct remote_op *op, json_t **receipt,
         struct err *err)
{
    struct err why = ERR_INIT;

    vim_task_cancel(esx_vim(remote->esx), &op->task.ref, &why);
    if (vim_task_wait(esx_vim(remote->esx), &op->task, clock_mono_ms() + 2000,
                      &why) == 0 &&
        op->task.state == VIM_TASK_DONE)
        return look(remote, op, true, NULL, receipt, err);
    if (op->task.state != VIM_TASK_FAILED && op->task.state != VIM_TASK_GONE) {
        op->until_ms = clock_mono_ms() + 10000; /* tried again */
        *receipt = stay_pending(remote->env, op,
                                "the end of a task that was cancelled");
        return REMOTE_PENDING;
    }
    err_set(err, ERR_CANCELLED,
            "Task %s of hypervisor %s did not end in its time%s; it was "
            "cancelled and nothing changed",
            op->task.ref.id, op->op.hypervisor,
            op->asked ? ", since nobody answered its question" : "");
    return end_failed(remote->env, op, err);
}

enum remote_end
remote_op_go_on(struct remote *remote, struct remote_op *op, int64_t wait_ms,
                json_t **receipt, struct err *err)
{
    struct err why = ERR_INIT;
    int64_t until = wait_ms < op->until_ms ? wait_ms : op->until_ms;

    if (!op->task.ref.id[0])
        return look(remote, op, false, "berthd was restarted", receipt, err);
    do {
        if (vim_task_wait(esx_vim(remote->esx), &op->task, until, &why) < 0) {
            *receipt = stay_pending(remote->env, op, why.message);
            return REMOTE_PENDING;
        }
    } while (op->task.state == VIM_TASK_ASKS &&
             answer_by_default(remote, op) > 0);
    if (op->task.state == VIM_TASK_DONE)
        return look(remote, op, true, NULL, receipt, err);
    if (op->task.state == VIM_TASK_GONE)
        return look(remote, op, false, "its task is gone", receipt, err);
    if (op->task.state == VIM_TASK_FAILED) {
        vim_soap_fail(&op->task.fault, op->op.verb, err);
        return end_failed(remote->env, op, err);
    }
    if (clock_mono_ms() >= op->until_ms)
        return time_out(remote, op, receipt, err);
    *receipt = stay_pending(remote->env, op, "the end of its task");
    return REMOTE_PENDING;
}
