// SPDX-License-Identifier: Apache-2.0
/* The first <capability> of a device is what it is; those nested in it are
 * what it can do besides. */
#include "agent/spec/host_device.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/xml.h"

#define CLASS_BRIDGE 0x06 /* PCI base class */

static void
put(json_t *params, const char *key, char *text /* takes */)
{
    if (text && *text)
        json_put_text(params, key, text);
    free(text);
}

/* Numbers of an address as text: how each kind of device is named. */
static const struct part {
    const char *kind;
    const char *names[5];
} parts[] = {
    {"pci", {"domain", "bus", "slot", "function"}},
    {"usb_device", {"bus", "device"}},
    {"scsi", {"host", "bus", "target", "lun"}},
};

static void
put_address(json_t *params, xmlNodePtr cap, const char *kind)
{
    json_t *address = json_object();

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        for (size_t k = 0; strcmp(parts[i].kind, kind) == 0 && k < 5; k++)
            if (parts[i].names[k])
                put(address, parts[i].names[k],
                    xml_content(xml_child(cap, parts[i].names[k])));
    if (json_object_size(address))
        json_put(params, "address", address);
    else
        json_decref(address);
}

/* Bridges carry other devices: a guest cannot have one. */
static bool
is_bridge(xmlNodePtr cap)
{
    CLEANUP_FREE char *class = xml_content(xml_child(cap, "class"));

    return class && strtoul(class, NULL, 16) >> 16 == CLASS_BRIDGE;
}

static void
put_functions(json_t *params, xmlNodePtr cap)
{
    for (xmlNodePtr at = xml_child(cap, "capability"); at;
         at = xml_next(at, "capability")) {
        xmlNodePtr address = xml_child(at, "address");
        char name[64];

        if (xml_attr_is(at, "type", "virt_functions"))
            put(params, "totalvfs", xml_attr(at, "maxCount"));
        if (!xml_attr_is(at, "type", "phys_function") || !address)
            continue;
        snprintf(name, sizeof(name), "pci_%04x_%02x_%02x_%x",
                 (unsigned)xml_attr_int(address, "domain", 0),
                 (unsigned)xml_attr_int(address, "bus", 0),
                 (unsigned)xml_attr_int(address, "slot", 0),
                 (unsigned)xml_attr_int(address, "function", 0));
        json_put_text(params, "physfn", name);
    }
}

static void
put_capability(json_t *params, xmlNodePtr cap, const char *kind)
{
    xmlNodePtr product = xml_child(cap, "product");
    xmlNodePtr vendor = xml_child(cap, "vendor");

    json_put_text(params, "capability", kind);
    put(params, "product", xml_content(product));
    put(params, "product_id", xml_attr(product, "id"));
    put(params, "vendor", xml_content(vendor));
    put(params, "vendor_id", xml_attr(vendor, "id"));
    put(params, "iommu_group",
        xml_attr(xml_child(cap, "iommuGroup"), "number"));
    put(params, "numa_node", xml_attr(xml_child(cap, "numa"), "node"));
    put(params, "block_path", xml_content(xml_child(cap, "block")));
    put_address(params, cap, kind);
    put_functions(params, cap);
    json_put_text(params, "is_assignable", is_bridge(cap) ? "false" : "true");
}

/* Character and block devices have nodes that udev made. */
static void
put_nodes(json_t *params, xmlNodePtr device)
{
    for (xmlNodePtr at = xml_child(device, "devnode"); at;
         at = xml_next(at, "devnode"))
        if (xml_attr_is(at, "type", "dev"))
            put(params, "udev_path", xml_content(at));
}

json_t *
host_device_parse(const char *xml, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    xmlNodePtr device = doc ? xml_root(doc) : NULL;
    xmlNodePtr cap = xml_child(device, "capability");
    CLEANUP_FREE char *name = xml_content(xml_child(device, "name"));
    CLEANUP_FREE char *kind = xml_attr(cap, "type");
    json_t *obj, *params;

    if (!doc)
        return NULL;
    if (!name || !kind) {
        err_set(err, ERR_INVALID,
                "A device of the host has no name or no capability");
        return NULL;
    }
    obj = json_object();
    params = json_object();
    put_capability(params, cap, kind);
    put(params, "parent", xml_content(xml_child(device, "parent")));
    put(params, "driver", xml_content(xml_path(device, "driver/name")));
    put_nodes(params, device);
    json_put_text(obj, "name", name);
    json_put(obj, "params", params);
    return obj;
}
