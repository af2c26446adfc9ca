// SPDX-License-Identifier: Apache-2.0
/*
 * VM.create answers as soon as its intent is on disk; how the start ends is
 * told by an event and in the statistics, until the engine asks to destroy
 * the VM. Workers, in the VM's lane.
 */
#include "agent/verbs/vdsm_vm.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/host/dmi.h"
#include "agent/host/release.h"
#include "agent/plan/engine_facts.h"
#include "agent/plan/live_plan.h"
#include "agent/plan/permit.h"
#include "agent/plan/vm_plan.h"
#include "agent/state/vm_life.h"
#include "agent/verbs/vdsm_call.h"
#include "agent/verbs/vdsm_machine.h"
#include "protocol/vdsm.h"

/* --- create --------------------------------------------------------------- */

struct creation {
    struct verb_call *call;
    struct engine_wish wish;
    bool begun;
};

static void
creation_clear(struct creation *creation)
{
    engine_wish_clear(&creation->wish);
}

/* What would begin otherwise than with an empty memory is not done here. */
static int
refuse_state(const json_t *params, struct err *err)
{
    static const char *const names[] = {"memoryDumpVolume", "memoryConfVolume",
                                        "hiberVolHandle", "_X_tpmdata",
                                        "_X_nvramdata"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *value = json_object_get(params, names[i]);

        if (value && !json_is_null(value) &&
            strcmp(json_get_text(params, names[i], "x"), "") != 0)
            return err_set(err, ERR_UNSUPPORTED,
                           "vmParams.%s: a VM is started from its disks "
                           "alone here",
                           names[i]);
    }
    return 0;
}

static void
name_machine(struct env *env, struct engine_domain *domain)
{
    CLEANUP_TEXT char *name = engine_domain_machine(domain);
    CLEANUP_TEXT char *real = name ? vdsm_machine_real(env, name) : NULL;

    if (real)
        engine_domain_set_machine(domain, real);
}

static struct engine_domain *
read_domain(struct verb_call *call, struct err *err)
{
    const struct conf *conf = env_conf(call->env);
    CLEANUP_JSON json_t *release = release_read("");
    CLEANUP_TEXT char *serial = dmi_host_id("");
    const json_t *params = json_object_get(call->params, "vmParams");
    const struct engine_host host = {
        .virt = call->env->virt,
        .allow_tcg = conf_int(conf, CONF_VDSM_ALLOW_TCG) != 0,
        .os_name = json_get_text(release, "name", NULL),
        .os_version = json_get_text(release, "version", NULL),
        .serial = serial,
    };
    const char *xml = json_get_text(params, "xml", NULL);
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain = NULL;

    if (!xml) {
        err_param(err, ERR_INVALID, "vmParams.xml", NULL,
                  "the domain's XML as text");
        return NULL;
    }
    domain = engine_domain_read(xml, &host, err);
    if (domain)
        name_machine(call->env, domain);
    if (domain && strcmp(domain->uuid, call->vm) != 0) {
        err_param(err, ERR_INVALID, "vmParams.xml", domain->uuid,
                  "the UUID that vmID names");
        return NULL;
    }
    return STEAL(domain);
}

static int
check_privilege(struct verb_call *call, const struct engine_domain *domain,
                struct err *err)
{
    const struct access_object object = {.vm = call->vm,
                                         .vm_name = domain->name};
    CLEANUP_TEXT char *what = engine_domain_privilege(domain);

    if (permit_check(call->env, &call->request, ACCESS_VM_CREATE, &object,
                     err) < 0)
        return -1;
    if (!what || permit_check(call->env, &call->request,
                              ACCESS_CONFIGURE_SCSI_GENERIC_IO, &object,
                              err) == 0)
        return 0;
    return err_wrap(err, "The domain asks for %s", what);
}

/* The intent is durable: the engine hears of it. */
static void
on_begun(void *ctx, const struct plan *plan)
{
    struct engine_wish *wish = ctx;
    struct creation *creation = wish->ctx;
    struct verb_call *call = creation->call;
    const struct step *last = &plan->steps[plan->nsteps - 1];
    json_t *answer = json_object();
    char now[24];

    creation->begun = true;
    vm_life_begin(call->env->vms, call->vm, wish->domain->name);
    snprintf(now, sizeof(now), "%lld", (long long)vdsm_time());
    json_put_text(answer, "vmId", call->vm);
    json_put_text(answer, "status", "WaitForLaunch");
    json_put_text(answer, "statusTime", now);
    json_put_text(answer, "xml", last->text);
    call->answer(call, answer);
}

