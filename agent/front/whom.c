// SPDX-License-Identifier: Apache-2.0
/* Looks into the table of VMs and waits for nobody. */
#include "agent/front/whom.h"

#include <string.h>

/* Of an engine's VM that libvirt does not have, starting or down, it may ask
 * by its UUID. */
static bool
is_engines(struct verb_call *call, const char *ref)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    char uuid[UUID_TEXT];

    if (!verb_is_vdsm(call->verb) || !uuid_canon(ref, uuid) ||
        !vm_table_get(call->env->vms, uuid, &info) ||
        info.life.state == VM_LIFE_NONE)
        return false;
    memcpy(call->vm, uuid, sizeof(call->vm));
    return true;
}

int
whom_resolve(struct verb_call *call, struct err *err)
{
    const char *ref = json_get_text(call->params, "vm", NULL);
    struct err why = ERR_INIT;

    /* One that is to be made under an engine's id has that lane already. */
    if (!ref && verb_is_vdsm(call->verb))
        uuid_canon(json_get_text(call->params, VERB_VMID, ""), call->vm);
    if (!ref || vm_table_find(call->env->vms, ref, call->vm, &why) == 0 ||
        (why.kind == ERR_NOT_FOUND &&
         (is_engines(call, ref) || call->verb->lane != VERB_INLINE)))
        return 0;
    *err = why;
    return -1;
}

bool
whom_stranger(const struct verb_call *call)
{
    const char *ref = json_get_text(call->params, "vm", NULL);
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    char uuid[UUID_TEXT];
    struct err why = ERR_INIT;

    if (!ref)
        return false;
    if (vm_table_find(call->env->vms, ref, uuid, &why) < 0)
        return why.kind == ERR_NOT_FOUND;
    return vm_table_get(call->env->vms, uuid, &info) && !info.recorded;
}
