// SPDX-License-Identifier: Apache-2.0
/*
 * Machines of VMware hosts: what changes them, and snapshots. Questions are in
 * remote_view.c.
 */
#include "agent/verbs/remote_vm.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/esx_domain.h"
#include "agent/hyper/esx_rules.h"
#include "agent/plan/remote_look.h"
#include "agent/plan/remote_run.h"
#include "agent/plan/remote_vm_work.h"

static json_t *
fail(int rc)
{
    (void)rc; /* err is set */
    return NULL;
}

/* --- power --------------------------------------------------------------- */

static json_t *
power(struct verb_call *call, enum remote_power which, struct err *err)
{
    return remote_run(&call->remote, &remote_vm_work_power, &which, err);
}

static json_t *
start_vm(struct verb_call *call, struct err *err)
{
    return power(call, REMOTE_POWER_START, err);
}

static json_t *
destroy_vm(struct verb_call *call, struct err *err)
{
    return power(call, REMOTE_POWER_STOP, err);
}

static json_t *
shutdown_vm(struct verb_call *call, struct err *err)
{
    return power(call, REMOTE_POWER_SHUTDOWN, err);
}

static json_t *
reboot_vm(struct verb_call *call, struct err *err)
{
    return power(call,
                 json_get_bool(call->params, "reset", 0) ? REMOTE_POWER_RESET
                                                         : REMOTE_POWER_REBOOT,
                 err);
}

static json_t *
suspend_vm(struct verb_call *call, struct err *err)
{
    return power(call, REMOTE_POWER_SUSPEND, err);
}

static json_t *
resume_vm(struct verb_call *call, struct err *err)
{
    return power(call, REMOTE_POWER_RESUME, err);
}

/* --- by libvirt's driver -------------------------------------------------- */

/* Takes args and expect. */
static json_t *
virt(struct verb_call *call, const char *name, json_t *args, json_t *expect,
     bool skip, const char *event, struct err *err)
{
    struct remote_virt_wish wish = {.call = name,
                                    .args = args,
                                    .expect = expect,
                                    .skip = skip,
                                    .event = event};
    json_t *out = remote_run(&call->remote, &remote_vm_work_virt, &wish, err);

    remote_vm_work_clear(&wish);
    return out;
}

static json_t *
delete_vm(struct verb_call *call, struct err *err)
{
    return virt(call, "undefine", json_object(),
                json_pack("{s:s, s:b}", "kind", "machine", "there", 0), false,
                "vm.removed", err);
}

static json_t *
set_autostart(struct verb_call *call, struct err *err)
{
    int on = json_get_bool(call->params, "autostart", 0);

    return virt(call, "autostart", json_pack("{s:b}", "on", on),
                json_pack("{s:s, s:b}", "kind", "settings", "autostart", on),
                true, NULL, err);
}

/* One of memory, vcpus and autostart: each is a call of its own there. */
static json_t *
update_vm(struct verb_call *call, struct err *err)
{
    json_int_t memory = json_get_int(call->params, "memory", 0);
    json_int_t vcpus = json_get_int(call->params, "vcpus", 0);
    bool autostart = json_is_boolean(json_object_get(call->params,
                                                     "autostart"));

    if ((memory != 0) + (vcpus != 0) + autostart != 1)
        return fail(err_set(err, ERR_INVALID,
                       "A VMware host changes one thing at a time: give one "
                       "of memory, vcpus and autostart"));
    if (autostart)
        return set_autostart(call, err);
    if (vcpus)
        return virt(call, "vcpus", json_pack("{s:I}", "count", vcpus),
                    json_pack("{s:s, s:I}", "kind", "settings", "vcpus",
                              vcpus),
                    true, "vm.changed", err);
    if (esx_rules_memory((uint64_t)memory, err) < 0)
        return NULL;
    return virt(call, "memory", json_pack("{s:I}", "bytes", memory),
                json_pack("{s:s, s:I}", "kind", "settings", "memory", memory),
                true, "vm.changed", err);
}

