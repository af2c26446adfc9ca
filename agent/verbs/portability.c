// SPDX-License-Identifier: Apache-2.0
/*
 * A row per field that one kind of hypervisor has and the other has not, with
 * the value at which nothing is lost. Disks are compared as they are shown.
 */
#include "agent/verbs/portability.h"

#include <string.h>

#include "agent/plan/remote_disk_work.h"
#include "agent/verbs/vm_view.h"

struct trait {
    const char *field;
    const char *neutral; /* words with which nothing is lost, "a|b" */
    const char *why;
};

/* From QEMU to a VMware host. */
static const struct trait to_esx[] = {
    {"sgio", "filtered", "it has no filter of SCSI commands to choose"},
    {"rawio", "false", "its LUNs are mapped, with no privilege of a process"},
    {"reservations", "false", "a physical mapping passes them by itself"},
    {"read_only", "false", "it has no read-only disks"},
    {"boot_order", "", "its firmware keeps a boot order of its own"},
    {"serial", "", "it makes the serial number"},
    {"wwn", "", "it makes the name"},
    {"cache", "none|default", "it caches as it does"},
    {"io", "native|threads|default", "it reads and writes as it does"},
    {"discard", "ignore", "a thin file shrinks by its own rules"},
    {"error_policy", "stop", "it asks a question instead"},
    {"iotune", "", "limits are storage policies there"},
    {"iothread", "", "it has none"},
};

/* From a VMware host to QEMU. */
static const struct trait to_kvm[] = {
    {"disk_mode", "persistent", "QEMU has no independent disks"},
    {"scsi_model", "", "the guest meets virtio-scsi, and needs its driver"},
    {"shareable", "false", "a file of several writers needs raw format and a "
                           "cluster file system there"},
};

static bool
is_neutral(const struct trait *trait, const json_t *value)
{
    const char *text = json_is_string(value)    ? json_string_value(value)
                       : json_is_boolean(value) ? json_is_true(value) ? "true"
                                                                      : "false"
                                                : NULL;
    size_t len = text ? strlen(text) : 0;

    if (!value || json_is_null(value) ||
        (json_is_object(value) && !json_object_size(value)))
        return true;
    for (const char *at = trait->neutral; text && at && *at;
         at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, text, len) == 0 && (!at[len] || at[len] == '|'))
            return true;
    }
    return false;
}

static void
add(json_t *list, const char *field, const json_t *value, const char *why)
{
    json_t *obj = json_object();

    json_put_text(obj, "field", field);
    json_put(obj, "value", json_incref((json_t *)value));
    json_put_text(obj, "why", why);
    json_array_append_new(list, obj);
}

/* Where it lies, and in which form. */
static void
add_source(json_t *list, const json_t *disk, bool esx)
{
    const json_t *source = json_object_get(disk, "source");
    const char *type = json_get_text(source, "type", "");
    bool lun = strcmp(json_get_text(disk, "kind", ""), "lun") == 0;

    if (lun)
        add(list, "source", source,
            "the LUN must be visible to the other host, and be mapped there");
    else if (esx && strcmp(type, "vmdk") != 0)
        add(list, "source", source,
            "its content is converted to a .vmdk; snapshots and backing files "
            "are merged into it");
    else if (!esx && strcmp(type, "vmdk") == 0)
        add(list, "source", source,
            "its content is converted to qcow2 or raw; snapshots are merged "
            "into it");
}

json_t *
portability_lost(const json_t *disk, bool esx)
{
    const struct trait *traits = esx ? to_esx : to_kvm;
    size_t n = esx ? sizeof(to_esx) / sizeof(to_esx[0])
                   : sizeof(to_kvm) / sizeof(to_kvm[0]);
    json_t *list = json_array();

    add_source(list, disk, esx);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(disk, traits[i].field);

        if (!is_neutral(&traits[i], value))
            add(list, traits[i].field, value, traits[i].why);
    }
    return list;
}

static json_t *
report(const json_t *disks, const char *to, bool esx)
{
    json_t *result = json_object(), *list = json_array(), *disk;
    size_t i, lost = 0;

    json_array_foreach((json_t *)disks, i, disk)
    {
        json_t *obj = json_object(), *what = portability_lost(disk, esx);

        lost += json_array_size(what);
        json_put_text(obj, "disk_id", json_get_text(disk, "disk_id", NULL));
        json_put(obj, "lost", what);
        json_array_append_new(list, obj);
    }
    json_put_text(result, "to", to);
    json_put_bool(result, "portable", lost == 0);
    json_put(result, "disks", list);
    return result;
}

/* A VM of this host, to a VMware host. */
static json_t *
of_local(struct verb_call *call, struct err *err)
{
    const char *to = json_get_text(call->params, "to", "");
    CLEANUP_VM_VIEW struct vm_view view = {0};
    CLEANUP_JSON json_t *disks = json_array();

    if (!esx_set_find(call->env->esx, to)) {
        err_param(err, ERR_INVALID, "to", to,
                  "a VMware host of ListHypervisors");
        return NULL;
    }
    if (!vm_view_load(call->env->vms, call->vm, &view)) {
        err_set(err, ERR_NOT_FOUND, "VM %s is gone", call->vm);
        return NULL;
    }
    for (size_t i = 0; i < view.ndisks; i++)
        json_array_append_new(
            disks, vm_view_disk_json(&view, view.disks[i], "local"));
    return report(disks, to, true);
}

/* A machine of a VMware host, to this one. */
static json_t *
of_remote(struct verb_call *call, struct err *err)
{
    const char *to = json_get_text(call->params, "to", "");
    CLEANUP_JSON json_t *disks = NULL;

    if (strcmp(to, "local") != 0) {
        err_param(err, ERR_INVALID, "to", to,
                  "local: between VMware hosts nothing is lost (MigrateVm)");
        return NULL;
    }
    disks = remote_disk_work_list(&call->remote, err);
    return disks ? report(disks, to, false) : NULL;
}

/* --- rows ------------------------------------------------------------------ */

#define TO_ROW                                                                 \
    {.name = "to",                                                             \
     .type = FIELD_NAME,                                                       \
     .required = true,                                                         \
     .doc = "The hypervisor of the other kind (ListHypervisors)"}

static const struct field local_params[] = {VERB_VM_ROW, TO_ROW};
static const struct field remote_params[] = {VERB_VM_ROW, VERB_HYPERVISOR_ROW,
                                             TO_ROW};

#define ROW(lane_, rows_, fn_)                                                 \
    {.name = "GetPortability",                                                 \
     .group = "vm",                                                            \
     .action_group = "VM_READ",                                                \
     .lane = lane_,                                                            \
     .doc = "Tells what would be lost by moving a VM's disks to the other "    \
            "kind of hypervisor.",                                             \
     VERB_PARAMS(rows_),                                                       \
     .run = fn_}

const struct verb portability_verbs[] = {ROW(VERB_VM, local_params, of_local)};
const size_t portability_nverbs = 1;
const struct verb portability_remote_verbs[] = {
    ROW(VERB_REMOTE, remote_params, of_remote)};
const size_t portability_remote_nverbs = 1;
