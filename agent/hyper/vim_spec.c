// SPDX-License-Identifier: Apache-2.0
/*
 * The order of elements is that of the schema, base types first: VirtualDevice
 * (key, backing, connectable, controllerKey, unitNumber), then what the type
 * itself has. A server refuses any other order.
 */
#include "agent/hyper/vim_spec.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"

#define METHOD "ReconfigVM_Task"

struct vim_spec {
    xmlDocPtr request;
    xmlNodePtr spec;
};

struct vim_spec *
vim_spec_new(const struct vim_ref *vm, const char *change_version)
{
    struct vim_spec *spec = mem_zalloc(1, sizeof(*spec));
    xmlNodePtr call;

    spec->request = vim_soap_request(METHOD, vm, &call);
    spec->spec = xml_add(call, "spec", NULL);
    if (change_version && *change_version)
        xml_add(spec->spec, "changeVersion", change_version);
    return spec;
}

void
vim_spec_free(struct vim_spec *spec)
{
    if (!spec)
        return;
    xmlFreeDoc(spec->request);
    free(spec);
}

/* The device element of a new change. */
static xmlNodePtr
change(struct vim_spec *spec, const char *operation, const char *file,
       const char *type)
{
    xmlNodePtr node =
        vim_soap_add_typed(spec->spec, "deviceChange", "VirtualDeviceConfigSpec");

    xml_add(node, "operation", operation);
    if (file)
        xml_add(node, "fileOperation", file);
    return vim_soap_add_typed(node, "device", type);
}

void
vim_spec_add_controller(struct vim_spec *spec, const char *type, int64_t key,
                        int bus)
{
    xmlNodePtr device = change(spec, "add", NULL, type);

    vim_soap_add_int(device, "key", key);
    vim_soap_add_int(device, "busNumber", bus);
    xml_add(device, "sharedBus", "noSharing");
}

static void
add_flat(xmlNodePtr device, const struct vim_disk_spec *disk)
{
    xmlNodePtr backing = vim_soap_add_typed(device, "backing",
                                            "VirtualDiskFlatVer2BackingInfo");

    xml_add(backing, "fileName", disk->path);
    xml_add(backing, "diskMode", disk->mode ? disk->mode : "persistent");
    if (disk->create && disk->thin >= 0)
        vim_soap_add_bool(backing, "thinProvisioned", disk->thin == 1);
    if (disk->sharing)
        xml_add(backing, "sharing", disk->sharing);
}

static void
add_mapping(xmlNodePtr device, const struct vim_disk_spec *disk)
{
    xmlNodePtr backing = vim_soap_add_typed(
        device, "backing", "VirtualDiskRawDiskMappingVer1BackingInfo");

    xml_add(backing, "fileName", disk->path);
    if (!disk->lun)
        return;
    xml_add(backing, "deviceName", disk->lun);
    xml_add(backing, "compatibilityMode", disk->compat);
    if (strcmp(disk->compat, "virtualMode") == 0)
        xml_add(backing, "diskMode", disk->mode ? disk->mode : "persistent");
    if (disk->sharing)
        xml_add(backing, "sharing", disk->sharing);
}

static void
add_size(xmlNodePtr device, uint64_t size)
{
    vim_soap_add_int(device, "capacityInKB", (int64_t)(size / 1024));
}

void
vim_spec_add_disk(struct vim_spec *spec, const struct vim_disk_spec *disk)
{
    xmlNodePtr device = change(spec, "add", disk->create ? "create" : NULL,
                               "VirtualDisk");

    vim_soap_add_int(device, "key", disk->key);
    if (disk->lun || disk->mapping)
        add_mapping(device, disk);
    else
        add_flat(device, disk);
    vim_soap_add_int(device, "controllerKey", disk->controller);
    vim_soap_add_int(device, "unitNumber", disk->unit);
    add_size(device, disk->size);
}

void
vim_spec_edit_disk(struct vim_spec *spec, const struct vim_device *was,
                   uint64_t size, const char *mode)
{
    xmlNodePtr device = change(spec, "edit", NULL, "VirtualDisk"), backing;

    vim_soap_add_int(device, "key", was->key);
    backing = vim_soap_add_typed(device, "backing", was->backing_type);
    xml_add(backing, "fileName", was->path);
    if (mode || was->mode[0])
        xml_add(backing, "diskMode", mode ? mode : was->mode);
    vim_soap_add_int(device, "controllerKey", was->controller);
    vim_soap_add_int(device, "unitNumber", was->unit);
    add_size(device, size ? size : was->size);
}

void
vim_spec_remove_disk(struct vim_spec *spec, const struct vim_device *was,
                     bool destroy)
{
    xmlNodePtr device =
        change(spec, "remove", destroy ? "destroy" : NULL, was->type);

    vim_soap_add_int(device, "key", was->key);
    if (was->kind == VIM_DISK)
        add_size(device, 0);
}

void
vim_spec_edit_cd(struct vim_spec *spec, const struct vim_device *was,
                 const char *path)
{
    xmlNodePtr device = change(spec, "edit", NULL, "VirtualCdrom"), node;

    vim_soap_add_int(device, "key", was->key);
    node = vim_soap_add_typed(device, "backing",
                              path ? "VirtualCdromIsoBackingInfo"
                                   : "VirtualCdromRemotePassthroughBackingInfo");
    if (path) {
        xml_add(node, "fileName", path);
    } else { /* a client's drive that nobody connects: an empty tray */
        xml_add(node, "deviceName", "");
        vim_soap_add_bool(node, "exclusive", false);
    }
    node = xml_add(device, "connectable", NULL);
    vim_soap_add_bool(node, "startConnected", path != NULL);
    vim_soap_add_bool(node, "allowGuestControl", true);
    vim_soap_add_bool(node, "connected", path != NULL);
    vim_soap_add_int(device, "controllerKey", was->controller);
    vim_soap_add_int(device, "unitNumber", was->unit);
}

char *
vim_spec_text(const struct vim_spec *spec)
{
    return vim_soap_text(spec->request);
}

int
vim_spec_send(struct vim *vim, struct vim_spec *spec, struct vim_ref *task,
              bool *lost, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};

    if (vim_session_change(vim, spec->request, METHOD, &answer, lost, err) < 0)
        return -1;
    if (vim_soap_ref(xml_child(answer.body, "returnval"), task))
        return 0;
    *lost = true;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   METHOD " was taken, and names no task");
}