static int
check_scheduler(const json_t *wanted, struct err *err)
{
    json_int_t shares = json_get_int(wanted, "shares", 1);
    json_int_t limit = json_get_int(wanted, "limit", 0);
    char value[24];

    if (!json_object_size(wanted))
        return err_param(err, ERR_INVALID, "reservation", NULL,
                         "at least one of reservation, limit and shares");
    snprintf(value, sizeof(value), "%lld", (long long)shares);
    if (shares < -3 || shares == 0)
        return err_param(err, ERR_INVALID, "shares", value,
                         "1 or more, or -1 (low), -2 (normal), -3 (high)");
    snprintf(value, sizeof(value), "%lld", (long long)limit);
    return limit < -1 ? err_param(err, ERR_INVALID, "limit", value,
                                  "MHz, or -1 for none")
                      : 0;
}

static json_t *
set_scheduler(struct verb_call *call, struct err *err)
{
    static const char *const names[] = {"reservation", "limit", "shares"};
    CLEANUP_JSON json_t *wanted = json_object();

    for (size_t i = 0; i < 3; i++) {
        json_t *value = json_object_get(call->params, names[i]);

        if (json_is_integer(value))
            json_put(wanted, names[i], json_incref(value));
    }
    if (check_scheduler(wanted, err) < 0)
        return NULL;
    return virt(call, "set_scheduler", json_copy(wanted),
                json_pack("{s:s, s:O}", "kind", "scheduler", "scheduler",
                          wanted),
                true, "vm.changed", err);
}

/* A definition comes as libvirt's XML: the driver makes the .vmx of it. */
static json_t *
define_vm(struct verb_call *call, struct err *err)
{
    const char *xml = json_get_text(call->params, "xml", "");
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    CLEANUP_FREE char *name = NULL;

    if (!doc)
        return NULL;
    name = vim_soap_child_text(xml_root(doc), "name");
    if (!xml_is(xml_root(doc), "domain") || !name)
        return fail(err_param(err, ERR_INVALID, "xml", NULL,
                         "a <domain type='vmware'> with a name"));
    if (esx_domain_check(doc, err) < 0)
        return NULL;
    return virt(call, "define", json_pack("{s:s}", "xml", xml),
                json_pack("{s:s, s:s}", "kind", "named", "name", name), true,
                "vm.added", err);
}

/* --- snapshots ------------------------------------------------------------- */

static json_t *
snapshot_expect(const struct verb_call *call, int there)
{
    return json_pack("{s:s, s:s, s:b}", "kind", "snapshot", "name",
                     json_get_text(call->params, "name", ""), "there", there);
}

static json_t *
create_snapshot(struct verb_call *call, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("domainsnapshot");
    const char *about = json_get_text(call->params, "description", NULL);
    CLEANUP_FREE char *text = NULL;

    xml_add(xml_root(doc), "name", json_get_text(call->params, "name", ""));
    if (about)
        xml_add(xml_root(doc), "description", about);
    text = xml_text(xml_root(doc));
    return virt(call, "snapshot_create", json_pack("{s:s}", "xml", text),
                snapshot_expect(call, 1), true, "vm.changed", err);
}

static json_t *
delete_snapshot(struct verb_call *call, struct err *err)
{
    return virt(call, "snapshot_delete",
                json_pack("{s:s, s:b}", "name",
                          json_get_text(call->params, "name", ""), "children",
                          json_get_bool(call->params, "children", 0)),
                snapshot_expect(call, 0), true, "vm.changed", err);
}

static json_t *
revert_snapshot(struct verb_call *call, struct err *err)
{
    return virt(call, "snapshot_revert",
                json_pack("{s:s}", "name",
                          json_get_text(call->params, "name", "")),
                json_pack("{s:s}", "kind", "none"), false, "vm.changed", err);
}

/* --- migration ------------------------------------------------------------- */

static json_t *
migrate_vm(struct verb_call *call, struct err *err)
{
    const char *name = json_get_text(call->params, "to", "");
    struct esx *to = esx_set_find(call->env->esx, name);
    const struct esx_uri *from = esx_uri_of(call->remote.esx);

    if (!to || to == call->remote.esx)
        return fail(err_param(err, ERR_INVALID, "to", name,
                         "another VMware host of ListHypervisors"));
    if (strcmp(from->scheme, "vpx") != 0 && !from->vcenter[0])
        return fail(err_set(err, ERR_UNSUPPORTED,
                       "%s is reached as a host alone, and only a vCenter "
                       "migrates: write its uri as vpx://VCENTER/…, or give it "
                       "vcenter=",
                       esx_name(call->remote.esx)));
    return virt(call, "migrate",
                json_pack("{s:o, s:b}", "to", esx_open_args(to), "live",
                          json_get_bool(call->params, "live", 1)),
                json_pack("{s:s, s:s}", "kind", "elsewhere", "hypervisor",
                          name),
                false, "vm.migrated", err);
}

