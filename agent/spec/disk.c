// SPDX-License-Identifier: Apache-2.0
/*
 * A disk as a value: its life, the names of its words, the names that libvirt
 * wants for targets, and how two disks differ. The rules between fields are
 * in disk_check.c, JSON in disk_json.c, XML in disk_xml.c.
 */
#include "agent/spec/disk.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

static const char *const kind_names[DISK_KINDS] = {
    [DISK_IMAGE] = "image",
    [DISK_CDROM] = "cdrom",
    [DISK_LUN] = "lun",
};

static const struct interface {
    const char *name;
    const char *bus;    /* of <target> */
    const char *prefix; /* of its dev */
} interfaces[DISK_INTERFACES] = {
    [DISK_VIRTIO_SCSI] = {"virtio_scsi", "scsi", "sd"},
    [DISK_VIRTIO] = {"virtio", "virtio", "vd"},
    [DISK_SATA] = {"sata", "sata", "sd"},
    [DISK_IDE] = {"ide", "ide", "hd"},
    [DISK_OTHER_BUS] = {"other", "other", "sd"},
};

static const char *const state_names[] = {
    [DISK_UNPLUGGED] = "unplugged",
    [DISK_PLUGGED] = "plugged",
    [DISK_UNPLUG_PENDING] = "unplug_pending",
    [DISK_ROLLBACK_PENDING] = "rollback_pending",
};

static const struct tune {
    const char *name;
    size_t offset;
} tunes[DISK_IOTUNE_ROWS] = {
#define TUNE(name)                                \
    {                                             \
#name, offsetof(struct disk_iotune, name) \
    }
    TUNE(total_bytes_sec), TUNE(read_bytes_sec), TUNE(write_bytes_sec),
    TUNE(total_iops_sec),  TUNE(read_iops_sec),  TUNE(write_iops_sec),
#undef TUNE
};

struct disk *
disk_new(void)
{
    return mem_zalloc(1, sizeof(struct disk));
}

static void
copy_far(struct disk_far *to, const struct disk_far *from)
{
    *to = *from;
    to->hosts = mem_zalloc(from->nhosts + 1, sizeof(*to->hosts));
    for (size_t i = 0; i < from->nhosts; i++) {
        to->hosts[i].name = mem_dup(from->hosts[i].name);
        to->hosts[i].port = from->hosts[i].port;
    }
    to->pool = mem_dup(from->pool);
    to->name = mem_dup(from->name);
    to->initiator = mem_dup(from->initiator);
    to->user = mem_dup(from->user);
    to->secret = mem_dup(from->secret);
}

static void
clear_far(struct disk_far *far)
{
    for (size_t i = 0; i < far->nhosts; i++)
        free(far->hosts[i].name);
    free(far->hosts);
    free(far->pool);
    free(far->name);
    free(far->initiator);
    free(far->user);
    free(far->secret);
}

void
disk_set_source(struct disk *disk, const struct disk *from)
{
    struct disk_far far = {.hosts = NULL};

    copy_far(&far, &from->far);
    clear_far(&disk->far);
    free(disk->path);
    free(disk->format);
    disk->far = far;
    disk->path = mem_dup(from->path);
    disk->format = mem_dup(from->format);
    disk->source_type = from->source_type;
}

void
disk_lun_set(struct disk *disk, const struct disk_lun *lun)
{
    const struct disk_lun copy = {
        .id = mem_dup(lun->id),
        .vendor = mem_dup(lun->vendor),
        .product = mem_dup(lun->product),
        .serial = mem_dup(lun->serial),
        .capacity = lun->capacity,
    };

    disk_lun_clear(&disk->lun);
    disk->lun = copy;
}

void
disk_lun_clear(struct disk_lun *lun)
{
    free(lun->id);
    free(lun->vendor);
    free(lun->product);
    free(lun->serial);
    *lun = (struct disk_lun){.id = NULL};
}

struct disk *
disk_copy(const struct disk *disk)
{
    struct disk *copy = disk_new();

    *copy = *disk;
    copy_far(&copy->far, &disk->far);
    copy->lun = (struct disk_lun){.id = NULL};
    disk_lun_set(copy, &disk->lun);
    copy->path = mem_dup(disk->path);
    copy->format = mem_dup(disk->format);
    copy->serial = mem_dup(disk->serial);
    copy->wwn = mem_dup(disk->wwn);
    copy->cache = mem_dup(disk->cache);
    copy->io = mem_dup(disk->io);
    copy->discard = mem_dup(disk->discard);
    copy->error_policy = mem_dup(disk->error_policy);
    copy->target = mem_dup(disk->target);
    copy->alias = mem_dup(disk->alias);
    copy->foreign = mem_dup(disk->foreign);
    return copy;
}

