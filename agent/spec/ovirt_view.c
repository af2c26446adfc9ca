// SPDX-License-Identifier: Apache-2.0
/* Texts become numbers where an engine wants numbers; what is not there is
 * null. */
#include "agent/spec/ovirt_view.h"

#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/digest.h"
#include "agent/common/mem.h"
#include "agent/spec/ovirt.h"

#define HASH_DIGITS 16

static void
put_attr(json_t *obj, const char *key, xmlNodePtr node, const char *name)
{
    CLEANUP_FREE char *text = xml_attr(node, name);

    json_put_text(obj, key, text);
}

/* Devices as libvirt writes them, and what an engine has written of them. */
static void
put_hash(json_t *view, xmlNodePtr root, xmlNodePtr vm)
{
    xmlNodePtr devices = xml_child(root, "devices");
    CLEANUP_FREE char *text = devices ? xml_text(devices) : NULL;
    CLEANUP_FREE char *meta = vm ? xml_text(vm) : NULL;
    CLEANUP_BUF struct buf all = BUF_INIT;
    char hash[DIGEST_HEX];

    buf_add_text(&all, text ? text : "");
    buf_add_text(&all, meta ? meta : "");
    digest_sha256(all.data, all.len, hash);
    hash[HASH_DIGITS] = '\0';
    json_put_text(view, "hash", hash);
}

static void
put_metadata(json_t *view, xmlNodePtr vm)
{
    CLEANUP_FREE char *start = ovirt_get(vm, "startTime");
    CLEANUP_FREE char *least = ovirt_get(vm, "minGuaranteedMemoryMb");

    json_put(view, "start_time", start ? json_real(strtod(start, NULL)) : NULL);
    json_put(view, "balloon_min",
             least ? json_integer(strtoll(least, NULL, 10) * 1024) : NULL);
}

/* --- devices ------------------------------------------------------------- */

static json_t *
ids_of(xmlNodePtr entry)
{
    static const char *const names[] = {"poolID", "domainID", "imageID",
                                        "volumeID", "GUID"};
    json_t *ids = json_object();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP_FREE char *text = ovirt_get(entry, names[i]);

        if (text)
            json_put_text(ids, names[i], text);
    }
    return ids;
}

static char *
path_of(xmlNodePtr source)
{
    static const char *const attrs[] = {"file", "dev", "name"};
    char *path = NULL;

    for (size_t i = 0; !path && i < sizeof(attrs) / sizeof(attrs[0]); i++)
        path = xml_attr(source, attrs[i]);
    return path;
}

static void
put_disk(json_t *disks, xmlNodePtr node, xmlNodePtr vm)
{
    CLEANUP_FREE char *target = xml_attr(xml_child(node, "target"), "dev");
    CLEANUP_FREE char *path = path_of(xml_child(node, "source"));
    json_t *disk;

    if (!target)
        return;
    disk = json_object();
    put_attr(disk, "device", node, "device");
    put_attr(disk, "type", node, "type");
    put_attr(disk, "format", xml_child(node, "driver"), "type");
    json_put_text(disk, "path", path);
    json_put(disk, "ids", ids_of(ovirt_device(vm, "disk", "name", target)));
    json_put(disks, target, disk);
}

static json_t *
disks_of(xmlNodePtr devices, xmlNodePtr vm)
{
    json_t *disks = json_object();

    for (xmlNodePtr at = xml_child(devices, "disk"); at;
         at = xml_next(at, "disk"))
        put_disk(disks, at, vm);
    return disks;
}

static json_t *
nics_of(xmlNodePtr devices)
{
    json_t *nics = json_array();

    for (xmlNodePtr at = xml_child(devices, "interface"); at;
         at = xml_next(at, "interface")) {
        json_t *nic = json_object();

        put_attr(nic, "name", xml_child(at, "target"), "dev");
        put_attr(nic, "mac", xml_child(at, "mac"), "address");
        put_attr(nic, "model", xml_child(at, "model"), "type");
        json_array_append_new(nics, nic);
    }
    return nics;
}

static json_t *
graphics_of(xmlNodePtr devices)
{
    json_t *list = json_array();

    for (xmlNodePtr at = xml_child(devices, "graphics"); at;
         at = xml_next(at, "graphics")) {
        json_t *graphics = json_object();

        put_attr(graphics, "type", at, "type");
        put_attr(graphics, "address", at, "listen");
        json_put_int(graphics, "port", xml_attr_int(at, "port", -1));
        json_put_int(graphics, "tls_port", xml_attr_int(at, "tlsPort", -1));
        json_array_append_new(list, graphics);
    }
    return list;
}

json_t *
ovirt_view_make(xmlNodePtr root)
{
    xmlNodePtr devices = xml_child(root, "devices");
    xmlNodePtr vm = ovirt_find(root, OVIRT_VM_URI);
    json_t *view = json_object();

    put_hash(view, root, vm);
    put_metadata(view, vm);
    json_put(view, "graphics", graphics_of(devices));
    json_put(view, "nics", nics_of(devices));
    json_put(view, "disks", disks_of(devices, vm));
    return view;
}
