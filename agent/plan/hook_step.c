// SPDX-License-Identifier: Apache-2.0
/*
 * A table of points by kind of step, and one of payloads. A kind that is not
 * in it has no points and costs nothing; one whose points have no scripts
 * costs the look for them, and its payload is not made.
 */
#include "agent/plan/hook_step.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/hook_env.h"
#include "agent/spec/ovirt.h"

#define NONE POINT_IDS

static const struct seam {
    enum step_kind kind;
    enum point_id before, after, fail;
} seams[] = {
    {STEP_ATTACH_DISK, POINT_BEFORE_DISK_HOTPLUG, POINT_AFTER_DISK_HOTPLUG,
     POINT_AFTER_DISK_HOTPLUG_FAIL},
    {STEP_DETACH_DISK, POINT_BEFORE_DISK_HOTUNPLUG, POINT_AFTER_DISK_HOTUNPLUG,
     POINT_AFTER_DISK_HOTUNPLUG_FAIL},
    {STEP_ATTACH_NIC, POINT_BEFORE_NIC_HOTPLUG, POINT_AFTER_NIC_HOTPLUG,
     POINT_AFTER_NIC_HOTPLUG_FAIL},
    {STEP_DETACH_NIC, POINT_BEFORE_NIC_HOTUNPLUG, POINT_AFTER_NIC_HOTUNPLUG,
     POINT_AFTER_NIC_HOTUNPLUG_FAIL},
    {STEP_UPDATE_NIC, POINT_BEFORE_UPDATE_DEVICE, POINT_AFTER_UPDATE_DEVICE,
     POINT_AFTER_UPDATE_DEVICE_FAIL},
    {STEP_ATTACH_MEMORY, POINT_BEFORE_MEMORY_HOTPLUG,
     POINT_AFTER_MEMORY_HOTPLUG, NONE},
    {STEP_LIVE_VCPUS, POINT_BEFORE_SET_NUM_OF_CPUS, POINT_AFTER_SET_NUM_OF_CPUS,
     NONE},
    {STEP_VCPUS, POINT_BEFORE_SET_NUM_OF_CPUS, POINT_AFTER_SET_NUM_OF_CPUS,
     NONE},
    {STEP_START, POINT_BEFORE_VM_START, POINT_AFTER_VM_START, NONE},
    {STEP_START_TRANSIENT, POINT_BEFORE_VM_START, POINT_AFTER_VM_START, NONE},
    {STEP_SUSPEND, POINT_BEFORE_VM_PAUSE, POINT_AFTER_VM_PAUSE, NONE},
    {STEP_RESUME, POINT_BEFORE_VM_CONT, POINT_AFTER_VM_CONT, NONE},
    {STEP_SHUTDOWN, POINT_BEFORE_VM_SHUTDOWN, POINT_AFTER_VM_SHUTDOWN, NONE},
    {STEP_DESTROY, POINT_BEFORE_VM_DESTROY, POINT_AFTER_VM_DESTROY, NONE},
};

static const struct seam *
seam_of(const struct hook_step *at, const struct step *step)
{
    for (size_t i = 0; i < sizeof(seams) / sizeof(*seams); i++) {
        if (seams[i].kind != step->kind)
            continue;
        /* The number in the definition, when the running one's has fired. */
        for (size_t k = 0; step->kind == STEP_VCPUS && k < at->plan->nsteps;
             k++)
            if (at->plan->steps[k].kind == STEP_LIVE_VCPUS)
                return NULL;
        return &seams[i];
    }
    return NULL;
}

/* --- payloads ----------------------------------------------------------------
 */

static char *
domain_text(const struct hook_step *at, const struct step *step,
            enum point_id point, struct err *err)
{
    enum hyper_xml which =
        point == POINT_BEFORE_VM_START ? HYPER_XML_CONFIG : HYPER_XML_LIVE;

    if (point == POINT_BEFORE_VM_START && step->kind == STEP_START_TRANSIENT)
        return mem_dup(step->text);
    if (point == POINT_AFTER_VM_DESTROY)
        return mem_dup(at->run->last_xml);
    return hyper_domain_xml(at->run->env->hyper, at->run->vm, which, err);
}

static char *
device_text(const struct step *step)
{
    if (step->text)
        return mem_dup(step->text);
    if (step->disk)
        return disk_xml(step->disk);
    return mem_dup(step->text_was);
}

