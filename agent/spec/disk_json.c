// SPDX-License-Identifier: Apache-2.0
/*
 * A disk as JSON: a peer's wish (checked by the rows of disk_fields.def, then
 * by disk_check) and our own record (written by us, so only its shape is
 * looked at). Both are read by the same code.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/disk_rows.h"
#include "agent/spec/disk_rule.h"
#include "agent/spec/disk_source.h"

const struct field disk_fields[] = {
#define FIELD DISK_ROW
#include "agent/spec/disk_fields.def"
#undef FIELD
};
const size_t disk_nfields = sizeof(disk_fields) / sizeof(disk_fields[0]);

/* What disk_to_json and the verbs add, and a peer may send back. */
static const char *const output_only[] = {
    "vm",     "vm_name", "hypervisor", "state",   "alias",
    "target", "lun",     "emitted",    "granted", "effective",
    "foreign"};

/* The fields that are one text, by their place in struct disk. */
static const struct text {
    const char *name;
    size_t offset;
} texts[] = {
    {"serial", offsetof(struct disk, serial)},
    {"wwn", offsetof(struct disk, wwn)},
    {"cache", offsetof(struct disk, cache)},
    {"io", offsetof(struct disk, io)},
    {"discard", offsetof(struct disk, discard)},
    {"error_policy", offsetof(struct disk, error_policy)},
    {"target", offsetof(struct disk, target)},
    {"alias", offsetof(struct disk, alias)},
};
#define NTEXTS (sizeof(texts) / sizeof(texts[0]))

static char **
text_of(struct disk *disk, size_t i)
{
    return (char **)(void *)((char *)disk + texts[i].offset);
}

static json_t *
iotune_to_json(const struct disk_iotune *tune)
{
    json_t *obj = json_object();

    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++)
        if (disk_iotune_get(tune, i))
            json_put_int(obj, disk_iotune_name(i),
                         (json_int_t)disk_iotune_get(tune, i));
    return obj;
}

static void
put_numbers(json_t *obj, const struct disk *disk)
{
    CLEANUP_JSON json_t *tune = iotune_to_json(&disk->iotune);

    if (disk->boot_order)
        json_put_int(obj, "boot_order", disk->boot_order);
    if (disk->iothread)
        json_put_int(obj, "iothread", disk->iothread);
    if (json_object_size(tune))
        json_put(obj, "iotune", json_incref(tune));
    if (disk->address.type != ADDRESS_NONE)
        json_put(obj, "address", address_to_json(&disk->address));
    else if (disk->on_controller)
        json_put(obj, "address", json_pack("{s:s, s:i}", "type", "drive",
                                           "controller", disk->controller));
}

/* null where it is not known. */
static void
put_known(json_t *obj, const char *key, int value)
{
    json_put(obj, key, value < 0 ? json_null() : json_boolean(value));
}

json_t *
disk_effective_to_json(const struct disk_effective *effective)
{
    json_t *obj = json_object();

    json_put_text(obj, "sgio", effective->sgio);
    put_known(obj, "rawio", effective->rawio);
    put_known(obj, "reservations", effective->reservations);
    json_put_text(obj, "reason", effective->reason);
    return obj;
}

static void
put_scsi(json_t *obj, const struct disk_scsi *scsi)
{
    if (*scsi->sgio)
        json_put_text(obj, "sgio", scsi->sgio);
    json_put_bool(obj, "rawio", scsi->rawio);
    json_put_bool(obj, "reservations", scsi->reservations);
}

static json_t *
lun_to_json(const struct disk_lun *lun)
{
    json_t *obj = json_object();

    json_put_text(obj, "id", lun->id);
    json_put_text(obj, "vendor", lun->vendor);
    json_put_text(obj, "product", lun->product);
    json_put_text(obj, "serial", lun->serial);
    json_put_int(obj, "capacity", (json_int_t)lun->capacity);
    return obj;
}