/* --- volumes ---------------------------------------------------------------- */

static json_t *
volume_expect(const struct verb_call *call, int there)
{
    return json_pack("{s:s, s:s, s:s, s:b}", "kind", "volume", "pool",
                     json_get_text(call->params, "pool", ""), "name",
                     json_get_text(call->params, "name", ""), "there", there);
}

static json_t *
create_volume(struct verb_call *call, struct err *err)
{
    const char *name = json_get_text(call->params, "name", "");
    CLEANUP_XML xmlDocPtr doc = xml_new("volume");
    CLEANUP_FREE char *text = NULL;
    CLEANUP_FREE char *path = NULL;
    char size[24];

    path = mem_printf("[x] %s", name); /* the same rules hold for a name */
    if (esx_rules_path("name", path, ".vmdk", err) < 0)
        return NULL;
    snprintf(size, sizeof(size), "%lld",
             (long long)json_get_int(call->params, "size", 0));
    xml_add(xml_root(doc), "name", name);
    xml_set(xml_add(xml_root(doc), "capacity", size), "unit", "bytes");
    xml_set(xml_add(xml_add(xml_root(doc), "target", NULL), "format", NULL),
            "type", "vmdk");
    text = xml_text(xml_root(doc));
    return virt(call, "volume_create",
                json_pack("{s:s, s:s}", "pool",
                          json_get_text(call->params, "pool", ""), "xml",
                          text),
                volume_expect(call, 1), true, NULL, err);
}

static json_t *
delete_volume(struct verb_call *call, struct err *err)
{
    return virt(call, "volume_delete",
                json_pack("{s:s, s:s}", "pool",
                          json_get_text(call->params, "pool", ""), "name",
                          json_get_text(call->params, "name", "")),
                volume_expect(call, 0), true, NULL, err);
}

/* --- rows ------------------------------------------------------------------ */

#define NAME_ROW(what_)                                                        \
    {.name = "name", .type = FIELD_TEXT, .required = true, .max = 255,         \
     .doc = what_}

static const struct field vm_params[] = {VERB_VM_ROW, VERB_HYPERVISOR_ROW};

static const struct field reboot_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    {.name = "reset",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Reset the machine without asking the guest"},
};

static const struct field update_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    {.name = "memory",
     .type = FIELD_INT,
     .min = 4194304,
     .max = (int64_t)1 << 44,
     .range = "bytes, a multiple of 4 MiB",
     .doc = "Memory; the machine must be off"},
    {.name = "vcpus",
     .type = FIELD_INT,
     .min = 1,
     .max = 768,
     .range = "1..768",
     .doc = "Virtual CPUs"},
    {.name = "autostart", .type = FIELD_BOOL, .doc = "Start with the host"},
};

static const struct field create_params[] = {
    VERB_HYPERVISOR_ROW,
    {.name = "xml",
     .type = FIELD_ANY,
     .required = true,
     .doc = "A <domain type='vmware'>, with datastore paths "
            "\"[datastore] folder/file.vmdk\""},
};

static const struct field autostart_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    {.name = "autostart",
     .type = FIELD_BOOL,
     .required = true,
     .doc = "Start with the host"},
};

static const struct field scheduler_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    {.name = "reservation",
     .type = FIELD_INT,
     .max = (int64_t)1 << 40,
     .range = "MHz",
     .doc = "CPU that it always gets"},
    {.name = "limit",
     .type = FIELD_INT,
     .min = -1,
     .max = (int64_t)1 << 40,
     .range = "MHz, -1: none",
     .doc = "CPU that it gets at most"},
    {.name = "shares",
     .type = FIELD_INT,
     .min = -3,
     .max = 1000000,
     .range = "1..1000000, or -1 low, -2 normal, -3 high",
     .doc = "Its part when CPU is short"},
};

static const struct field snapshot_params[] = {
    VERB_VM_ROW, VERB_HYPERVISOR_ROW, NAME_ROW("The snapshot")};

