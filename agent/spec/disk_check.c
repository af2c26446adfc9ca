// SPDX-License-Identifier: Apache-2.0
/*
 * Which fields of a disk go together: the table of disk_rules.def, which asks
 * for kind and interface, then small rules between fields, each naming the
 * field at fault and what would be accepted. What a machine type allows
 * (sata on q35, ide on i440fx) is decided where the machine is known.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/disk_rule.h"
#include "agent/spec/disk_source.h"

#define SERIAL_CHARS \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define SERIAL_MAX 36 /* QEMU's scsi and ide disks; virtio-blk shows 20 */
#define WWN_DIGITS 16
#define ORDER_MAX 1000

/* A rule holds when its function returns true. */
struct rule {
    bool (*holds)(const struct disk *disk);
    const char *field;
    const char *expected;
};

static bool
is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static bool
is_direct(const struct disk *d)
{
    return is(d->cache, "none") || is(d->cache, "directsync");
}

static bool
interface_known(const struct disk *d)
{
    return d->interface < DISK_OTHER_BUS;
}

static bool
source_known(const struct disk *d)
{
    return d->source_type != DISK_SOURCE_OTHER;
}

static bool
source_there(const struct disk *d)
{
    return d->source_type == DISK_SOURCE_NONE ? d->kind == DISK_CDROM
                                              : d->path != NULL;
}

static bool
format_fits(const struct disk *d)
{
    return !d->format || is(d->format, "raw") ||
           (is(d->format, "qcow2") && (d->source_type == DISK_SOURCE_FILE ||
                                       d->source_type == DISK_SOURCE_VOLUME));
}

static bool
cdrom_read_only(const struct disk *d)
{
    return d->kind != DISK_CDROM || d->read_only;
}

static bool
shareable_fits(const struct disk *d)
{
    return !d->shareable || d->kind == DISK_CDROM ||
           (is(d->format, "raw") && is(d->cache, "none"));
}

static bool
controller_fits(const struct disk *d)
{
    return !d->on_controller || d->interface == DISK_VIRTIO_SCSI;
}

static bool
order_fits(const struct disk *d)
{
    return d->boot_order <= ORDER_MAX;
}

static bool
serial_fits(const struct disk *d)
{
    return !d->serial || (*d->serial && strlen(d->serial) <= SERIAL_MAX &&
                          d->serial[strspn(d->serial, SERIAL_CHARS)] == '\0');
}

static bool
wwn_shape(const struct disk *d)
{
    return !d->wwn || (strlen(d->wwn) == WWN_DIGITS &&
                       strspn(d->wwn, "0123456789abcdefABCDEF") == WWN_DIGITS);
}

static bool
native_is_direct(const struct disk *d)
{
    return !is(d->io, "native") || is_direct(d);
}

/* It says how QEMU uses a descriptor of its own. */
static bool
io_possible(const struct disk *d)
{
    return !d->io || !disk_source_is_network(d->source_type);
}

static bool
bytes_limits(const struct disk *d)
{
    const struct disk_iotune *t = &d->iotune;

    return t->total_bytes_sec == 0 ||
           (t->read_bytes_sec == 0 && t->write_bytes_sec == 0);
}

static bool
iops_limits(const struct disk *d)
{
    const struct disk_iotune *t = &d->iotune;

    return t->total_iops_sec == 0 ||
           (t->read_iops_sec == 0 && t->write_iops_sec == 0);
}

static const struct rule rules[] = {
    {interface_known, "interface", "virtio_scsi, virtio, sata or ide"},
    {source_known, "source",
     "a source of type file, block, iscsi, nbd, rbd or volume"},
    {source_there, "source",
     "a source with type and path; only a cdrom may have none"},
    {format_fits, "source.format",
     "raw; qcow2 is for an image file or a volume"},
    {cdrom_read_only, "read_only", "true for a cdrom"},
    {shareable_fits, "shareable",
     "false, or format raw and cache none: other VMs must see each write"},
    {controller_fits, "address",
     "a controller alone is asked for by a virtio_scsi disk only"},
    {order_fits, "boot_order", "1..1000 or null"},
    {serial_fits, "serial", "1..36 of A-Z a-z 0-9 . _ -"},
    {wwn_shape, "wwn", "16 hexadecimal digits"},
    {native_is_direct, "io",
     "threads or io_uring: native needs cache none or directsync"},
    {io_possible, "io",
     "no io: it says how a file, a device or a volume is read and written"},
    {bytes_limits, "iotune.total_bytes_sec",
     "either total_bytes_sec or read_ and write_bytes_sec, not both"},
    {iops_limits, "iotune.total_iops_sec",
     "either total_iops_sec or read_ and write_iops_sec, not both"},
};

