// SPDX-License-Identifier: Apache-2.0
/*
 * An engine's <disk>: what libvirt would refuse, or would take otherwise than
 * it is meant, is put right; all else stays as it came.
 */
#include "agent/spec/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

#define ALIAS_PREFIX "ua-"

void
engine_warn(json_t *warnings, const char *fmt, ...)
{
    char text[512];
    va_list args;

    if (!warnings)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_array_append_new(warnings, json_string(text));
}

/* What a warning calls the disk. Returns owned. */
static char *
name_of(xmlNodePtr node)
{
    char *alias = xml_attr(xml_child(node, "alias"), "name");

    return alias ? alias : xml_attr(xml_child(node, "target"), "dev");
}

static bool
is_empty(const char *text)
{
    return !text || !*text;
}

/* libvirt's schema wants them in its own order. */
static void
order_limits(xmlNodePtr tune)
{
    for (size_t i = DISK_IOTUNE_ROWS; tune && i-- > 0;) {
        xmlNodePtr limit = xml_child(tune, disk_iotune_name(i));

        if (limit && limit != tune->children)
            xmlAddPrevSibling(tune->children, limit);
    }
}

/* 0 is the engine's "no limit"; libvirt refuses some of them beside others. */
static void
drop_zero_limits(xmlNodePtr node)
{
    xmlNodePtr tune = xml_child(node, "iotune");
    xmlNodePtr limit = xml_child(tune, NULL), next;

    for (; limit; limit = next) {
        CLEANUP_FREE char *text = xml_content(limit);

        next = xml_next(limit, NULL);
        if (text[strspn(text, " \t\r\n0")] == '\0')
            xml_remove(limit);
    }
    order_limits(tune);
    if (tune && !xml_child(tune, NULL))
        xml_remove(tune);
}

/* An empty drive has no source at all. */
static void
drop_empty_source(xmlNodePtr node)
{
    xmlNodePtr source = xml_child(node, "source");
    CLEANUP_FREE char *file = xml_attr(source, "file");
    CLEANUP_FREE char *dev = xml_attr(source, "dev");
    bool local = xml_attr_is(node, "type", "file") ||
                 xml_attr_is(node, "type", "block");

    if (source && local && is_empty(file) && is_empty(dev))
        xml_remove(source);
}

/* Whoever shares the storage owns the images: libvirt is to leave owner and
 * label alone, whether the engine remembered to say so or not. */
static void
keep_owner(xmlNodePtr node)
{
    xmlNodePtr source = xml_child(node, "source");
    xmlNodePtr label = xml_child(source, "seclabel");
    bool local = xml_attr_is(node, "type", "file") ||
                 xml_attr_is(node, "type", "block");

    while (label && !xml_attr_is(label, "model", "dac"))
        label = xml_next(label, "seclabel");
    if (label) {
        xmlUnsetProp(label, BAD_CAST "type"); /* libvirt knows none here */
    } else if (source && local) {
        label = xml_add(source, "seclabel", NULL);
        xml_set(label, "model", "dac");
        xml_set(label, "relabel", "no");
    }
}

/* It is about the clusters of a qcow2 image. */
static void
drop_no_unref(xmlNodePtr node)
{
    xmlNodePtr driver = xml_child(node, "driver");

    if (driver && !xml_attr_is(driver, "type", "qcow2"))
        xmlUnsetProp(driver, BAD_CAST "discard_no_unref");
}

static void
drop_reservations(xmlNodePtr node, json_t *warnings)
{
    xmlNodePtr wish = xml_child(xml_child(node, "source"), "reservations");
    CLEANUP_FREE char *name = name_of(node);

    if (!wish || xml_attr_is(node, "device", "lun"))
        return;
    xml_remove(wish);
    engine_warn(warnings,
                "Disk %s asks for SCSI reservations but is no LUN that the "
                "guest sees as such: it is plugged without them",
                name ? name : "?");
}

void
engine_disk_normalise(xmlNodePtr node, json_t *warnings)
{
    drop_zero_limits(node);
    drop_empty_source(node);
    keep_owner(node);
    drop_no_unref(node);
    drop_reservations(node, warnings);
}

static void
set_alias(xmlNodePtr node, const char *alias)
{
    xmlNodePtr have = xml_child(node, "alias");

    if (!have)
        have = xml_add(node, "alias", NULL);
    xml_set(have, "name", alias);
}

struct disk *
engine_disk_read(xmlNodePtr node)
{
    struct disk *disk = disk_from_xml(node);

    if (!disk->id[0] && (!disk->serial || !uuid_canon(disk->serial, disk->id)))
        uuid_new(disk->id);
    if (!disk->alias || strncmp(disk->alias, ALIAS_PREFIX,
                                strlen(ALIAS_PREFIX)) != 0) {
        free(disk->alias);
        disk->alias = mem_printf(ALIAS_PREFIX "%s", disk->id);
        set_alias(node, disk->alias);
    }
    disk->foreign = xml_text(node);
    return disk;
}
