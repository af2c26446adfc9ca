// SPDX-License-Identifier: Apache-2.0
/*
 * Which hook scripts there are and how they have fared, and a trial run that
 * changes nothing of a VM. Workers, in no lane: a script that hangs in a trial
 * holds up nobody.
 */
#include "agent/verbs/hook.h"

#include <string.h>

#include "agent/plan/adopt.h"
#include "agent/plan/hook_env.h"

static json_t *
list_hooks(struct verb_call *call, struct err *err)
{
    (void)err;
    return hook_env_list(call->env);
}

static int
find_vm(struct verb_call *call, char uuid[UUID_TEXT], struct err *err)
{
    const char *ref = json_get_text(call->params, "vm", NULL);
    struct err why = ERR_INIT;

    uuid[0] = '\0';
    if (!ref || vm_table_find(call->env->vms, ref, uuid, &why) == 0)
        return 0;
    if (why.kind == ERR_NOT_FOUND)
        return adopt_find(call->env, ref, uuid, err);
    *err = why;
    return -1;
}

static json_t *
test_hook(struct verb_call *call, struct err *err)
{
    const json_t *payload = json_object_get(call->params, "payload");
    char vm[UUID_TEXT];
    struct hook_env_trial trial = {
        .point = hook_env_point(json_get_text(call->params, "point", ""), err),
        .vm = vm,
        .disk = json_get_text(call->params, "disk", NULL),
        .text = json_string_value(payload),
        .custom = json_object_get(call->params, "custom"),
    };

    if (trial.point == POINT_IDS || find_vm(call, vm, err) < 0)
        return NULL;
    if (payload && !json_is_null(payload) && !trial.text) {
        field_refuse("", "payload", payload, "text: the XML or JSON", err);
        return NULL;
    }
    return hook_env_test(call->env, &trial, err);
}

/* --- rows ------------------------------------------------------------------
 */

static const struct field test_fields[] = {
    {.name = "point",
     .type = FIELD_NAME,
     .required = true,
     .doc = "The point whose scripts are run"},
    {.name = "vm",
     .type = FIELD_REF,
     .doc = "The VM whose XML they are given: UUID, unique beginning of it, "
            "or name"},
    {.name = "disk",
     .type = FIELD_REF,
     .doc = "The disk of the VM whose XML they are given, at a point of disks"},
    {.name = "payload",
     .type = FIELD_ANY,
     .range = "text",
     .doc = "What they are given instead: XML, or JSON"},
    {.name = "custom",
     .type = FIELD_OBJECT,
     .range = "{name: text}",
     .doc = "Custom properties besides those of the VM"},
};

const struct verb hook_verbs[] = {
    {.name = "ListHooks",
     .group = "host",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .doc = "Lists the hook scripts of each point in the order they run: "
            "file, checksum, grants, why one is unsafe, how often they ran and "
            "failed, and how the last run ended.",
     .run = list_hooks},
    {.name = "TestHook",
     .group = "host",
     .action_group = "HOST_ADMIN",
     .lane = VERB_HOST,
     .doc = "Runs the scripts of a point for real on the XML of a VM or disk, "
            "or on what is given, and shows what each changed and whether "
            "that would be let through; nothing is applied.",
     VERB_PARAMS(test_fields),
     .run = test_hook},
};
const size_t hook_nverbs = sizeof(hook_verbs) / sizeof(hook_verbs[0]);