/* What was asked, what the XML says for it, who allowed it, what is so. */
static void
put_lun(json_t *obj, const struct disk *disk)
{
    json_t *emitted = json_object(), *granted;

    put_scsi(obj, &disk->scsi);
    put_scsi(emitted, &disk->emitted);
    json_put(obj, "emitted", emitted);
    if (*disk->effective.sgio)
        json_put(obj, "effective", disk_effective_to_json(&disk->effective));
    if (*disk->grant.by) {
        granted = json_object();
        json_put_text(granted, "by", disk->grant.by);
        json_put_text(granted, "at", disk->grant.at);
        json_put(obj, "granted", granted);
    }
    if (disk->lun.capacity)
        json_put(obj, "lun", lun_to_json(&disk->lun));
}

static bool
has_scsi(const struct disk_scsi *scsi)
{
    return *scsi->sgio || scsi->rawio || scsi->reservations;
}

json_t *
disk_to_json(const struct disk *disk, const char *vm)
{
    json_t *obj = json_object();

    json_put_text(obj, "disk_id", disk->id);
    if (vm)
        json_put_text(obj, "vm", vm);
    json_put_text(obj, "kind", disk_kind_name(disk->kind));
    json_put_text(obj, "interface", disk_interface_name(disk->interface));
    json_put(obj, "source", disk_source_to_json(disk));
    if (disk->size)
        json_put_int(obj, "size", (json_int_t)disk->size);
    if (disk->kind == DISK_LUN || has_scsi(&disk->scsi))
        put_lun(obj, disk);
    json_put_bool(obj, "read_only", disk->read_only);
    json_put_bool(obj, "shareable", disk->shareable);
    for (size_t i = 0; i < NTEXTS; i++) {
        const char *text = *text_of((struct disk *)disk, i);

        if (text)
            json_put_text(obj, texts[i].name, text);
    }
    if (disk->foreign && !vm)
        json_put_text(obj, "foreign", disk->foreign);
    put_numbers(obj, disk);
    json_put_bool(obj, "plugged", disk->wanted);
    json_put_text(obj, "state", disk_state_name(disk->state));
    return obj;
}

/* Index of obj's word among names; fallback when absent, -1 when unknown. */
static int
word(const json_t *obj, const char *key, const char *(*name)(unsigned),
     unsigned count, int fallback)
{
    const char *text = json_get_text(obj, key, NULL);

    for (unsigned i = 0; text && i < count; i++)
        if (strcmp(name(i), text) == 0)
            return (int)i;
    return text ? -1 : fallback;
}

static const char *
kind_word(unsigned i)
{
    return disk_kind_name((enum disk_kind)i);
}

static const char *
interface_word(unsigned i)
{
    return disk_interface_name((enum disk_interface)i);
}

static const char *
state_word(unsigned i)
{
    return disk_state_name((enum disk_state)i);
}

/* The words of a disk; false when one of them is unknown. */
static bool
read_words(const json_t *obj, struct disk *disk)
{
    const char *source =
        json_get_text(json_object_get(obj, "source"), "type", NULL);
    int kind = word(obj, "kind", kind_word, DISK_KINDS, DISK_IMAGE);
    int iface = word(obj, "interface", interface_word, DISK_INTERFACES,
                     kind == DISK_CDROM ? DISK_SATA : DISK_VIRTIO_SCSI);
    int state =
        word(obj, "state", state_word, DISK_STATES, DISK_UNPLUGGED);

    if (kind < 0 || iface < 0 || state < 0 || disk_source_of_word(source) < 0)
        return false;
    disk->kind = (enum disk_kind)kind;
    disk->interface = (enum disk_interface)iface;
    disk->state = (enum disk_state)state;
    return true;
}

static void
copy_text(char *to, size_t size, const json_t *obj, const char *key)
{
    snprintf(to, size, "%s", json_get_text(obj, key, ""));
}

