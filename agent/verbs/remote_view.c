// SPDX-License-Identifier: Apache-2.0
/*
 * Questions that a VMware host answers itself: lists and figures by vSphere,
 * XML, snapshots, storage and .vmx by libvirt's driver.
 */
#include "agent/verbs/remote_view.h"

#include <string.h>

#include "agent/plan/permit.h"
#include "agent/plan/remote_disk_work.h"
#include "agent/plan/remote_look.h"

/* --- machines ------------------------------------------------------------- */

static json_t *
entry_json(const struct verb_call *call, const struct vim_entry *entry)
{
    json_t *vm = json_object();

    json_put_text(vm, "vm_id", entry->uuid);
    json_put_text(vm, "name", entry->name);
    json_put_text(vm, "hypervisor", esx_name(call->remote.esx));
    json_put_text(vm, "state", remote_look_state(entry->power));
    return vm;
}

static json_t *
list_vms(struct verb_call *call, struct err *err)
{
    CLEANUP_FREE struct vim_entry *entries = NULL;
    json_t *result, *list;
    size_t n;

    if (esx_list(call->remote.esx, &entries, &n, err) < 0)
        return NULL;
    result = json_object();
    list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct access_object object = {.vm = entries[i].uuid,
                                             .vm_name = entries[i].name};

        if (permit_may(call->env, call->request.who, ACCESS_VM_READ, &object))
            json_array_append_new(list, entry_json(call, &entries[i]));
    }
    json_put(result, "vms", list);
    return result;
}

/* A call of libvirt's driver about the machine, as it answers. */
static json_t *
ask(struct verb_call *call, const char *name, struct err *err)
{
    CLEANUP_JSON json_t *args = json_object();
    json_t *result = NULL;

    if (call->vm[0])
        json_put_text(args, "vm", call->vm);
    if (json_object_get(call->params, "pool"))
        json_put_text(args, "pool", json_get_text(call->params, "pool", ""));
    return esx_virt(call->remote.esx, name, args, call->request.deadline_ms,
                    &result, NULL, err) < 0
               ? NULL
               : result;
}

static json_t *
get_vm(struct verb_call *call, struct err *err)
{
    json_t *vm = ask(call, "look", err), *disks;

    if (!vm)
        return NULL;
    json_put_text(vm, "hypervisor", esx_name(call->remote.esx));
    disks = remote_disk_work_list(&call->remote, err);
    if (!disks) {
        json_decref(vm);
        return NULL;
    }
    json_put(vm, "disks", disks);
    return vm;
}

static json_t *
get_vm_xml(struct verb_call *call, struct err *err)
{
    return ask(call, "xml", err);
}

/* Quick figures: what the host keeps at hand. */
static json_t *
get_vm_stats(struct verb_call *call, struct err *err)
{
    CLEANUP_FREE struct vim_entry *entries = NULL;
    json_t *result, *list;
    size_t n;

    if (esx_list(call->remote.esx, &entries, &n, err) < 0)
        return NULL;
    result = json_object();
    list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct vim_entry *entry = &entries[i];
        json_t *vm;

        if (strcmp(entry->uuid, call->vm) != 0)
            continue;
        vm = entry_json(call, entry);
        json_put_int(vm, "cpu_mhz", entry->cpu_mhz);
        json_put_int(vm, "memory", entry->memory_mib << 20);
        json_put_int(vm, "guest_memory", entry->guest_memory_mib << 20);
        json_put_int(vm, "uptime_s", entry->uptime_s);
        json_put_int(vm, "storage", entry->storage);
        json_put_text(vm, "tools", entry->tools);
        json_array_append_new(list, vm);
    }
    json_put(result, "vms", list);
    return result;
}

static json_t *
get_guest_info(struct verb_call *call, struct err *err)
{
    json_t *guest = ask(call, "guest", err);

    if (!guest)
        return NULL;
    json_put_bool(guest, "tools",
                  strcmp(call->remote.vm.tools, "guestToolsRunning") == 0);
    return guest;
}

static json_t *
get_scheduler(struct verb_call *call, struct err *err)
{
    return ask(call, "get_scheduler", err);
}

static json_t *
list_snapshots(struct verb_call *call, struct err *err)
{
    return ask(call, "snapshot_list", err);
}

/* --- the host ---------------------------------------------------------------- */

static json_t *
list_pools(struct verb_call *call, struct err *err)
{
    return ask(call, "pools", err);
}

static json_t *
list_volumes(struct verb_call *call, struct err *err)
{
    return ask(call, "volumes", err);
}