/* It is Down with the reason, until the engine has seen it. */
static void
tell_failure(const struct verb_call *call, const struct err *err)
{
    struct env *env = call->env;
    CLEANUP_JSON json_t *data = json_object();

    if (!vm_life_down(env->vms, call->vm, VM_LIFE_START_FAILED, err->message))
        return;
    json_put_text(data, "state", hyper_state_name(HYPER_SHUT_OFF));
    json_put_text(data, "detail", "stopped");
    json_put_text(data, "reason", "failed");
    json_put_text(data, "message", err->message);
    eventlog_post(env->eventlog, &(struct event){.type = "vm.state",
                                                 .vm = call->vm,
                                                 .origin = "operation",
                                                 .data = data});
}

static json_t *
vm_create(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {engine_facts_create,
                                           engine_plan_create};
    CLEANUP(creation_clear) struct creation creation = {.call = call};
    struct engine_wish *wish = &creation.wish;
    json_t *receipt;

    wish->ctx = &creation;
    if (refuse_state(json_object_get(call->params, "vmParams"), err) < 0)
        return NULL;
    wish->domain = read_domain(call, err);
    if (!wish->domain) {
        vdsm_call_own(err);
        return NULL;
    }
    if (check_privilege(call, wish->domain, err) < 0)
        return NULL;
    wish->disks = engine_domain_disks(wish->domain, &wish->ndisks);
    receipt = operation_run_on(call->env, &call->request, call->vm, &planner,
                               wish, on_begun, err);
    if (receipt) {
        vm_life_running(call->env->vms, call->vm);
        return vdsm_call_end(call, receipt, json_true(), err);
    }
    if (creation.begun)
        tell_failure(call, err);
    else if (err->kind != ERR_EXISTS)
        vdsm_call_own(err);
    return NULL;
}

/* --- stop and go ---------------------------------------------------------- */

static json_t *
run(struct verb_call *call, plan_fn plan, const struct vm_wish *wish,
    json_t *answer, struct err *err)
{
    const struct planner planner = {NULL, plan};

    return vdsm_call_run(call, &planner, (void *)wish, answer, err);
}

/* A definition of the engine's goes with the VM. */
static int
destroy_plan(const struct known *known, const void *wish, struct plan *plan,
             struct err *err)
{
    if (known->vm && known->vm->present &&
        vm_plan_destroy(known, wish, plan, err) < 0)
        return -1;
    if (known->vm && known->vm->present && known->vm->config &&
        known->vm->config->ovirt)
        plan_add(plan, STEP_UNDEFINE);
    return 0;
}

static json_t *
vm_destroy(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    bool there = vm_table_get(call->env->vms, call->vm, &info) && info.present;
    json_t *result = json_true();

    if (there)
        result = run(call, destroy_plan, &(struct vm_wish){.vm = NULL}, result,
                     err);
    if (result && !vm_life_forget(call->env->vms, call->vm) && !there) {
        json_decref(STEAL(result));
        err_set(err, ERR_NOT_FOUND, "There is no VM %s on this host",
                call->vm);
    }
    return result;
}

static json_t *
vm_shutdown(struct verb_call *call, struct err *err)
{
    bool reboot = json_get_bool(call->params, "reboot", false) == 1;
    bool force = json_get_bool(call->params, "force", false) == 1;

    if (reboot)
        return run(call, vm_plan_reboot, &(struct vm_wish){.reset = force},
                   json_true(), err);
    vm_life_asked(call->env->vms, call->vm);
    return run(call, force ? vm_plan_destroy : vm_plan_shutdown,
               &(struct vm_wish){.vm = NULL}, json_true(), err);
}

static json_t *
vm_reset(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_reboot, &(struct vm_wish){.reset = true},
               json_true(), err);
}

static json_t *
vm_list(void)
{
    json_t *answer = json_object();

    json_put(answer, "vmList", json_object());
    return answer;
}

static json_t *
vm_pause(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_suspend, &(struct vm_wish){.vm = NULL}, vm_list(),
               err);
}

static json_t *
vm_cont(struct verb_call *call, struct err *err)
{
    return run(call, vm_plan_resume, &(struct vm_wish){.vm = NULL}, vm_list(),
               err);
}