static const struct field create_snapshot_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    NAME_ROW("The snapshot"),
    {.name = "description", .type = FIELD_TEXT, .doc = "What it is for"},
};

static const struct field delete_snapshot_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    NAME_ROW("The snapshot"),
    {.name = "children",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Those made after it go too"},
};

static const struct field migrate_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    {.name = "to",
     .type = FIELD_NAME,
     .required = true,
     .doc = "The hypervisor it goes to; its storage stays"},
    {.name = "live",
     .type = FIELD_BOOL,
     .deflt = "true",
     .doc = "While it goes on running"},
};

#define POOL_ROW                                                               \
    {.name = "pool", .type = FIELD_TEXT, .required = true, .max = 255,         \
     .doc = "The datastore (ListPools)"}

static const struct field create_volume_params[] = {
    VERB_HYPERVISOR_ROW,
    POOL_ROW,
    NAME_ROW("folder/file.vmdk"),
    {.name = "size", .type = FIELD_SIZE, .required = true, .doc = "Bytes of its content"},
};

static const struct field volume_params[] = {VERB_HYPERVISOR_ROW, POOL_ROW,
                                             NAME_ROW("folder/file.vmdk")};

#define ROW(name_, group_, action_, fn_, rows_, doc_)                          \
    {.name = name_,                                                            \
     .group = group_,                                                          \
     .action_group = action_,                                                  \
     .mutating = true,                                                         \
     .lane = VERB_REMOTE,                                                      \
     .doc = doc_,                                                              \
     VERB_PARAMS(rows_),                                                       \
     .run = fn_}

const struct verb remote_vm_verbs[] = {
    ROW("CreateVm", "vm", "VM_CREATE", define_vm, create_params,
        "Define a machine from libvirt's XML."),
    ROW("UpdateVm", "vm", "VM_CREATE", update_vm, update_params,
        "Change a machine's memory, CPUs or autostart."),
    ROW("StartVm", "vm", "VM_OPERATE", start_vm, vm_params,
        "Start a machine."),
    ROW("ShutdownVm", "vm", "VM_OPERATE", shutdown_vm, vm_params,
        "Ask the guest to shut down (VMware tools)."),
    ROW("DestroyVm", "vm", "VM_OPERATE", destroy_vm, vm_params,
        "Power a machine off."),
    ROW("RebootVm", "vm", "VM_OPERATE", reboot_vm, reboot_params,
        "Ask the guest to reboot, or reset the machine."),
    ROW("SuspendVm", "vm", "VM_OPERATE", suspend_vm, vm_params,
        "Suspend a machine to its datastore."),
    ROW("ResumeVm", "vm", "VM_OPERATE", resume_vm, vm_params,
        "Let a suspended machine go on."),
    ROW("DeleteVm", "vm", "VM_CREATE", delete_vm, vm_params,
        "Unregister a machine that is off; its files stay."),
    ROW("SetAutostart", "vm", "VM_CREATE", set_autostart, autostart_params,
        "Whether a machine starts with its host."),
    ROW("SetScheduler", "vm", "VM_OPERATE", set_scheduler, scheduler_params,
        "A machine's part of the host's CPU."),
    ROW("CreateSnapshot", "vm", "VM_OPERATE", create_snapshot,
        create_snapshot_params, "Make a snapshot of a machine."),
    ROW("RevertSnapshot", "vm", "VM_OPERATE", revert_snapshot, snapshot_params,
        "Put a machine back to a snapshot."),
    ROW("DeleteSnapshot", "vm", "VM_OPERATE", delete_snapshot,
        delete_snapshot_params, "Delete a snapshot; the machine stays as it "
                                "is."),
    ROW("MigrateVm", "vm", "VM_OPERATE", migrate_vm, migrate_params,
        "Move a machine to another host of the same vCenter."),
    ROW("CreateVolume", "storage", "DISK_CREATE", create_volume,
        create_volume_params, "Make a disk file in a datastore."),
    ROW("DeleteVolume", "storage", "DISK_CREATE", delete_volume, volume_params,
        "Delete a disk file from a datastore."),
};
const size_t remote_vm_nverbs =
    sizeof(remote_vm_verbs) / sizeof(remote_vm_verbs[0]);
