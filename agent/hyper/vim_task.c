// SPDX-License-Identifier: Apache-2.0
/*
 * The collector tells changes only: what it told is kept in the watch until
 * the task is over. How it ended is then read from the task itself.
 */
#include "agent/hyper/vim_task.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/common/clock.h"

#define POLL_MS 300
#define WAIT_S 20 /* of one call; a server that is alive answers by then */

void
vim_task_clear(struct vim_task *task)
{
    vim_question_clear(&task->question);
}

/* --- the collector ------------------------------------------------------- */

static int
ask_for_ref(struct vim *vim, xmlDocPtr request, const char *method,
            struct vim_ref *ref, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};

    if (vim_session_ask(vim, request, method, 0, &answer, err) < 0)
        return -1;
    if (vim_soap_ref(xml_child(answer.body, "returnval"), ref))
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED, "%s returned nothing", method);
}

static int
make_collector(struct vim *vim, const struct vim_about *about,
               struct vim_ref *collector, struct err *err)
{
    CLEANUP_XML xmlDocPtr request = NULL;
    xmlNodePtr call;

    request = vim_soap_request("CreatePropertyCollector",
                               &about->property_collector, &call);
    return ask_for_ref(vim, request, "CreatePropertyCollector", collector, err);
}

static void
add_object(xmlNodePtr spec, const struct vim_ref *ref)
{
    xmlNodePtr node = xml_add(spec, "objectSet", NULL);

    vim_soap_add_ref(node, "obj", ref);
    vim_soap_add_bool(node, "skip", false);
}

static void
add_properties(xmlNodePtr spec, const char *type, const char *path)
{
    xmlNodePtr node = xml_add(spec, "propSet", NULL);

    xml_add(node, "type", type);
    vim_soap_add_bool(node, "all", false);
    xml_add(node, "pathSet", path);
}

static int
make_filter(struct vim *vim, const struct vim_ref *collector,
            const struct vim_task *task, struct err *err)
{
    CLEANUP_XML xmlDocPtr request = NULL;
    struct vim_ref filter;
    xmlNodePtr call, spec;

    request = vim_soap_request("CreateFilter", collector, &call);
    spec = xml_add(call, "spec", NULL);
    add_properties(spec, "Task", "info.state");
    if (task->vm.id[0])
        add_properties(spec, "VirtualMachine", "runtime.question");
    add_object(spec, &task->ref);
    if (task->vm.id[0])
        add_object(spec, &task->vm);
    vim_soap_add_bool(call, "partialUpdates", false);
    return ask_for_ref(vim, request, "CreateFilter", &filter, err);
}

static void
drop_collector(struct vim *vim, const struct vim_ref *collector)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    struct err ignored = ERR_INIT; /* it ends with the session */
    xmlNodePtr call;

    request = vim_soap_request("DestroyPropertyCollector", collector, &call);
    vim_session_ask(vim, request, "DestroyPropertyCollector", 0, &answer,
                    &ignored);
}

/* --- what it tells ------------------------------------------------------- */

struct watch {
    char version[64];
    char state[16]; /* of the task, as last told */
};

static void
take_change(xmlNodePtr change, struct watch *watch, struct vim_task *task)
{
    CLEANUP_FREE char *name = vim_soap_child_text(change, "name");
    xmlNodePtr val = xml_child(change, "val");
    CLEANUP_FREE char *text = val ? xml_content(val) : NULL;

    if (name && strcmp(name, "info.state") == 0 && text)
        snprintf(watch->state, sizeof(watch->state), "%s", text);
    if (name && strcmp(name, "runtime.question") == 0) {
        vim_question_clear(&task->question);
        if (xml_child(val, "id"))
            vim_question_read(val, &task->question);
    }
}

static void
take_update(xmlNodePtr update, struct watch *watch, struct vim_task *task)
{
    xmlNodePtr filter, object, change;
    CLEANUP_FREE char *version = vim_soap_child_text(update, "version");

    if (version)
        snprintf(watch->version, sizeof(watch->version), "%s", version);
    for (filter = xml_child(update, "filterSet"); filter;
         filter = xml_next(filter, "filterSet"))
        for (object = xml_child(filter, "objectSet"); object;
             object = xml_next(object, "objectSet"))
            for (change = xml_child(object, "changeSet"); change;
                 change = xml_next(change, "changeSet"))
                take_change(change, watch, task);
}

static int
next_update(struct vim *vim, const struct vim_ref *collector,
            struct watch *watch, struct vim_task *task, int64_t until_ms,
            struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    int64_t left_s = (until_ms - clock_mono_ms() + 999) / 1000;
    xmlNodePtr call;

    if (left_s > WAIT_S)
        left_s = WAIT_S;
    request = vim_soap_request("WaitForUpdatesEx", collector, &call);
    xml_add(call, "version", watch->version);
    vim_soap_add_int(xml_add(call, "options", NULL), "maxWaitSeconds",
                     left_s > 0 ? left_s : 0);
    if (vim_session_ask(vim, request, "WaitForUpdatesEx", left_s * 1000,
                        &answer, err) < 0)
        return -1;
    /* An empty answer: nothing new, the version stays. */
    if (xml_child(answer.body, "returnval"))
        take_update(xml_child(answer.body, "returnval"), watch, task);
    return 0;
}

