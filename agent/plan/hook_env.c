// SPDX-License-Identifier: Apache-2.0
/*
 * Nothing is kept between runs: settings and scripts are looked at each time,
 * so that a reload, a new script or one taken away counts from the next run.
 */
#include "agent/plan/hook_env.h"

#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/common/xml.h"
#include "agent/plan/disk_facts.h"
#include "agent/spec/ovirt.h"

/* --- rules -------------------------------------------------------------------
 */

static unsigned
may(void *ctx, const char *script)
{
    struct env *env = ctx;
    const char *bad = NULL;
    int grants = judge_grants(
        conf_named_list(env_conf(env), CONF_HOOK_MAY, script), &bad);

    return grants < 0 ? 0 : (unsigned)grants; /* refused when it was loaded */
}

static bool
source_allowed(void *ctx, const char *path, bool block, const char *format)
{
    struct err why = ERR_INIT;

    return disk_facts_allowed(ctx, path, block, format, &why) == 0;
}

void
hook_env_rules(struct env *env, struct hook_rules *rules)
{
    const struct conf *conf = env_conf(env);

    *rules = (struct hook_rules){
        .dirs = conf_list(conf, CONF_HOOKS_DIRS),
        .work_dir = conf_text(conf, CONF_HOOKS_WORK_DIR),
        .script_ms = conf_int(conf, CONF_HOOKS_SCRIPT_TIMEOUT_MS),
        .point_ms = conf_int(conf, CONF_HOOKS_POINT_TIMEOUT_MS),
        .max = (int)conf_int(conf, CONF_HOOKS_MAX),
        .user = conf_text(conf, CONF_HOOKS_USER),
        .may = may,
        .ctx = env,
        .sources = {source_allowed, env},
    };
}

/* --- custom properties
 * --------------------------------------------------------- */

static void
add_children(xmlNodePtr custom, struct hook_env_props *out)
{
    for (xmlNodePtr c = xml_child(custom, NULL); c; c = xml_next(c, NULL)) {
        out->items = mem_more(out->items, out->n, sizeof(*out->items));
        out->items[out->n++] = (struct environ_property){
            mem_dup((const char *)c->name), xml_content(c)};
    }
}

static bool
is_entry(xmlNodePtr node, const struct hook_env_device *device)
{
    return device->value && xml_is(node, "device") &&
           xml_attr_is(node, "devtype", device->devtype) &&
           xml_attr_is(node, device->key, device->value);
}

void
hook_env_props(const char *metadata, const struct hook_env_device *device,
               struct hook_env_props *out)
{
    CLEANUP_XML xmlDocPtr doc =
        metadata ? xml_parse(metadata, strlen(metadata), NULL) : NULL;
    xmlNodePtr root = doc ? xml_root(doc) : NULL;
    xmlNodePtr entry =
        xml_is(root, OVIRT_VM_NAME) && device->value
            ? ovirt_device(root, device->devtype, device->key, device->value)
            : NULL;

    if (root && is_entry(root, device))
        entry = root;
    add_children(xml_child(entry, "custom"), out);
    if (xml_is(root, OVIRT_VM_NAME))
        add_children(xml_child(root, "custom"), out);
}

void
hook_env_props_clear(struct hook_env_props *props)
{
    for (size_t i = 0; i < props->n; i++) {
        free((char *)props->items[i].name);
        free((char *)props->items[i].value);
    }
    free(props->items);
    *props = (struct hook_env_props){NULL, 0};
}

/* --- a run
 * ---------------------------------------------------------------------- */

bool
hook_env_any(struct env *env, enum point_id point)
{
    CLEANUP_SCRIPTS struct scripts found = {NULL, 0};
    struct hook_rules rules;

    if (!env->hooks)
        return false;
    hook_env_rules(env, &rules);
    return hooks_find(&rules, point, &found);
}

int
hook_env_run(struct env *env, enum point_id point,
             const struct hook_env_for *who, const struct hook_env_props *props,
             const char *text, int64_t flags, struct hook_outcome *out,
             struct err *err)
{
    CLEANUP_SCRIPTS struct scripts found = {NULL, 0};
    struct hook_rules rules;

    *out = (struct hook_outcome){.flags = flags};
    if (!env->hooks)
        return 0;
    hook_env_rules(env, &rules);
    if (!hooks_find(&rules, point, &found))
        return 0;
    return hooks_run(env->hooks,
                     &(struct hook_call){.point = point,
                                         .scripts = &found,
                                         .rules = &rules,
                                         .vm = who->vm,
                                         .flow_id = who->flow_id,
                                         .op_id = who->op_id,
                                         .props = props ? props->items : NULL,
                                         .nprops = props ? props->n : 0,
                                         .text = text,
                                         .flags = flags,
                                         .deadline_ms = who->deadline_ms},
                     out, err);
}
