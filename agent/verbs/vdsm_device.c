// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel knows of its multipath maps, and libvirt of all devices, in
 * VDSM's form. An engine plugs a LUN as /dev/mapper/GUID: a map that has
 * another name is listed, and is not visible.
 */
#include "agent/verbs/vdsm_device.h"

#include <string.h>

#include "agent/host/blockdev.h"
#include "agent/host/hba.h"
#include "agent/spec/host_device.h"
#include "agent/verbs/vdsm_facts.h"

enum storage { ANY = 0, FCP = 2, ISCSI = 3 }; /* an engine's numbers */

static const char *
text(const json_t *obj, const char *key)
{
    return json_get_text(obj, key, "");
}

/* An engine knows two kinds; what is not iSCSI is the other. */
static const char *
type_of(const json_t *device)
{
    return strcmp(text(device, "transport"), "iscsi") == 0 ? "iSCSI" : "FCP";
}

static bool
named(const json_t *list, const char *name)
{
    const json_t *at;
    size_t i;

    json_array_foreach (list, i, at)
        if (json_is_string(at) && strcmp(json_string_value(at), name) == 0)
            return true;
    return false;
}

/* --- LUNs ---------------------------------------------------------------- */

static void
put_paths(json_t *lun, const json_t *device, const char *initiator)
{
    const json_t *paths = json_object_get(device, "paths"), *path;
    json_t *status = json_array(), *list = json_array();
    size_t i;

    json_array_foreach (paths, i, path) {
        const json_t *target = json_object_get(path, "target");
        bool runs = strcmp(text(path, "state"), "running") == 0;
        json_t *one = json_object(), *way;

        json_put_text(one, "physdev", text(path, "name"));
        json_put_text(one, "type", type_of(path));
        json_put_text(one, "state", runs ? "active" : "failed");
        json_put(one, "lun", vdsm_facts_text(json_get_int(path, "lun", 0)));
        json_put(one, "capacity",
                 vdsm_facts_text(json_get_int(path, "size", 0)));
        json_array_append_new(status, one);
        if (!json_is_object(target))
            continue;
        way = json_object();
        json_put_text(way, "connection", text(target, "address"));
        json_put(way, "port", vdsm_facts_text(json_get_int(target, "port", 0)));
        json_put_text(way, "portal", "1");
        json_put_text(way, "iqn", text(target, "iqn"));
        json_put_text(way, "initiatorname", initiator ? initiator : "");
        json_array_append_new(list, way);
    }
    json_put(lun, "pathstatus", status);
    json_put(lun, "pathlist", list);
}

static json_t *
lun_of(const json_t *device, const char *initiator, bool status)
{
    bool split = json_array_size(json_object_get(device, "partitions")) > 0;
    bool used =
        split || json_array_size(json_object_get(device, "holders")) > 0;
    json_t *lun = json_object();

    json_put_text(lun, "GUID", text(device, "guid"));
    json_put(lun, "capacity", vdsm_facts_text(json_get_int(device, "size", 0)));
    json_put_text(lun, "devtype", type_of(device));
    json_put_text(lun, "status", !status ? "unknown" : used ? "used" : "free");
    json_put_text(lun, "vendorID", text(device, "vendor"));
    json_put_text(lun, "productID", text(device, "product"));
    json_put_text(lun, "fwrev", text(device, "revision"));
    json_put_text(lun, "serial", text(device, "serial"));
    json_put(lun, "logicalblocksize",
             vdsm_facts_text(json_get_int(device, "logical_block", 0)));
    json_put(lun, "physicalblocksize",
             vdsm_facts_text(json_get_int(device, "physical_block", 0)));
    json_put_bool(lun, "partitioned", split);
    json_put_int(lun, "discard_max_bytes",
                 json_get_int(device, "discard_max", 0));
    json_put_int(lun, "discard_zeroes_data", 0);
    json_put_text(lun, "pvUUID", "");
    json_put_text(lun, "pvsize", "");
    json_put_text(lun, "vgUUID", "");
    put_paths(lun, device, initiator);
    return lun;
}

json_t *
vdsm_device_luns(const char *root, json_int_t type, const json_t *guids,
                 bool status)
{
    CLEANUP_JSON json_t *devices = blockdev_maps(root);
    CLEANUP_FREE char *initiator = hba_initiator(root);
    json_t *list = json_array(), *device;
    size_t i;

    json_array_foreach (devices, i, device) {
        bool iscsi = strcmp(type_of(device), "iSCSI") == 0;

        if ((type == ISCSI && !iscsi) || (type == FCP && iscsi) ||
            (json_array_size(guids) && !named(guids, text(device, "guid"))))
            continue;
        json_array_append_new(list, lun_of(device, initiator, status));
    }
    return list;
}