/* The numbers a drive may have by interface; libvirt and QEMU number alike. */
static const struct limits {
    enum disk_interface interface;
    unsigned controller, bus, target, unit;
} limits[] = {
    {DISK_VIRTIO_SCSI, ADDRESS_CONTROLLER_MAX, 0, ADDRESS_TARGET_MAX,
     ADDRESS_UNIT_MAX},
    {DISK_SATA, 0, 0, 0, 5},
    {DISK_IDE, 0, 1, 0, 1},
};

static int
refuse(const char *prefix, const char *name, const char *value,
       const char *expected, struct err *err)
{
    char param[96];

    snprintf(param, sizeof(param), "%s%s", prefix, name);
    return err_param(err, ERR_INVALID, param, value, expected);
}

static int
check_address(const struct disk *d, const char *prefix, struct err *err)
{
    bool pci = d->interface == DISK_VIRTIO;
    const struct limits *l = limits;
    char text[32], expected[128];

    if (d->address.type == ADDRESS_NONE)
        return 0;
    address_text(&d->address, text);
    if ((d->address.type == ADDRESS_PCI) != pci) {
        snprintf(expected, sizeof(expected),
                 "an address of type %s for interface %s",
                 pci ? "pci" : "drive", disk_interface_name(d->interface));
        return refuse(prefix, "address.type", text, expected, err);
    }
    if (pci)
        return 0;
    while (l->interface != d->interface)
        l++;
    if (d->address.drive.controller <= l->controller &&
        d->address.drive.bus <= l->bus &&
        d->address.drive.target <= l->target &&
        d->address.drive.unit <= l->unit)
        return 0;
    snprintf(expected, sizeof(expected),
             "for %s: controller 0..%u, bus 0..%u, target 0..%u, unit 0..%u",
             disk_interface_name(d->interface), l->controller, l->bus,
             l->target, l->unit);
    return refuse(prefix, "address", text, expected, err);
}

/* A field by its name; "source.format" is one of an object. */
static const json_t *
value_at(const json_t *obj, const char *name)
{
    size_t len = strcspn(name, ".");
    CLEANUP_FREE char *first = mem_ndup(name, len);
    const json_t *value = json_object_get(obj, first);

    return name[len] ? json_object_get(value, name + len + 1) : value;
}

/* As the peer would write it; NULL where there is none. */
static char *
value_text(const json_t *value)
{
    if (!value || json_is_null(value))
        return NULL;
    return json_is_string(value) ? mem_dup(json_string_value(value))
                                 : json_text(value, NULL);
}

static int
check_rules(const struct disk *disk, const char *prefix, struct err *err)
{
    CLEANUP_JSON json_t *obj = disk_to_json(disk, NULL);

    for (size_t i = 0; i < disk_nrules; i++) {
        const char *field = disk_rules[i].field;
        const json_t *value = value_at(obj, field);
        CLEANUP_FREE char *text = NULL;
        const struct disk_rule *rule;

        if (!value || json_is_null(value) || json_is_false(value))
            continue;
        rule = disk_rule_against(disk, field, json_string_value(value));
        if (!rule)
            continue;
        text = value_text(value);
        return refuse(prefix, field, text, rule->expected, err);
    }
    return 0;
}

static int
check_between(const struct disk *disk, const char *prefix, struct err *err)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        CLEANUP_JSON json_t *obj = NULL;
        CLEANUP_FREE char *value = NULL;

        if (rules[i].holds(disk))
            continue;
        obj = disk_to_json(disk, NULL);
        value = value_text(value_at(obj, rules[i].field));
        return refuse(prefix, rules[i].field, value, rules[i].expected, err);
    }
    return 0;
}

int
disk_check(const struct disk *disk, const char *prefix, struct err *err)
{
    if (check_rules(disk, prefix, err) < 0 ||
        check_between(disk, prefix, err) < 0)
        return -1;
    return check_address(disk, prefix, err);
}