static json_t *
convert_vmx(struct verb_call *call, struct err *err)
{
    CLEANUP_JSON json_t *args = json_object();
    bool to = strcmp(json_get_text(call->params, "to", "xml"), "vmx") == 0;
    const char *text = json_get_text(call->params, "text", NULL);
    json_t *result = NULL;

    if (!text) {
        err_param(err, ERR_INVALID, "text", NULL, "a .vmx or a domain's XML");
        return NULL;
    }
    json_put_text(args, "text", text);
    return esx_virt(call->remote.esx, to ? "to_vmx" : "from_vmx", args,
                    call->request.deadline_ms, &result, NULL, err) < 0
               ? NULL
               : result;
}

static const char *const can[] = {
    "disks",     "rdm",    "controllers", "power",   "define",
    "snapshots", "volumes", "scheduler",   "convert", "guest_info"};
static const char *const cannot[] = {"sgio", "reservations", "iothreads",
                                     "iotune", "hooks", "topology"};

static json_t *
words(const char *const *list, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

static json_t *
get_capabilities(struct verb_call *call, struct err *err)
{
    struct esx *esx = call->remote.esx;
    const struct esx_uri *uri = esx_uri_of(esx);
    json_t *result = ask(call, "info", err), *list;
    struct vim_about about;

    if (!result)
        return NULL;
    if (esx_hello(esx, &about, err) < 0) {
        json_decref(result);
        return NULL;
    }
    list = words(can, sizeof(can) / sizeof(can[0]));
    if (about.vcenter || uri->vcenter[0])
        json_array_append_new(list, json_string("migration"));
    json_put_text(result, "hypervisor", esx_name(esx));
    json_put_text(result, "backend", "esx");
    json_put_text(result, "product", about.full_name);
    json_put_text(result, "api_version", about.api_version);
    json_put(result, "capabilities", list);
    json_put(result, "unsupported",
             words(cannot, sizeof(cannot) / sizeof(cannot[0])));
    return result;
}

/* --- rows ------------------------------------------------------------------ */

static const struct field host_params[] = {VERB_HYPERVISOR_ROW};
static const struct field vm_params[] = {VERB_VM_ROW, VERB_HYPERVISOR_ROW};

static const struct field volumes_params[] = {
    VERB_HYPERVISOR_ROW,
    {.name = "pool",
     .type = FIELD_TEXT,
     .required = true,
     .max = 255,
     .doc = "The datastore (ListPools)"},
};

static const struct field convert_params[] = {
    VERB_HYPERVISOR_ROW,
    {.name = "to",
     .type = FIELD_ENUM,
     .deflt = "\"xml\"",
     .range = "xml|vmx",
     .doc = "What text is to become"},
    {.name = "text",
     .type = FIELD_ANY,
     .required = true,
     .doc = "A .vmx, or a domain's XML"},
};

#define ROW(name_, group_, action_, fn_, rows_, doc_)                          \
    {.name = name_,                                                            \
     .group = group_,                                                          \
     .action_group = action_,                                                  \
     .lane = VERB_REMOTE,                                                      \
     .doc = doc_,                                                              \
     VERB_PARAMS(rows_),                                                       \
     .run = fn_}

const struct verb remote_view_verbs[] = {
    {.name = "ListVms",
     .group = "vm",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_REMOTE,
     .doc = "The machines of a host.",
     VERB_PARAMS(host_params),
     .run = list_vms},
    ROW("GetVm", "vm", "VM_READ", get_vm, vm_params, "A machine, whole."),
    ROW("GetVmXml", "vm", "VM_READ", get_vm_xml, vm_params,
        "A machine as libvirt's driver tells it."),
    ROW("GetVmStats", "vm", "VM_READ", get_vm_stats, vm_params,
        "A machine's quick figures."),
    ROW("GetGuestInfo", "vm", "VM_READ", get_guest_info, vm_params,
        "The guest's host name and addresses, by VMware tools."),
    ROW("GetScheduler", "vm", "VM_READ", get_scheduler, vm_params,
        "A machine's part of the host's CPU."),
    ROW("ListSnapshots", "vm", "VM_READ", list_snapshots, vm_params,
        "A machine's snapshots."),
    ROW("ListPools", "storage", "HOST_READ", list_pools, host_params,
        "The datastores of a host."),
    ROW("ListVolumes", "storage", "HOST_READ", list_volumes, volumes_params,
        "The disk files of a datastore."),
    ROW("ConvertVmx", "vm", "VM_CREATE", convert_vmx, convert_params,
        "Turn a .vmx into libvirt's XML, or the other way."),
    ROW("GetCapabilities", "host", "HOST_READ", get_capabilities, host_params,
        "What a host is and can do."),
};
const size_t remote_view_nverbs =
    sizeof(remote_view_verbs) / sizeof(remote_view_verbs[0]);