/* *text is NULL where the point has none. */
static int
payload(const struct hook_step *at, const struct step *step,
        enum point_id point, char **text, struct err *err)
{
    *text = NULL;
    switch (points_row(point)->payload) {
    case POINT_DOMAIN:
        *text = domain_text(at, step, point, err);
        return *text ? 0 : -1;
    case POINT_DEVICE:
        *text = device_text(step);
        return 0;
    default:
        return 0;
    }
}

/* --- custom properties
 * --------------------------------------------------------- */

/* An engine's metadata in the XML of a domain that is to be made. */
static char *
metadata_in(const char *xml)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), NULL);
    xmlNodePtr vm = doc ? ovirt_find(xml_root(doc), OVIRT_VM_URI) : NULL;

    return vm ? ovirt_text(vm) : NULL;
}

/* The address by which an engine names the NIC of a step; returns owned. */
static char *
mac_of(const struct step *step, const struct domain *view)
{
    const char *text = step->text ? step->text : step->text_was;
    CLEANUP_XML xmlDocPtr doc =
        text ? xml_parse(text, strlen(text), NULL) : NULL;
    const struct domain_device *seen =
        step->alias && view ? domain_device(view, "interface", step->alias)
                            : NULL;

    if (doc && xml_path(xml_root(doc), "mac"))
        return xml_attr(xml_path(xml_root(doc), "mac"), "address");
    return seen ? mem_dup(seen->mac) : NULL;
}

/* What the metadata says, and what this operation will have it say. */
static void
properties(const struct hook_step *at, const struct step *step,
           struct hook_env_props *out)
{
    const struct vm_info *info = at->run->info;
    const struct domain *view = info->live ? info->live : info->config;
    CLEANUP_TEXT char *made =
        step->kind == STEP_START_TRANSIENT ? metadata_in(step->text) : NULL;
    CLEANUP_TEXT char *mac = step->disk ? NULL : mac_of(step, view);
    struct hook_env_device device = {"interface", "mac_address", mac};

    if (step->disk)
        device = (struct hook_env_device){"disk", "name", step->disk->target};
    for (size_t i = 0; i < at->plan->nsteps; i++)
        if (at->plan->steps[i].kind == STEP_SET_METADATA &&
            !at->plan->steps[i].flag)
            hook_env_props(at->plan->steps[i].text, &device, out);
    hook_env_props(made ? made : view ? view->ovirt : NULL, &device, out);
}

/* --- a run
 * ---------------------------------------------------------------------- */

/* What ran is said in the receipt, and what it changed. */
static void
keep(const struct hook_step *at, const struct step *step, enum point_id point,
     const struct hook_outcome *out)
{
    json_t *list = json_object_get(at->run->notes, "hooks");
    json_t *row;

    if (!json_array_size(out->scripts))
        return;
    if (!list) {
        list = json_array();
        json_put(at->run->notes, "hooks", list);
    }
    row = json_object();
    json_put_text(row, "point", points_row(point)->name);
    if (step->disk || step->alias)
        json_put_text(row, "device",
                      step->disk ? step->disk->alias : step->alias);
    json_put(row, "scripts", json_incref(out->scripts));
    json_array_append_new(list, row);
}

static int
run_point(const struct hook_step *at, const struct step *step,
          enum point_id point, int64_t deadline_ms, struct hook_outcome *out,
          struct err *err)
{
    const struct hook_env_for who = {at->run->vm, at->op->op_id,
                                     at->op->flow_id, deadline_ms};
    CLEANUP_HOOK_PROPS struct hook_env_props props = {NULL, 0};
    CLEANUP_TEXT char *text = NULL;
    int64_t from = clock_mono_us();
    int64_t flags = point == POINT_BEFORE_VM_START ? step->flag : -1;
    int rc;

    *out = (struct hook_outcome){.flags = flags};
    if (point == NONE || !hook_env_any(at->run->env, point))
        return 0;
    if (payload(at, step, point, &text, err) < 0)
        return -1;
    properties(at, step, &props);
    rc = hook_env_run(at->run->env, point, &who, &props, text, flags, out, err);
    at->run->hooks_us += clock_mono_us() - from;
    return rc;
}

/* --- audit
 * ----------------------------------------------------------------------- */

static bool
is_privilege(const json_t *change)
{
    const json_t *need;
    size_t i;

    json_array_foreach (json_object_get(change, "needs"), i, need) {
        if (!strcmp(json_string_value(need), "privilege"))
            return true;
    }
    return false;
}

