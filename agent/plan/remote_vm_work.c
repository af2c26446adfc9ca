// SPDX-License-Identifier: Apache-2.0
/*
 * Power as a table: the call, from which states it may be made, what is true
 * then. A call of the driver is made once; where its process ended or was
 * ended in it, reading tells what became of it.
 */
#include "agent/plan/remote_vm_work.h"

#include <string.h>

#include "agent/plan/remote_look.h"

static const struct power {
    const char *step;
    const char *method;
    const char *from;  /* states it may be in, "a|b" */
    const char *to;    /* what it is then; NULL: nothing tells */
    bool by_guest;     /* the guest is asked; it answers when it likes */
} powers[REMOTE_POWERS] = {
    [REMOTE_POWER_START] = {"start", "PowerOnVM_Task", "shut_off|paused",
                            "running", false},
    [REMOTE_POWER_STOP] = {"destroy", "PowerOffVM_Task", "running|paused",
                           "shut_off", false},
    [REMOTE_POWER_SHUTDOWN] = {"shutdown", "ShutdownGuest", "running", NULL,
                               true},
    [REMOTE_POWER_REBOOT] = {"reboot", "RebootGuest", "running", NULL, true},
    [REMOTE_POWER_RESET] = {"reset", "ResetVM_Task", "running", NULL, false},
    [REMOTE_POWER_SUSPEND] = {"suspend", "SuspendVM_Task", "running", "paused",
                              false},
    [REMOTE_POWER_RESUME] = {"resume", "PowerOnVM_Task", "paused", "running",
                             false},
};

static bool
is_one_of(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, word, len) == 0 && (!at[len] || at[len] == '|'))
            return true;
    }
    return false;
}

static int
plan_power(struct remote *remote, void *arg, struct remote_plan *plan,
           struct err *err)
{
    const struct power *power = &powers[*(enum remote_power *)arg];
    CLEANUP_VIM_VM struct vim_vm vm = {.hardware = 0};
    const char *state;

    if (vim_vm_read(esx_vim(remote->esx), &remote->vm.ref, &vm, err) < 0)
        return -1;
    state = remote_look_state(vm.power);
    json_put_text(remote_plan_step(plan, power->step), "from", state);
    if (power->to && strcmp(state, power->to) == 0)
        return 0;
    if (!is_one_of(power->from, state))
        return err_set(err, ERR_BAD_STATE,
                       "The machine is %s; %s needs it to be %s", state,
                       power->step, power->from);
    plan->expect = json_object();
    json_put_text(plan->expect, "kind", power->to ? "power" : "none");
    json_put_text(plan->expect, "is", power->to);
    plan->event = power->to ? "vm.state" : NULL;
    if (power->by_guest)
        remote_plan_warn(plan, "The guest was asked, by VMware tools, and "
                               "answers when it likes; an event tells");
    return 0;
}

static int
send_power(struct remote *remote, void *arg, struct vim_task *task, bool *lost,
           struct err *err)
{
    const struct power *power = &powers[*(enum remote_power *)arg];
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    xmlNodePtr call;

    request = vim_soap_request(power->method, &remote->vm.ref, &call);
    if (vim_session_change(esx_vim(remote->esx), request, power->method,
                           &answer, lost, err) < 0)
        return -1;
    vim_soap_ref(xml_child(answer.body, "returnval"), &task->ref);
    return 0;
}

const struct remote_work remote_vm_work_power = {plan_power, send_power};

/* --- by libvirt's driver ------------------------------------------------- */

void
remote_vm_work_clear(struct remote_virt_wish *wish)
{
    json_decref(wish->args);
    json_decref(wish->expect);
}

static int
plan_virt(struct remote *remote, void *arg, struct remote_plan *plan,
          struct err *err)
{
    struct remote_virt_wish *wish = arg;
    CLEANUP_JSON json_t *facts = json_object();
    json_t *step = remote_plan_step(plan, wish->call);
    int holds;

    json_object_update(step, wish->args);
    json_object_del(step, "to"); /* it names credentials */
    if (remote->vm.uuid[0])
        json_put_text(wish->args, "vm", remote->vm.uuid);
    if (wish->skip) {
        holds = remote_look(remote, wish->expect, facts, err);
        if (holds != 0)
            return holds < 0 ? -1 : 0;
    }
    plan->expect = json_incref(wish->expect);
    plan->event = wish->event;
    return 0;
}

/* Whether the driver's failure leaves open what became of it. */
static bool
is_open(const struct err *err)
{
    return err->kind == ERR_UNREACHABLE || err->kind == ERR_TIMEOUT;
}

static int
make_call(struct remote *remote, void *arg, struct vim_task *task, bool *lost,
          struct err *err)
{
    struct remote_virt_wish *wish = arg;
    CLEANUP_JSON json_t *result = NULL;
    bool sent = false;
    int rc = esx_virt(remote->esx, wish->call, wish->args,
                      remote->request->deadline_ms, &result, &sent, err);

    (void)task;
    *lost = rc < 0 && sent && is_open(err);
    return rc;
}

const struct remote_work remote_vm_work_virt = {plan_virt, make_call};
