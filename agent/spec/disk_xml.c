// SPDX-License-Identifier: Apache-2.0
/*
 * A disk as libvirt's <disk>: written with explicit alias and address, read
 * from live or persistent domains whoever made them. What berth has no field
 * for is not lost by reading: definitions are edited in place (domain_edit.c).
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/disk_source.h"

#define ALIAS_PREFIX "ua-"

static const char *const devices[DISK_KINDS] = {
    [DISK_IMAGE] = "disk",
    [DISK_CDROM] = "cdrom",
    [DISK_LUN] = "lun",
};

/* "default" and NULL are what libvirt does with no attribute. */
static void
set_unless_default(xmlNodePtr node, const char *name, const char *value)
{
    if (value && strcmp(value, "default") != 0)
        xml_set(node, name, value);
}

static void
add_driver(const struct disk *disk, xmlNodePtr node)
{
    xmlNodePtr driver = xml_add(node, "driver", NULL);

    xml_set(driver, "name", "qemu");
    xml_set(driver, "type", disk->format ? disk->format : "raw");
    set_unless_default(driver, "cache", disk->cache);
    set_unless_default(driver, "error_policy", disk->error_policy);
    set_unless_default(driver, "io", disk->io);
    set_unless_default(driver, "discard", disk->discard);
    if (disk->iothread)
        xml_set_int(driver, "iothread", disk->iothread);
}

static void
add_iotune(const struct disk *disk, xmlNodePtr node)
{
    xmlNodePtr iotune = NULL;

    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++) {
        uint64_t value = disk_iotune_get(&disk->iotune, i);
        char text[24];

        if (!value)
            continue;
        if (!iotune)
            iotune = xml_add(node, "iotune", NULL);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        xml_add(iotune, disk_iotune_name(i), text);
    }
}

/* What was decided for it, which is not always what was asked. */
static void
add_scsi(const struct disk *disk, xmlNodePtr node)
{
    if (*disk->emitted.sgio)
        xml_set(node, "sgio", disk->emitted.sgio);
    if (disk->emitted.rawio)
        xml_set(node, "rawio", "yes");
}

/* As it came in, saying what disk says; NULL where that is no XML. */
static xmlNodePtr
foreign_to_xml(const struct disk *disk, xmlNodePtr parent)
{
    CLEANUP_XML xmlDocPtr doc =
        xml_parse(disk->foreign, strlen(disk->foreign), NULL);
    xmlNodePtr node = doc ? xml_copy_into(parent, xml_root(doc)) : NULL;

    if (node)
        disk_merge(node, disk);
    return node;
}

xmlNodePtr
disk_to_xml(const struct disk *disk, xmlNodePtr parent)
{
    xmlNodePtr node = disk->foreign ? foreign_to_xml(disk, parent) : NULL;
    xmlNodePtr target;

    if (node)
        return node;
    node = xml_add(parent, "disk", NULL);
    xml_set(node, "type", disk_source_of(disk->source_type)->xml);
    xml_set(node, "device", devices[disk->kind]);
    add_scsi(disk, node);
    add_driver(disk, node);
    disk_source_to_xml(disk, node);
    if (disk->emitted.reservations && xml_child(node, "source"))
        xml_set(xml_add(xml_child(node, "source"), "reservations", NULL),
                "managed", "yes");
    target = xml_add(node, "target", NULL);
    xml_set(target, "dev", disk->target);
    xml_set(target, "bus", disk_bus(disk));
    add_iotune(disk, node);
    if (disk->read_only)
        xml_add(node, "readonly", NULL);
    if (disk->shareable)
        xml_add(node, "shareable", NULL);
    if (disk->serial)
        xml_add(node, "serial", disk->serial);
    if (disk->wwn)
        xml_add(node, "wwn", disk->wwn);
    if (disk->boot_order)
        xml_set_int(xml_add(node, "boot", NULL), "order", disk->boot_order);
    if (disk->alias)
        xml_set(xml_add(node, "alias", NULL), "name", disk->alias);
    address_to_xml(node, &disk->address, false);
    return node;
}

char *
disk_xml(const struct disk *disk)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("devices");

    return xml_text(disk_to_xml(disk, xml_root(doc)));
}

/* Of a disk that nobody here planned, what it has is what was asked. */
static void
read_scsi(xmlNodePtr node, struct disk *disk)
{
    CLEANUP_FREE char *sgio = xml_attr(node, "sgio");

    snprintf(disk->emitted.sgio, sizeof(disk->emitted.sgio), "%s",
             sgio ? sgio : "");
    disk->emitted.rawio = xml_attr_is(node, "rawio", "yes");
    disk->emitted.reservations =
        xml_attr_is(xml_path(node, "source/reservations"), "managed", "yes");
    disk->scsi = disk->emitted;
}

static void
read_driver(xmlNodePtr driver, struct disk *disk)
{
    int64_t iothread = xml_attr_int(driver, "iothread", 0);

    /* An empty drive has a driver too, but no format to tell of. */
    if (disk->source_type != DISK_SOURCE_NONE)
        disk->format = xml_attr(driver, "type");
    disk->cache = xml_attr(driver, "cache");
    disk->io = xml_attr(driver, "io");
    disk->discard = xml_attr(driver, "discard");
    disk->error_policy = xml_attr(driver, "error_policy");
    disk->iothread =
        iothread > 0 && iothread <= UINT32_MAX ? (unsigned)iothread : 0;
}

static void
read_iotune(xmlNodePtr iotune, struct disk *disk)
{
    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++) {
        CLEANUP_FREE char *text =
            xml_content(xml_child(iotune, disk_iotune_name(i)));

        if (text)
            disk_iotune_set(&disk->iotune, i, strtoull(text, NULL, 10));
    }
}

static enum disk_kind
read_kind(xmlNodePtr node)
{
    for (int kind = 0; kind < DISK_KINDS; kind++)
        if (xml_attr_is(node, "device", devices[kind]))
            return (enum disk_kind)kind;
    return DISK_IMAGE;
}

/* Our own alias holds the id. */
static void
read_id(struct disk *disk)
{
    size_t len = strlen(ALIAS_PREFIX);
    char id[UUID_TEXT];

    if (disk->alias && strncmp(disk->alias, ALIAS_PREFIX, len) == 0 &&
        uuid_canon(disk->alias + len, id))
        memcpy(disk->id, id, sizeof(id));
}

struct disk *
disk_from_xml(xmlNodePtr node)
{
    struct disk *disk = disk_new();
    xmlNodePtr target = xml_child(node, "target");
    CLEANUP_FREE char *bus = xml_attr(target, "bus");
    int64_t order = xml_attr_int(xml_child(node, "boot"), "order", 0);

    disk->kind = read_kind(node);
    disk->interface = disk_interface_of_bus(bus);
    disk_source_from_xml(node, disk);
    read_scsi(node, disk);
    read_driver(xml_child(node, "driver"), disk);
    read_iotune(xml_child(node, "iotune"), disk);
    disk->target = xml_attr(target, "dev");
    disk->read_only = xml_child(node, "readonly") != NULL;
    disk->shareable = xml_child(node, "shareable") != NULL;
    disk->serial = xml_content(xml_child(node, "serial"));
    disk->wwn = xml_content(xml_child(node, "wwn"));
    disk->boot_order = order > 0 && order <= UINT32_MAX ? (unsigned)order : 0;
    disk->alias = xml_attr(xml_child(node, "alias"), "name");
    read_id(disk);
    address_from_xml(node, &disk->address);
    disk->wanted = true;
    disk->state = DISK_PLUGGED;
    return disk;
}
