// SPDX-License-Identifier: Apache-2.0
/*
 * A row without a group that is known lets nobody through: a forgotten one is
 * found by the first who calls it.
 */
#include "agent/front/gate.h"

#include <string.h>

#include "agent/plan/permit.h"

static bool
is_open(const struct verb *verb)
{
    return verb->action_group && !strcmp(verb->action_group, VERB_FOR_ALL);
}

/* -1 + DENIED: none that is known. */
static int
group_of(const struct verb *verb, struct err *err)
{
    int group = access_group_parse(verb->action_group);

    if (group < 0)
        err_set(err, ERR_DENIED, "%s names no action group: nobody may call it",
                verb->name);
    return group;
}

int
gate_enter(struct verb_call *call, struct err *err)
{
    int group;

    if (is_open(call->verb))
        return 0;
    group = group_of(call->verb, err);
    if (group < 0)
        return -1;
    return permit_check_any(call->env, &call->request,
                            (enum access_group)group, err);
}

static bool
names(const struct verb *verb, const char *param)
{
    return field_find(verb->params, verb->nparams, param) != NULL;
}

int
gate_object(struct verb_call *call, struct err *err)
{
    const char *ref = json_get_text(call->params, "vm", NULL);
    struct access_object object = {.vm = call->vm};
    enum access_group group;
    char uuid[UUID_TEXT];
    int found;

    if (is_open(call->verb) || call->verb->asks_itself ||
        (call->verb->lane == VERB_REMOTE && ref))
        return 0;
    found = group_of(call->verb, err);
    if (found < 0)
        return -1;
    group = (enum access_group)found;
    if (permit_may(call->env, call->request.who, group, NULL))
        return 0;
    if (!call->vm[0] && ref) {
        object.vm = ref;
        if (vm_table_find(call->env->vms, ref, uuid, NULL) == 0)
            object.vm = uuid;
        else if (call->verb->lane != VERB_HOST)
            return 0;
    }
    if (names(call->verb, "disk") || names(call->verb, "disks"))
        return permit_check_some(call->env, &call->request, group, &object,
                                 err);
    return permit_check(call->env, &call->request, group, &object, err);
}

/* A role for some disks there holds for a disk_id that is given whole: the
 * host's disks are not in memory. */
int
gate_remote(struct verb_call *call, struct err *err)
{
    const char *disk = json_get_text(
        call->params, "disk", json_get_text(call->params, "disk_id", ""));
    char id[UUID_TEXT];
    const struct access_object object = {
        .vm = call->vm,
        .vm_name = call->remote.vm.name,
        .disk = uuid_canon(disk, id) ? id : NULL,
    };
    int group;

    if (is_open(call->verb) || call->verb->asks_itself)
        return 0;
    group = group_of(call->verb, err);
    if (group < 0)
        return -1;
    return permit_check(call->env, &call->request, (enum access_group)group,
                        &object, err);
}