static bool
is_over(const struct watch *watch)
{
    return strcmp(watch->state, "success") == 0 ||
           strcmp(watch->state, "error") == 0;
}

/* How it ended, from the task itself. */
static int
read_info(struct vim *vim, struct vim_task *task, struct err *err)
{
    static const char *const paths[] = {"info", NULL};
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_FREE char *state = NULL;
    struct err why = ERR_INIT;
    xmlNodePtr object, info;

    if (vim_vm_retrieve(vim, &task->ref, paths, &answer, &object, &why) < 0) {
        task->state = VIM_TASK_GONE;
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    info = vim_vm_property(object, "info");
    state = vim_soap_child_text(info, "state");
    task->cancelable = vim_soap_child_bool(info, "cancelable");
    task->state = !info ? VIM_TASK_GONE
                  : state && strcmp(state, "success") == 0 ? VIM_TASK_DONE
                  : state && strcmp(state, "error") == 0   ? VIM_TASK_FAILED
                                                           : VIM_TASK_RUNNING;
    if (task->state == VIM_TASK_FAILED)
        vim_soap_read_fault(xml_child(info, "error"), &task->fault);
    return 0;
}

/* --- servers before 4.1: asked again and again --------------------------------- */

static int
read_question(struct vim *vim, struct vim_task *task, struct err *err)
{
    static const char *const paths[] = {"runtime.question", NULL};
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    xmlNodePtr object, val;

    if (!task->vm.id[0])
        return 0;
    if (vim_vm_retrieve(vim, &task->vm, paths, &answer, &object, err) < 0)
        return -1;
    val = vim_vm_property(object, paths[0]);
    if (val && xml_child(val, "id"))
        vim_question_read(val, &task->question);
    return 0;
}

static int
poll_it(struct vim *vim, struct vim_task *task, int64_t until_ms,
        struct err *err)
{
    static const struct timespec gap = {.tv_nsec = POLL_MS * 1000000};

    for (;;) {
        if (read_info(vim, task, err) < 0)
            return -1;
        if (task->state != VIM_TASK_RUNNING)
            return 0;
        if (read_question(vim, task, err) < 0)
            return -1;
        if (task->question.id[0] || clock_mono_ms() >= until_ms)
            return 0;
        nanosleep(&gap, NULL);
    }
}

/* --- others: told when it changes ------------------------------------------------- */

static int
watch_it(struct vim *vim, const struct vim_ref *collector,
         struct vim_task *task, int64_t until_ms, struct err *err)
{
    struct watch watch = {.version = ""};

    if (make_filter(vim, collector, task, err) < 0)
        return -1;
    do {
        if (next_update(vim, collector, &watch, task, until_ms, err) < 0)
            return -1;
    } while (!is_over(&watch) && !task->question.id[0] &&
             clock_mono_ms() < until_ms);
    return 0;
}

int
vim_task_wait(struct vim *vim, struct vim_task *task, int64_t until_ms,
              struct err *err)
{
    struct vim_ref collector;
    struct vim_about about;
    struct err why = ERR_INIT;
    int rc;

    vim_question_clear(&task->question);
    if (vim_session_open(vim, &about, err) < 0)
        return -1;
    if (about.old) {
        rc = poll_it(vim, task, until_ms, &why);
    } else if (make_collector(vim, &about, &collector, err) < 0) {
        return -1;
    } else {
        rc = watch_it(vim, &collector, task, until_ms, &why);
        drop_collector(vim, &collector);
    }
    if (rc < 0 && why.kind != ERR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    if (read_info(vim, task, err) < 0)
        return -1;
    if (task->state == VIM_TASK_RUNNING && task->question.id[0])
        task->state = VIM_TASK_ASKS;
    return 0;
}

/* --- answers ------------------------------------------------------------- */

int
vim_task_answer(struct vim *vim, const struct vim_ref *vm,
                const char *question, const char *key, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    xmlNodePtr call;
    bool lost;

    request = vim_soap_request("AnswerVM", vm, &call);
    xml_add(call, "questionId", question);
    xml_add(call, "answerChoice", key);
    return vim_session_change(vim, request, "AnswerVM", &answer, &lost, err);
}

int
vim_task_cancel(struct vim *vim, const struct vim_ref *task, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    xmlNodePtr call;
    bool lost;

    request = vim_soap_request("CancelTask", task, &call);
    return vim_session_change(vim, request, "CancelTask", &answer, &lost, err);
}