static void
read_scsi(const json_t *obj, struct disk_scsi *scsi)
{
    copy_text(scsi->sgio, sizeof(scsi->sgio), obj, "sgio");
    scsi->rawio = json_get_bool(obj, "rawio", 0);
    scsi->reservations = json_get_bool(obj, "reservations", 0);
}

/* {controller: N} and no more: a place on that controller is asked for. */
static int
read_address(const json_t *obj, const char *prefix, struct disk *disk,
             struct err *err)
{
    const json_t *given = json_object_get(obj, "address");
    bool typed = json_object_get(given, "type") != NULL;
    CLEANUP_FREE char *at = mem_printf("%saddress.", prefix);
    CLEANUP_JSON json_t *whole = json_copy((json_t *)given);

    disk->on_controller = json_object_get(given, "controller") &&
                          json_object_size(given) == 1u + typed;
    if (disk->on_controller && !typed)
        json_put_text(whole, "type", "drive");
    if (disk->on_controller)
        json_put_int(whole, "unit", 0);
    if (address_from_json_at(whole, at, &disk->address, err) < 0)
        return -1;
    disk->controller = disk->address.drive.controller;
    if (disk->on_controller)
        disk->address = (struct address){.type = ADDRESS_NONE};
    return 0;
}

/* Everything that obj says; its rows were checked, or we wrote it. */
static int
read_fields(const json_t *obj, const char *prefix, struct disk *disk,
            struct err *err)
{
    const json_t *tune = json_object_get(obj, "iotune");
    char id[UUID_TEXT];

    if (uuid_canon(json_get_text(obj, "disk_id", ""), id))
        memcpy(disk->id, id, sizeof(id));
    disk_source_read(json_object_get(obj, "source"), disk);
    read_scsi(obj, &disk->scsi);
    disk->foreign = mem_dup(json_get_text(obj, "foreign", NULL));
    disk->size = (uint64_t)json_get_int(obj, "size", 0);
    disk->read_only = json_get_bool(obj, "read_only", 0);
    disk->shareable = json_get_bool(obj, "shareable", 0);
    disk->boot_order = (unsigned)json_get_int(obj, "boot_order", 0);
    disk->iothread = (unsigned)json_get_int(obj, "iothread", 0);
    disk->wanted = json_get_bool(obj, "plugged", 1);
    for (size_t i = 0; i < NTEXTS; i++)
        *text_of(disk, i) = mem_dup(json_get_text(obj, texts[i].name, NULL));
    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++)
        disk_iotune_set(&disk->iotune, i,
                        (uint64_t)json_get_int(tune, disk_iotune_name(i), 0));
    return read_address(obj, prefix, disk, err);
}

/* What only our own record says of a LUN. */
static void
read_lun(const json_t *obj, struct disk *disk)
{
    const json_t *lun = json_object_get(obj, "lun");
    const json_t *granted = json_object_get(obj, "granted");
    const json_t *effective = json_object_get(obj, "effective");
    struct disk_effective *in_force = &disk->effective;

    disk->lun.id = mem_dup(json_get_text(lun, "id", NULL));
    disk->lun.vendor = mem_dup(json_get_text(lun, "vendor", NULL));
    disk->lun.product = mem_dup(json_get_text(lun, "product", NULL));
    disk->lun.serial = mem_dup(json_get_text(lun, "serial", NULL));
    disk->lun.capacity = (uint64_t)json_get_int(lun, "capacity", 0);
    read_scsi(json_object_get(obj, "emitted"), &disk->emitted);
    copy_text(disk->grant.by, sizeof(disk->grant.by), granted, "by");
    copy_text(disk->grant.at, sizeof(disk->grant.at), granted, "at");
    copy_text(in_force->sgio, sizeof(in_force->sgio), effective, "sgio");
    copy_text(in_force->reason, sizeof(in_force->reason), effective, "reason");
    in_force->rawio = json_get_bool(effective, "rawio", -1);
    in_force->reservations = json_get_bool(effective, "reservations", -1);
}