static json_t *
host_get_device_list(struct verb_call *call, struct err *err)
{
    const json_t *params = call->params;

    (void)err;
    return vdsm_device_luns("", json_get_int(params, "storageType", ANY),
                            json_object_get(params, "guids"),
                            json_get_bool(params, "checkStatus", 1));
}

json_t *
vdsm_device_visible(const char *root, const json_t *guids)
{
    CLEANUP_JSON json_t *maps = blockdev_maps(root);
    json_t *visible = json_object();
    const json_t *at, *map;
    size_t i, k;

    json_array_foreach (guids, i, at) {
        bool seen = false;

        if (!json_is_string(at))
            continue;
        json_array_foreach (maps, k, map)
            seen |= strcmp(text(map, "name"), json_string_value(at)) == 0;
        json_put_bool(visible, json_string_value(at), seen);
    }
    return visible;
}

static json_t *
host_get_devices_visibility(struct verb_call *call, struct err *err)
{
    (void)err;
    return vdsm_device_visible("", json_object_get(call->params, "guidList"));
}

/* --- other devices ------------------------------------------------------- */

static bool
is_wanted(const json_t *caps, const json_t *device)
{
    const json_t *params = json_object_get(device, "params");

    return json_array_size(caps) == 0 ||
           named(caps, text(params, "capability"));
}

static json_t *
host_hostdev_list_by_caps(struct verb_call *call, struct err *err)
{
    const json_t *caps = json_object_get(call->params, "caps"), *xml;
    CLEANUP_JSON json_t *all = hyper_devices(call->env->hyper, err);
    json_t *devices;
    size_t i;

    if (!all)
        return NULL;
    devices = json_object();
    json_array_foreach (all, i, xml) {
        CLEANUP_JSON json_t *device =
            host_device_parse(json_string_value(xml), NULL);
        json_t *one;

        if (!device || !is_wanted(caps, device))
            continue;
        one = json_object();
        json_put(one, "params", json_incref(json_object_get(device, "params")));
        json_put(devices, text(device, "name"), one);
    }
    return devices;
}

/* --- rows ---------------------------------------------------------------- */

static const struct field list_fields[] = {
    {.name = "storageType",
     .type = FIELD_INT,
     .min = ANY,
     .max = 100,
     .doc = "2: Fibre Channel and other, 3: iSCSI; absent: both"},
    {.name = "guids",
     .type = FIELD_ARRAY,
     .deflt = "[]",
     .doc = "GUIDs of LUNs; none: all"},
    {.name = "checkStatus",
     .type = FIELD_BOOL,
     .deflt = "true",
     .doc = "Whether each is said to be free or used"},
    {.name = "refresh",
     .type = FIELD_BOOL,
     .deflt = "true",
     .doc = "Without effect: it is read anew each time"},
};

static const struct field visibility_fields[] = {
    {.name = "guidList",
     .type = FIELD_ARRAY,
     .required = true,
     .doc = "GUIDs of LUNs"},
};

static const struct field caps_fields[] = {
    {.name = "caps",
     .type = FIELD_ARRAY,
     .doc = "Capabilities such as pci, usb_device, scsi; absent: all"},
};

const struct verb vdsm_device_verbs[] = {
    {.name = "Host.getDeviceList",
     .group = "vdsm",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .vdsm_code = 100,
     .doc = "Lists the LUNs that this host sees as multipath maps.",
     VERB_PARAMS(list_fields),
     .run = host_get_device_list},
    {.name = "Host.getDevicesVisibility",
     .group = "vdsm",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .vdsm_code = 100,
     .doc = "Tells for each LUN whether this host has it under its GUID.",
     VERB_PARAMS(visibility_fields),
     .run = host_get_devices_visibility},
    {.name = "Host.hostdevListByCaps",
     .group = "vdsm",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .vdsm_code = 100,
     .doc = "Lists the host's devices as libvirt knows them.",
     VERB_PARAMS(caps_fields),
     .run = host_hostdev_list_by_caps},
};
const size_t vdsm_device_nverbs =
    sizeof(vdsm_device_verbs) / sizeof(vdsm_device_verbs[0]);
