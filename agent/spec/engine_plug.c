// SPDX-License-Identifier: Apache-2.0
/*
 * The documents about one device: <hotplug> and <hotunplug>, any root name,
 * one device below <devices>, its metadata beside it.
 */
#include "agent/spec/engine.h"

#include <string.h>
#include <strings.h>

#include "agent/common/mem.h"
#include "agent/spec/ovirt.h"

#define DEVICE_MAX 65536 /* bytes of one device's text */

void
engine_plug_free(struct engine_plug *plug)
{
    if (!plug)
        return;
    xmlFreeDoc(plug->doc);
    json_decref(plug->warnings);
    free(plug);
}

/* The entry of the device: by its target or MAC, else the only one. */
static xmlNodePtr
meta_of(xmlNodePtr root, xmlNodePtr device)
{
    xmlNodePtr vm = ovirt_find(root, OVIRT_VM_URI);
    CLEANUP_FREE char *target = xml_attr(xml_child(device, "target"), "dev");
    CLEANUP_FREE char *mac = xml_attr(xml_child(device, "mac"), "address");
    xmlNodePtr meta = ovirt_device(vm, "disk", "name", target);

    if (!meta)
        meta = ovirt_device(vm, "interface", "mac_address", mac);
    return meta;
}

static int
check_device(xmlNodePtr device, const char *element, struct err *err)
{
    CLEANUP_FREE char *text = NULL;
    size_t len;

    if (!xml_is(device, element))
        return err_param(err, ERR_INVALID, "xml",
                         device ? (const char *)device->name : NULL,
                         "one device of the kind that the verb is about, "
                         "below <devices>");
    text = xml_text(device);
    len = strlen(text);
    if (len > DEVICE_MAX)
        return err_set(err, ERR_LIMIT,
                       "The <%s> has %zu bytes; %d is the most", element, len,
                       DEVICE_MAX);
    return 0;
}

struct engine_plug *
engine_plug_read(const char *xml, const char *element, struct err *err)
{
    CLEANUP_ENGINE_PLUG struct engine_plug *plug = mem_zalloc(1, sizeof(*plug));
    xmlNodePtr root;

    plug->warnings = json_array();
    plug->doc = xml_parse(xml, strlen(xml), err);
    if (!plug->doc)
        return NULL;
    root = xml_root(plug->doc);
    plug->device = xml_child(xml_child(root, "devices"), NULL);
    if (check_device(plug->device, element, err) < 0)
        return NULL;
    plug->meta = meta_of(root, plug->device);
    if (plug->meta)
        ovirt_name_luns(plug->meta->parent);
    return STEAL(plug);
}

char *
engine_plug_alias(const struct engine_plug *plug)
{
    return xml_attr(xml_child(plug->device, "alias"), "name");
}

struct disk *
engine_plug_disk(struct engine_plug *plug, struct err *err)
{
    CLEANUP_DISK struct disk *disk = NULL;

    engine_disk_normalise(plug->device, plug->warnings);
    disk = engine_disk_read(plug->device);
    if (disk->source_type == DISK_SOURCE_NONE && disk->kind != DISK_CDROM) {
        err_param(err, ERR_INVALID, "xml", "a disk without a source",
                  "a <source> with a file or a device");
        return NULL;
    }
    if (disk->interface == DISK_OTHER_BUS) {
        err_param(err, ERR_INVALID, "xml", "a disk on an unknown bus",
                  "<target bus='scsi'> or 'virtio'");
        return NULL;
    }
    free(STEAL(disk->target)); /* a hint at best: the host assigns */
    return STEAL(disk);
}

/* --- the older dictionary ------------------------------------------------- */

static const struct key {
    const char *key, *child, *attr;
} keys[] = {
    /* What the dictionary says, and where a <disk> says it. */
    {"device", NULL, "device"},    {"sgio", NULL, "sgio"},
    {"iface", "target", "bus"},    {"name", "target", "dev"},
    {"cache", "driver", "cache"},  {"discard", "driver", "discard"},
    {"bootOrder", "boot", "order"},
};

static void
set_keys(const json_t *drive, xmlNodePtr disk)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *value = json_get_text(drive, keys[i].key, NULL);
        xmlNodePtr at = disk;

        if (!value || !*value)
            continue;
        if (keys[i].child) {
            at = xml_child(disk, keys[i].child);
            if (!at)
                at = xml_add(disk, keys[i].child, NULL);
        }
        xml_set(at, keys[i].attr, value);
    }
}

/* true, "true" and the like. */
static bool
is_true(const json_t *drive, const char *key)
{
    return json_get_bool(drive, key, false) == 1 ||
           strcasecmp(json_get_text(drive, key, ""), "true") == 0;
}

static const char *
error_policy(const json_t *drive)
{
    const char *propagate = json_get_text(drive, "propagateErrors", "off");

    if (strcmp(propagate, "report") == 0)
        return "report";
    return strcmp(propagate, "on") == 0 || is_true(drive, "propagateErrors")
               ? "enospace"
               : "stop";
}

