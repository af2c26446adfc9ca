// SPDX-License-Identifier: Apache-2.0
/*
 * A <disk> made like another, in place: what berth writes itself is set,
 * added or taken out; every other attribute and child of the <disk>
 * (geometry, copy_on_read, encryption, …) stays as it was.
 */
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/disk.h"

static bool
same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What disk_to_xml writes; all else in a <disk> belongs to somebody else. */
static const char *const disk_attrs[] = {"type", "device", "sgio", "rawio",
                                         NULL};
static const char *const driver_attrs[] = {
    "name", "type", "cache", "error_policy", "io", "discard", "iothread", NULL};
static const char *const target_attrs[] = {"dev", "bus", NULL};
static const char *const boot_attrs[] = {"order", NULL};
static const char *const whole_children[] = {
    "readonly", "shareable", "serial", "wwn", "alias", "address", NULL};

/* Give old the named attributes as fresh has them. */
static void
merge_attrs(xmlNodePtr old, xmlNodePtr fresh, const char *const *names)
{
    for (; *names; names++) {
        CLEANUP_FREE char *value = xml_attr(fresh, *names);

        if (value)
            xml_set(old, *names, value);
        else
            xmlUnsetProp(old, BAD_CAST * names);
    }
}

/* A child that both may have: merged, added, or taken out. */
static void
merge_child(xmlNodePtr old, xmlNodePtr fresh, const char *name,
            const char *const *attrs)
{
    xmlNodePtr have = xml_child(old, name);
    xmlNodePtr want = xml_child(fresh, name);

    if (have && want)
        merge_attrs(have, want, attrs);
    else if (have)
        xml_remove(have);
    else if (want)
        xml_copy_into(old, want);
}

static void
replace_child(xmlNodePtr old, xmlNodePtr fresh, const char *name)
{
    xmlNodePtr have = xml_child(old, name);
    xmlNodePtr want = xml_child(fresh, name);

    if (have)
        xml_remove(have);
    if (want)
        xml_copy_into(old, want);
}

/* A limit that stays keeps its bursts; libvirt refuses bursts without it. */
static void
merge_limit(xmlNodePtr have, xmlNodePtr want, const char *name)
{
    static const char *const bursts[] = {"_max", "_max_length"};
    CLEANUP_FREE char *was = xml_content(xml_child(have, name));
    CLEANUP_FREE char *now = xml_content(xml_child(want, name));

    if (same(was, now))
        return;
    replace_child(have, want, name);
    for (size_t i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
        CLEANUP_FREE char *burst = mem_printf("%s%s", name, bursts[i]);

        replace_child(have, NULL, burst);
    }
}

/* Its group, its size of an I/O and the like are kept. */
static void
merge_iotune(xmlNodePtr old, xmlNodePtr fresh)
{
    xmlNodePtr have = xml_child(old, "iotune");
    xmlNodePtr want = xml_child(fresh, "iotune");

    if (!have) {
        replace_child(old, fresh, "iotune");
        return;
    }
    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++)
        merge_limit(have, want, disk_iotune_name(i));
    if (!xml_child(have, NULL))
        xml_remove(have);
}

/* Those that libvirt manages; a helper of somebody's own stays. */
static void
merge_reservations(xmlNodePtr old, xmlNodePtr fresh)
{
    xmlNodePtr source = xml_child(old, "source");
    xmlNodePtr have = xml_child(source, "reservations");
    xmlNodePtr want = xml_path(fresh, "source/reservations");

    if (have && !want && xml_attr_is(have, "managed", "yes"))
        xml_remove(have);
    else if (!have && want && source)
        xml_copy_into(source, want);
}

/* What berth writes of a disk, and nothing of what somebody else did. */
static xmlNodePtr
own_part(const struct disk *disk, xmlDocPtr doc)
{
    struct disk own = *disk;

    own.foreign = NULL;
    return disk_to_xml(&own, xml_root(doc));
}

void
disk_merge(xmlNodePtr old, const struct disk *disk)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("devices");
    CLEANUP_DISK struct disk *was = disk_from_xml(old);
    xmlNodePtr fresh = own_part(disk, doc);
    bool moved =
        disk->source_type != DISK_SOURCE_OTHER &&
        (was->source_type != disk->source_type || !same(was->path, disk->path));

    if (moved) {
        replace_child(old, fresh, "source");
        /* The chain below the old source is not that of the new one. */
        replace_child(old, NULL, "backingStore");
        /* A tray that stands open hides the new medium at the next start. */
        if (xml_child(old, "target"))
            xmlUnsetProp(xml_child(old, "target"), BAD_CAST "tray");
    }
    if (disk->source_type != DISK_SOURCE_OTHER) {
        merge_attrs(old, fresh, disk_attrs);
        merge_reservations(old, fresh);
    }
    if (disk->address.type == ADDRESS_NONE && was->interface == disk->interface)
        address_to_xml(fresh, &was->address, false);
    merge_child(old, fresh, "driver", driver_attrs);
    merge_child(old, fresh, "target", target_attrs);
    merge_child(old, fresh, "boot", boot_attrs);
    merge_iotune(old, fresh);
    for (const char *const *name = whole_children; *name; name++)
        replace_child(old, fresh, *name);
}