void
disk_free(struct disk *disk)
{
    if (!disk)
        return;
    clear_far(&disk->far);
    disk_lun_clear(&disk->lun);
    free(disk->path);
    free(disk->format);
    free(disk->serial);
    free(disk->wwn);
    free(disk->cache);
    free(disk->io);
    free(disk->discard);
    free(disk->error_policy);
    free(disk->target);
    free(disk->alias);
    free(disk->foreign);
    free(disk);
}

const char *
disk_kind_name(enum disk_kind kind)
{
    return kind_names[kind];
}

const char *
disk_interface_name(enum disk_interface iface)
{
    return interfaces[iface].name;
}

const char *
disk_state_name(enum disk_state state)
{
    return state_names[state];
}

const char *
disk_bus(const struct disk *disk)
{
    return interfaces[disk->interface].bus;
}

enum disk_interface
disk_interface_of_bus(const char *bus)
{
    for (int i = 0; bus && i < DISK_OTHER_BUS; i++)
        if (strcmp(interfaces[i].bus, bus) == 0)
            return (enum disk_interface)i;
    return DISK_OTHER_BUS;
}

const char *
disk_iotune_name(size_t i)
{
    return tunes[i].name;
}

uint64_t
disk_iotune_get(const struct disk_iotune *tune, size_t i)
{
    return *(const uint64_t *)(const void *)((const char *)tune +
                                             tunes[i].offset);
}

void
disk_iotune_set(struct disk_iotune *tune, size_t i, uint64_t value)
{
    *(uint64_t *)(void *)((char *)tune + tunes[i].offset) = value;
}

/* Bijective base 26: a is 1, z is 26, aa is 27. -1 for another prefix. */
static long
target_number(const char *prefix, const char *target)
{
    size_t len = strlen(prefix);
    long n = 0;

    if (strncmp(target, prefix, len) != 0 || strlen(target) > len + 4)
        return -1;
    for (const char *p = target + len; *p; p++) {
        if (*p < 'a' || *p > 'z')
            return -1;
        n = n * 26 + (*p - 'a' + 1);
    }
    return n - 1;
}

void
disk_target_name(enum disk_interface iface, unsigned n, char out[16])
{
    const char *prefix = interfaces[iface].prefix;
    char letters[8];
    size_t at = sizeof(letters) - 1;

    letters[at] = '\0';
    for (n++; n > 0 && at > 0; n = (n - 1) / 26)
        letters[--at] = (char)('a' + (n - 1) % 26);
    snprintf(out, 16, "%s%s", prefix, letters + at);
}

void
disk_target_pick(enum disk_interface iface, const char *const *taken, size_t n,
                 char out[16])
{
    /* n names can hold at most the first n numbers. */
    CLEANUP_FREE bool *held = mem_zalloc(n + 1, sizeof(*held));
    unsigned first = 0;

    for (size_t i = 0; i < n; i++) {
        long number =
            taken[i] ? target_number(interfaces[iface].prefix, taken[i]) : -1;

        if (number >= 0 && (size_t)number < n)
            held[number] = true;
    }
    while (held[first])
        first++;
    disk_target_name(iface, first, out);
}

bool
disk_scsi_equal(const struct disk_scsi *a, const struct disk_scsi *b)
{
    return strcmp(a->sgio, b->sgio) == 0 && a->rawio == b->rawio &&
           a->reservations == b->reservations;
}

static bool
same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static char *
differs(const char *what, const char *seen, const char *planned)
{
    return mem_printf("%s is %s, planned %s", what,
                      seen && *seen ? seen : "none",
                      planned && *planned ? planned : "none");
}

static char *
scsi_differs(const struct disk_scsi *planned, const struct disk_scsi *seen)
{
    if (strcmp(planned->sgio, seen->sgio) != 0)
        return differs("sgio", seen->sgio, planned->sgio);
    if (planned->rawio != seen->rawio)
        return differs("rawio", seen->rawio ? "true" : "false",
                       planned->rawio ? "true" : "false");
    if (planned->reservations != seen->reservations)
        return differs("reservations", seen->reservations ? "true" : "false",
                       planned->reservations ? "true" : "false");
    return NULL;
}

char *
disk_mismatch(const struct disk *planned, const struct disk *seen)
{
    char have[32], want[32];

    if (planned->alias && !same(planned->alias, seen->alias))
        return differs("alias", seen->alias, planned->alias);
    if (planned->kind != seen->kind)
        return differs("kind", disk_kind_name(seen->kind),
                       disk_kind_name(planned->kind));
    if (planned->interface != seen->interface)
        return differs("interface", disk_interface_name(seen->interface),
                       disk_interface_name(planned->interface));
    if (planned->source_type != seen->source_type ||
        !same(planned->path, seen->path))
        return differs("source", seen->path, planned->path);
    address_text(&planned->address, want);
    address_text(&seen->address, have);
    if (strcmp(have, want) != 0)
        return differs("address", have, want);
    if (planned->read_only != seen->read_only)
        return differs("read_only", seen->read_only ? "true" : "false",
                       planned->read_only ? "true" : "false");
    return scsi_differs(&planned->emitted, &seen->emitted);
}