static void
set_driver(const json_t *drive, bool block, xmlNodePtr disk)
{
    const char *format = json_get_text(drive, "format", "raw");
    bool cow = strcmp(format, "cow") == 0 || strcmp(format, "qcow2") == 0;
    xmlNodePtr driver = xml_child(disk, "driver");

    if (!driver)
        driver = xml_add(disk, "driver", NULL);
    xml_set(driver, "name", "qemu");
    xml_set(driver, "type", cow ? "qcow2" : "raw");
    xml_set(driver, "io", block ? "native" : "threads");
    xml_set(driver, "error_policy", error_policy(drive));
    if (!xmlHasProp(driver, BAD_CAST "cache"))
        xml_set(driver, "cache", "none");
}

/* Address, limits: members of objects become attributes and elements. */
static void
set_objects(const json_t *drive, xmlNodePtr disk)
{
    json_t *address = json_object_get(drive, "address");
    json_t *tune = json_object_get(drive, "iotune"), *value;
    xmlNodePtr at;
    const char *key;

    if (!tune)
        tune = json_object_get(json_object_get(drive, "specParams"), "ioTune");
    if (json_object_size(address)) {
        at = xml_add(disk, "address", NULL);
        json_object_foreach(address, key, value)
        {
            CLEANUP_FREE char *text =
                json_is_integer(value)
                    ? mem_printf("%" JSON_INTEGER_FORMAT,
                                 json_integer_value(value))
                    : mem_dup(json_string_value(value));

            if (xmlValidateNCName(BAD_CAST key, 0) == 0)
                xml_set(at, key, text);
        }
    }
    if (!json_object_size(tune))
        return;
    at = xml_add(disk, "iotune", NULL);
    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++) {
        json_int_t limit = json_get_int(tune, disk_iotune_name(i), 0);
        CLEANUP_FREE char *text =
            limit > 0 ? mem_printf("%" JSON_INTEGER_FORMAT, limit) : NULL;

        if (text)
            xml_add(at, disk_iotune_name(i), text);
    }
}

static bool
is_shared(const json_t *drive)
{
    return strcmp(json_get_text(drive, "shared", ""), "shared") == 0 ||
           is_true(drive, "shared");
}

static void
add_meta(const json_t *drive, xmlNodePtr root, const char *target)
{
    static const char *const names[] = {"GUID",    "poolID",   "domainID",
                                        "imageID", "volumeID", "shared"};
    xmlNodePtr vm = xml_add(xml_add(root, "metadata", NULL), OVIRT_VM_NAME,
                            NULL);
    xmlNodePtr entry;

    xmlSetNs(vm, xmlNewNs(vm, BAD_CAST OVIRT_VM_URI, BAD_CAST OVIRT_VM_PREFIX));
    entry = xml_add(vm, "device", NULL);
    xmlSetNs(entry, vm->ns);
    xml_set(entry, "devtype", "disk");
    xml_set(entry, "name", target);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = json_get_text(drive, names[i], NULL);

        if (value && *value)
            ovirt_put(entry, names[i], NULL, value);
    }
}

/* An alias of the dictionary, or the id that the engine calls the disk by. */
static void
set_identity(const json_t *drive, xmlNodePtr disk)
{
    const char *id = json_get_text(drive, "deviceId", NULL);
    const char *image = json_get_text(drive, "imageID", NULL);
    const char *serial = json_get_text(drive, "serial", image);
    const char *alias = json_get_text(drive, "alias", NULL);
    char uuid[UUID_TEXT];
    CLEANUP_FREE char *made = NULL;

    if (!id)
        id = image;
    if (!alias && id && uuid_canon(id, uuid))
        made = mem_printf("ua-%s", uuid);
    if (alias || made)
        xml_set(xml_add(disk, "alias", NULL), "name", alias ? alias : made);
    if (serial && !xml_attr_is(disk, "device", "lun"))
        xml_add(disk, "serial", serial);
}

char *
engine_plug_from_drive(const json_t *drive, const char *path, struct err *err)
{
    const char *type = json_get_text(drive, "diskType", NULL);
    bool block = type ? strcmp(type, "block") == 0
                      : *json_get_text(drive, "GUID", "") != '\0';
    CLEANUP_XML xmlDocPtr doc = xml_new("hotplug");
    xmlNodePtr root = xml_root(doc);
    xmlNodePtr disk = xml_add(xml_add(root, "devices", NULL), "disk", NULL);
    CLEANUP_FREE char *target = NULL;

    if (type && !block && strcmp(type, "file") != 0) {
        err_param(err, ERR_INVALID, "drive.diskType", type, "file or block");
        return NULL;
    }
    xml_set(disk, "snapshot", "no");
    xml_set(disk, "type", block ? "block" : "file");
    xml_set(disk, "device", "disk");
    set_keys(drive, disk);
    if (!xml_child(disk, "target"))
        xml_set(xml_add(disk, "target", NULL), "bus", "virtio");
    target = xml_attr(xml_child(disk, "target"), "dev");
    if (!target)
        target = mem_dup("hint");
    xml_set(xml_child(disk, "target"), "dev", target);
    xml_set(xml_add(disk, "source", NULL), block ? "dev" : "file", path);
    set_driver(drive, block, disk);
    set_objects(drive, disk);
    if (is_true(drive, "readonly"))
        xml_add(disk, "readonly", NULL);
    if (is_shared(drive))
        xml_add(disk, "shareable", NULL);
    set_identity(drive, disk);
    add_meta(drive, root, target);
    return xml_text(root);
}