/* One row per script that changed privileges, granted or refused. */
static void
audit_script(const struct hook_step *at, const struct step *step,
             const json_t *row, struct store_batch *batch)
{
    bool refused = !strcmp(json_get_text(row, "result", ""), "result refused");
    const char *script = json_get_text(row, "script", "");
    CLEANUP_TEXT char *subject = mem_printf("hook %s", script);
    CLEANUP_JSON json_t *before = json_object(), *after = json_object();
    struct audit_entry entry = {
        .what = refused ? AUDIT_DENIAL : AUDIT_GRANT,
        .peer = at->op->peer,
        .verb = at->op->verb,
        .flow_id = at->op->flow_id,
        .op_id = at->op->op_id,
        .vm = at->op->vm,
        .vm_name = at->run->info->record.name,
        .disk = step->disk ? step->disk->id : NULL,
        .subject = subject,
        .before = before,
        .after = after,
        .result = refused ? "denied" : "granted",
        .why = refused ? "the script has no grant: [hook NAME] may = privilege"
                       : "[hook NAME] may = privilege",
    };
    json_t *change;
    size_t i;

    json_array_foreach (json_object_get(row, "changes"), i, change) {
        const char *what = json_get_text(change, "what", "?");

        if (!is_privilege(change))
            continue;
        json_put_text(before, what, json_get_text(change, "from", NULL));
        json_put_text(after, what, json_get_text(change, "to", NULL));
    }
    if (json_object_size(after))
        audit_append(at->run->env->audit, batch, &entry);
}

/* Durable before the effect that it tells of. */
static int
audit_scripts(const struct hook_step *at, const struct step *step,
              const struct hook_outcome *out, struct err *err)
{
    struct store_batch *batch;
    json_t *row;
    size_t i;

    if (!out->privileged || !at->run->env->audit)
        return 0;
    batch = store_batch_new();
    json_array_foreach (out->scripts, i, row) {
        audit_script(at, step, row, batch);
    }
    return store_commit(at->run->env->store, batch, err);
}

/* --- before
 * ---------------------------------------------------------------------- */

/* Before anything is done: what is asked for cannot be given here. */
static int
take_flags(struct step *step, const struct hook_outcome *out, struct err *err)
{
    if (out->flags < 0)
        return 0;
    if (out->flags > 1)
        return err_set(err, ERR_HOOK_FAILED,
                       "Hook scripts of before_vm_start set the launch flags "
                       "to %lld; expected 0, or 1 for a VM that starts paused",
                       (long long)out->flags);
    step->flag = out->flags == 1;
    return 0;
}

int
hook_step_before(const struct hook_step *at, struct step *step, struct err *err)
{
    const struct seam *seam = seam_of(at, step);
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};
    int rc;

    if (!seam)
        return 0;
    rc = run_point(at, step, seam->before, at->deadline_ms, &out, err);
    keep(at, step, seam->before, &out);
    if (audit_scripts(at, step, &out, rc < 0 ? NULL : err) < 0 || rc < 0 ||
        take_flags(step, &out, err) < 0)
        return -1;
    if (out.text) {
        free(step->text);
        step->text = STEAL(out.text);
        step->scripted = true;
    }
    if (step->kind == STEP_DESTROY &&
        hook_env_any(at->run->env, POINT_AFTER_VM_DESTROY))
        at->run->last_xml = hyper_domain_xml(at->run->env->hyper, at->run->vm,
                                             HYPER_XML_LIVE, NULL);
    return 0;
}

/* --- after
 * ----------------------------------------------------------------------- */

/* It is over, or failed: scripts cannot change that, so neither can what they
 * fail with. */
static void
tell(const struct hook_step *at, const struct step *step, enum point_id point)
{
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};
    struct err why = ERR_INIT;

    if (run_point(at, step, point, 0, &out, &why) < 0)
        log_warning("Operation %s: scripts of %s are not run: %s",
                    at->op->op_id, points_row(point)->name, why.message);
}

void
hook_step_after(const struct hook_step *at, const struct step *step)
{
    const struct seam *seam = seam_of(at, step);

    if (seam)
        tell(at, step, seam->after);
}

void
hook_step_failed(const struct hook_step *at, const struct step *step)
{
    const struct seam *seam = seam_of(at, step);

    if (seam)
        tell(at, step, seam->fail);
}
