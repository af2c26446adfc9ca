// SPDX-License-Identifier: Apache-2.0
/*
 * Which fields of a disk go together: rows of small rules, each naming the
 * field at fault and what would be accepted. What a machine type allows
 * (sata on q35, ide on i440fx) is decided where the machine is known.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/disk.h"

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
ide_is_cdrom(const struct disk *d)
{
    return d->interface != DISK_IDE || d->kind == DISK_CDROM;
}

static bool
cdrom_not_virtio(const struct disk *d)
{
    return d->kind != DISK_CDROM || d->interface != DISK_VIRTIO;
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
    bool plain = d->kind == DISK_CDROM || d->source_type == DISK_SOURCE_BLOCK;

    return !d->format || is(d->format, "raw") ||
           (is(d->format, "qcow2") && !plain);
}

static bool
size_fits(const struct disk *d)
{
    return d->size == 0 || d->kind == DISK_IMAGE;
}

static bool
cdrom_read_only(const struct disk *d)
{
    return d->kind != DISK_CDROM || d->read_only;
}

/* QEMU's ide-hd, which serves sata as well, has no write protection. */
static bool
read_only_possible(const struct disk *d)
{
    return !d->read_only || d->kind == DISK_CDROM ||
           (d->interface != DISK_SATA && d->interface != DISK_IDE);
}

static bool
shareable_fits(const struct disk *d)
{
    return !d->shareable || d->kind == DISK_CDROM ||
           (is(d->format, "raw") && is(d->cache, "none"));
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
wwn_possible(const struct disk *d)
{
    return !d->wwn || d->interface == DISK_VIRTIO_SCSI;
}

static bool
native_is_direct(const struct disk *d)
{
    return !is(d->io, "native") || is_direct(d);
}

static bool
iothread_possible(const struct disk *d)
{
    return d->iothread == 0 || d->interface == DISK_VIRTIO;
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
    {ide_is_cdrom, "interface",
     "virtio_scsi, virtio or sata: ide is for a cdrom only"},
    {cdrom_not_virtio, "interface",
     "virtio_scsi, sata or ide: virtio-blk has no cdrom"},
    {source_known, "source", "a source of type file or block"},
    {source_there, "source",
     "a source with type and path; only a cdrom may have none"},
    {format_fits, "source.format",
     "raw for a block device and a cdrom, raw or qcow2 for an image file"},
    {size_fits, "size", "no size: only an image is created"},
    {cdrom_read_only, "read_only", "true for a cdrom"},
    {read_only_possible, "read_only",
     "false: a sata disk cannot be write-protected; use virtio_scsi"},
    {shareable_fits, "shareable",
     "false, or format raw and cache none: other VMs must see each write"},
    {order_fits, "boot_order", "1..1000 or null"},
    {serial_fits, "serial", "1..36 of A-Z a-z 0-9 . _ -"},
    {wwn_shape, "wwn", "16 hexadecimal digits"},
    {wwn_possible, "wwn", "no wwn: only a virtio_scsi disk has one"},
    {native_is_direct, "io",
     "threads or io_uring: native needs cache none or directsync"},
    {iothread_possible, "iothread",
     "no iothread: only a virtio disk has its own; on virtio_scsi the "
     "controller has it"},
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

/* The text of the field that a rule refused, as the peer would write it. */
static char *
value_of(const struct disk *disk, const char *name)
{
    CLEANUP_JSON json_t *obj = disk_to_json(disk, NULL);
    const json_t *value = obj;
    const char *key = name;
    size_t len;

    for (; value && *key; key += len + (key[len] == '.')) {
        CLEANUP_FREE char *part = NULL;

        len = strcspn(key, ".");
        part = mem_ndup(key, len);
        value = json_object_get(value, part);
    }
    if (!value || json_is_null(value))
        return NULL;
    return json_is_string(value) ? mem_dup(json_string_value(value))
                                 : json_text(value, NULL);
}

int
disk_check(const struct disk *disk, const char *prefix, struct err *err)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        CLEANUP_FREE char *value = NULL;

        if (rules[i].holds(disk))
            continue;
        value = value_of(disk, rules[i].field);
        return refuse(prefix, rules[i].field, value, rules[i].expected, err);
    }
    return check_address(disk, prefix, err);
}