/* --- vCPUs and file systems ----------------------------------------------- */

static json_t *
vm_set_number_of_cpus(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, live_plan_vcpus};
    struct live_wish wish = {
        .vcpus = (unsigned)json_get_int(call->params, "numberOfCpus", 0)};

    return vdsm_call_run(call, &planner, &wish, json_object(), err);
}

static json_t *
vm_freeze(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, live_plan_freeze};

    return vdsm_call_run(call, &planner, NULL, json_true(), err);
}

static json_t *
vm_thaw(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, live_plan_thaw};

    return vdsm_call_run(call, &planner, NULL, json_true(), err);
}

/* --- rows ----------------------------------------------------------------- */

static const struct field vm_params[] = {VERB_VMID_ROW};

static const struct field create_params[] = {
    {.name = VERB_VMID,
     .type = FIELD_UUID,
     .required = true,
     .doc = "The UUID of the VM that is to be"},
    {.name = "vmParams",
     .type = FIELD_OBJECT,
     .required = true,
     .range = "{vmId, xml}",
     .doc = "xml: the whole libvirt domain, with the engine's metadata"},
};

static const struct field destroy_params[] = {
    VERB_VMID_ROW,
    {.name = "gracefulAttempts",
     .type = FIELD_INT,
     .max = 1000,
     .range = "0..1000",
     .doc = "Not needed: a VM is stopped at once"},
};

static const struct field shutdown_params[] = {
    VERB_VMID_ROW,
    {.name = "delay", .type = FIELD_ANY, .doc = "Not used: the guest is asked "
                                                "at once"},
    {.name = "message", .type = FIELD_ANY, .doc = "Not shown to the guest"},
    {.name = "reboot",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Ask the guest to reboot instead"},
    {.name = "timeout", .type = FIELD_ANY, .doc = "Not used: the engine asks "
                                                  "again, or destroys"},
    {.name = "force",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Do not ask the guest"},
};

static const struct field cpus_params[] = {
    VERB_VMID_ROW,
    {.name = "numberOfCpus",
     .type = FIELD_INT,
     .required = true,
     .min = 1,
     .max = 4096,
     .range = "1..4096",
     .doc = "vCPUs in use, of those it was started with"},
};

#define ROW(name_, code_, fn_, rows_, doc_)                                    \
    {.name = name_,                                                            \
     .group = "vdsm",                                                          \
     .action_group = "VM_OPERATE",                                             \
     .mutating = true,                                                         \
     .lane = VERB_VM,                                                          \
     .vdsm_code = code_,                                                       \
     .doc = doc_,                                                              \
     .params = rows_,                                                          \
     .nparams = sizeof(rows_) / sizeof(*(rows_)),                              \
     .run = fn_}

const struct verb vdsm_vm_verbs[] = {
    {.name = "VM.create",
     .group = "vdsm",
     .action_group = "VM_CREATE",
     .asks_itself = true,
     .mutating = true,
     .lane = VERB_VM,
     .vdsm_code = 9,
     .doc = "Start a transient VM from an engine's domain; the answer comes "
            "before the start, whose end an event tells.",
     .params = create_params,
     .nparams = sizeof(create_params) / sizeof(*create_params),
     .run = vm_create},
    ROW("VM.destroy", 42, vm_destroy, destroy_params,
        "Stop a VM at once and forget how it ended."),
    ROW("VM.shutdown", 100, vm_shutdown, shutdown_params,
        "Ask the guest to shut down or to reboot."),
    ROW("VM.reset", 90, vm_reset, vm_params,
        "Reset the machine without asking the guest."),
    ROW("VM.pause", 100, vm_pause, vm_params, "Stop a VM's processors."),
    ROW("VM.cont", 100, vm_cont, vm_params,
        "Let a paused VM's processors run."),
    ROW("VM.setNumberOfCpus", 60, vm_set_number_of_cpus, cpus_params,
        "Change how many vCPUs a running VM uses."),
    ROW("VM.freeze", 76, vm_freeze, vm_params,
        "Freeze the guest's file systems, by its agent."),
    ROW("VM.thaw", 77, vm_thaw, vm_params, "Thaw the file systems of the guest again."),
};
const size_t vdsm_vm_nverbs = sizeof(vdsm_vm_verbs) / sizeof(*vdsm_vm_verbs);
