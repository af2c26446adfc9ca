// SPDX-License-Identifier: Apache-2.0
/*
 * A trial run of a point: real scripts, on a payload as an operation would
 * make it or as it was given, and a result that goes nowhere but to who asked.
 */
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/hook_env.h"

json_t *
hook_env_list(struct env *env)
{
    struct hook_rules rules;

    hook_env_rules(env, &rules);
    return hooks_list(env->hooks, &rules);
}

json_t *
hook_env_checksums(struct env *env)
{
    struct hook_rules rules;

    hook_env_rules(env, &rules);
    return hooks_checksums(&rules);
}

json_t *
hook_env_counts(struct env *env)
{
    return env->hooks ? hooks_counts(env->hooks) : json_array();
}

enum point_id
hook_env_point(const char *name, struct err *err)
{
    const struct point *point = points_find(name);

    if (point && point->result != POINT_NEVER)
        return point->id;
    err_param(err, ERR_INVALID, "point", name,
              point ? "a point that berthd runs; this one it never does"
                    : "a point of hooks/README.md, such as "
                      "before_disk_hotplug");
    return POINT_IDS;
}

/* --- the payload
 * -------------------------------------------------------------- */

static int
missing(const char *what, struct err *err)
{
    return err_param(err, ERR_INVALID, what, NULL,
                     "it, or payload: there is nothing that scripts of this "
                     "point could be given");
}

static char *
domain_of(struct env *env, const struct hook_env_trial *trial, struct err *err)
{
    bool config = trial->point == POINT_BEFORE_VM_START;
    char *text;

    if (!trial->vm[0]) {
        missing("vm", err);
        return NULL;
    }
    text = hyper_domain_xml(env->hyper, trial->vm,
                            config ? HYPER_XML_CONFIG : HYPER_XML_LIVE, err);
    return text;
}

static char *
device_of(struct env *env, const struct hook_env_trial *trial, struct err *err)
{
    CLEANUP_DISK struct disk *disk = NULL;

    if (!trial->vm[0] || !trial->disk) {
        missing(trial->vm[0] ? "disk" : "vm", err);
        return NULL;
    }
    disk = vm_table_disk(env->vms, trial->vm, trial->disk, err);
    return disk ? disk_xml(disk) : NULL;
}

/* Returns owned, never NULL but on failure. */
static char *
payload(struct env *env, const struct hook_env_trial *trial, struct err *err)
{
    if (trial->text)
        return mem_dup(trial->text);
    switch (points_row(trial->point)->payload) {
    case POINT_DOMAIN:
        return domain_of(env, trial, err);
    case POINT_DEVICE:
        return device_of(env, trial, err);
    case POINT_JSON:
        return mem_dup("{}");
    case POINT_NONE:
        break;
    }
    return mem_dup("");
}

/* --- properties
 * ----------------------------------------------------------------- */

static void
properties(struct env *env, const struct hook_env_trial *trial,
           struct hook_env_props *out)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    const struct domain *view = NULL;
    const char *name;
    json_t *value;

    if (trial->vm[0] && vm_table_get(env->vms, trial->vm, &info))
        view = info.live ? info.live : info.config;
    hook_env_props(view ? view->ovirt : NULL,
                   &(struct hook_env_device){.value = NULL}, out);
    json_object_foreach ((json_t *)trial->custom, name, value) {
        out->items = mem_more(out->items, out->n, sizeof(*out->items));
        out->items[out->n++] = (struct environ_property){
            mem_dup(name),
            mem_dup(json_string_value(value) ? json_string_value(value) : "")};
    }
}

/* --- the trial
 * -------------------------------------------------------------------- */

static json_t *
answer(const struct hook_env_trial *trial, const struct hook_outcome *out,
       const char *text, const struct err *why)
{
    json_t *result = json_object(), *row;
    bool accepted = why->kind == ERR_NONE;
    const char *reason = accepted ? NULL : why->message;
    size_t i;

    json_put_text(result, "point", points_row(trial->point)->name);
    json_put(result, "scripts", json_incref(out->scripts));
    json_array_foreach (out->scripts, i, row) {
        const char *refused = json_get_text(row, "refused", NULL);

        if (refused && !reason)
            reason = refused;
    }
    json_put_bool(result, "accepted", !reason);
    json_put_text(result, "why", reason);
    json_put_text(result, "payload", out->text ? out->text : text);
    return result;
}

json_t *
hook_env_test(struct env *env, const struct hook_env_trial *trial,
              struct err *err)
{
    const struct point *point = points_row(trial->point);
    CLEANUP_SCRIPTS struct scripts found = {NULL, 0};
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};
    CLEANUP_HOOK_PROPS struct hook_env_props props = {NULL, 0};
    CLEANUP_TEXT char *text = NULL;
    struct hook_rules rules;
    struct err why = ERR_INIT;
    struct hook_call call = {.point = trial->point,
                             .scripts = &found,
                             .rules = &rules,
                             .vm = trial->vm[0] ? trial->vm : NULL,
                             .flags = -1,
                             .test = true};

    hook_env_rules(env, &rules);
    text = payload(env, trial, err);
    if (!text)
        return NULL;
    if (!hooks_find(&rules, trial->point, &found)) {
        err_set(err, ERR_NOT_FOUND,
                "There are no scripts of %s in [hooks] dirs", point->name);
        return NULL;
    }
    properties(env, trial, &props);
    call.props = props.items;
    call.nprops = props.n;
    call.text = text;
    if (trial->point == POINT_BEFORE_VM_START)
        call.flags = 0;
    hooks_run(env->hooks, &call, &out, &why);
    return answer(trial, &out, text, &why);
}
