// SPDX-License-Identifier: Apache-2.0
/*
 * Machines of VMware hosts, by libvirt's driver in a process of its own.
 */
#include "agent/verbs/remote_vm.h"

#include <string.h>

#include "agent/plan/remote_look.h"
#include "agent/policy/rights.h"

static json_t *
list_vms(struct verb_call *call, struct err *err)
{
    CLEANUP_FREE struct vim_entry *entries = NULL;
    CLEANUP_RIGHTS struct rights *rights =
        rights_of(atomic_load(&call->env->access), call->request.who);
    json_t *result, *list;
    size_t n;

    if (esx_list(call->remote.esx, &entries, &n, err) < 0)
        return NULL;
    result = json_object();
    list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct access_object object = {entries[i].uuid, entries[i].name,
                                             NULL};
        json_t *vm;

        if (!rights_allow(rights, ACCESS_VM_READ, &object))
            continue;
        vm = json_object();
        json_put_text(vm, "vm_id", entries[i].uuid);
        json_put_text(vm, "name", entries[i].name);
        json_put_text(vm, "hypervisor", esx_name(call->remote.esx));
        json_put_text(vm, "state", remote_look_state(entries[i].power));
        json_array_append_new(list, vm);
    }
    json_put(result, "vms", list);
    return result;
}

/* --- rows ------------------------------------------------------------------ */

static const struct field host_params[] = {VERB_HYPERVISOR_ROW};

const struct verb remote_vm_verbs[] = {
    {.name = "ListVms",
     .group = "vm",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_REMOTE,
     .doc = "The machines of a host",
     VERB_PARAMS(host_params),
     .run = list_vms},
};
const size_t remote_vm_nverbs =
    sizeof(remote_vm_verbs) / sizeof(remote_vm_verbs[0]);