/* A disk of libvirt's that nobody has named has no id; one that is damaged
 * has one that does not read. */
static bool
id_is_good(const json_t *obj, const struct disk *disk)
{
    return *disk->id || !*json_get_text(obj, "disk_id", "?");
}

struct disk *
disk_from_record(const json_t *obj, struct err *err)
{
    CLEANUP_DISK struct disk *disk = disk_new();

    if (!json_is_object(obj) || !read_words(obj, disk) ||
        read_fields(obj, "", disk, NULL) < 0 || !id_is_good(obj, disk)) {
        err_set(err, ERR_INTERNAL,
                "The record of disk \"%s\" does not read as a disk",
                json_get_text(obj, "disk_id", "?"));
        return NULL;
    }
    read_lun(obj, disk);
    return STEAL(disk);
}

static int
check_iotune(const json_t *tune, const char *prefix, struct err *err)
{
    struct field rows[DISK_IOTUNE_ROWS];
    CLEANUP_FREE char *at = mem_printf("%siotune.", prefix);

    if (!tune || json_is_null(tune))
        return 0;
    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++)
        rows[i] = (struct field){.name = disk_iotune_name(i),
                                 .type = FIELD_INT,
                                 .max = DISK_IOTUNE_MAX,
                                 .range = "0..1000000000000000"};
    return field_check(rows, DISK_IOTUNE_ROWS, at, tune, err);
}

static int
check_rows(const json_t *obj, const char *prefix, struct err *err)
{
    const json_t *source;

    if (field_check(disk_fields, disk_nfields, prefix, obj, err) < 0)
        return -1;
    source = json_object_get(obj, "source");
    if (source && !json_is_null(source) &&
        disk_source_check(source, prefix, err) < 0)
        return -1;
    return check_iotune(json_object_get(obj, "iotune"), prefix, err);
}

/* A default that the rules forbid is none. */
static void
set_default(struct disk *disk, const char *field, char **text,
            const char *value)
{
    if (!*text && !disk_rule_against(disk, field, value))
        *text = mem_dup(value);
}

/* What a peer need not say. */
static void
fill(const json_t *obj, struct disk *disk)
{
    bool direct;

    if (!*disk->id)
        uuid_new(disk->id);
    disk->alias = mem_printf("ua-%s", disk->id);
    if (disk->source_type != DISK_SOURCE_NONE)
        set_default(disk, "source.format", &disk->format, "raw");
    if (disk->kind == DISK_CDROM) {
        disk->read_only = json_get_bool(obj, "read_only", 1);
        return;
    }
    set_default(disk, "serial", &disk->serial, disk->id);
    set_default(disk, "cache", &disk->cache, "none");
    direct = strcmp(disk->cache, "none") == 0 ||
             strcmp(disk->cache, "directsync") == 0;
    if (direct && !disk_source_is_network(disk->source_type))
        set_default(disk, "io", &disk->io, "native");
    set_default(disk, "discard", &disk->discard, "unmap");
    set_default(disk, "error_policy", &disk->error_policy, "stop");
}

struct disk *
disk_from_json(const json_t *obj, const char *prefix, struct err *err)
{
    CLEANUP_DISK struct disk *disk = disk_new();
    CLEANUP_JSON json_t *wish = json_copy((json_t *)obj);

    for (size_t i = 0; i < sizeof(output_only) / sizeof(output_only[0]); i++)
        json_object_del(wish, output_only[i]);
    if (check_rows(wish, prefix, err) < 0 ||
        read_fields(wish, prefix, disk, err) < 0)
        return NULL;
    read_words(wish, disk); /* the rows have checked them */
    fill(wish, disk);
    if (disk_check(disk, prefix, err) < 0)
        return NULL;
    return STEAL(disk);
}
