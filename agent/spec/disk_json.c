// SPDX-License-Identifier: Apache-2.0
/*
 * A disk as JSON: a peer's wish (checked by the rows of disk_fields.def, then
 * by disk_check) and our own record (written by us, so only its shape is
 * looked at). Both are read by the same code.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/disk.h"
#include "agent/spec/disk_rows.h"

const struct field disk_fields[] = {
#define FIELD DISK_ROW
#include "agent/spec/disk_fields.def"
#undef FIELD
};
const size_t disk_nfields = sizeof(disk_fields) / sizeof(disk_fields[0]);

/* What disk_to_json and the verbs add, and a peer may send back. */
static const char *const output_only[] = {"vm",        "hypervisor", "state",
                                          "effective", "alias",      "target",
                                          "vm_name"};

static const struct field source_fields[] = {
    {.name = "type",
     .type = FIELD_ENUM,
     .required = true,
     .range = "file|block"},
    {.name = "path", .type = FIELD_PATH, .required = true},
    {.name = "format", .type = FIELD_ENUM, .range = "raw|qcow2"},
};
#define NSOURCE (sizeof(source_fields) / sizeof(source_fields[0]))

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

static const char *const source_names[] = {
    [DISK_SOURCE_NONE] = "none",
    [DISK_SOURCE_FILE] = "file",
    [DISK_SOURCE_BLOCK] = "block",
    [DISK_SOURCE_OTHER] = "other",
};

static char **
text_of(struct disk *disk, size_t i)
{
    return (char **)(void *)((char *)disk + texts[i].offset);
}

static json_t *
source_to_json(const struct disk *disk)
{
    json_t *source;

    if (disk->source_type == DISK_SOURCE_NONE)
        return NULL;
    source = json_object();
    json_put_text(source, "type", source_names[disk->source_type]);
    if (disk->path)
        json_put_text(source, "path", disk->path);
    if (disk->format)
        json_put_text(source, "format", disk->format);
    return source;
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
    json_put(obj, "source", source_to_json(disk));
    if (disk->size)
        json_put_int(obj, "size", (json_int_t)disk->size);
    json_put_bool(obj, "read_only", disk->read_only);
    json_put_bool(obj, "shareable", disk->shareable);
    for (size_t i = 0; i < NTEXTS; i++) {
        const char *text = *text_of((struct disk *)disk, i);

        if (text)
            json_put_text(obj, texts[i].name, text);
    }
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

static const char *
source_word(unsigned i)
{
    return source_names[i];
}

/* The four words of a disk; false when one of them is unknown. */
static bool
read_words(const json_t *obj, struct disk *disk)
{
    const json_t *source = json_object_get(obj, "source");
    int kind = word(obj, "kind", kind_word, DISK_KINDS, DISK_IMAGE);
    int iface = word(obj, "interface", interface_word, DISK_INTERFACES,
                     kind == DISK_CDROM ? DISK_SATA : DISK_VIRTIO_SCSI);
    int type = word(source, "type", source_word, DISK_SOURCE_OTHER + 1,
                    DISK_SOURCE_NONE);
    int state =
        word(obj, "state", state_word, DISK_UNPLUG_PENDING + 1, DISK_UNPLUGGED);

    if (kind < 0 || iface < 0 || type < 0 || state < 0)
        return false;
    disk->kind = (enum disk_kind)kind;
    disk->interface = (enum disk_interface)iface;
    disk->source_type = (enum disk_source_type)type;
    disk->state = (enum disk_state)state;
    return true;
}

/* Everything that obj says; its rows were checked, or we wrote it. */
static int
read_fields(const json_t *obj, const char *prefix, struct disk *disk,
            struct err *err)
{
    const json_t *source = json_object_get(obj, "source");
    const json_t *tune = json_object_get(obj, "iotune");
    CLEANUP_FREE char *at = mem_printf("%saddress.", prefix);
    char id[UUID_TEXT];

    if (uuid_canon(json_get_text(obj, "disk_id", ""), id))
        memcpy(disk->id, id, sizeof(id));
    disk->path = mem_dup(json_get_text(source, "path", NULL));
    disk->format = mem_dup(json_get_text(source, "format", NULL));
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
    return address_from_json_at(json_object_get(obj, "address"), at,
                                &disk->address, err);
}

struct disk *
disk_from_record(const json_t *obj, struct err *err)
{
    CLEANUP_DISK struct disk *disk = disk_new();

    if (!json_is_object(obj) || !read_words(obj, disk) ||
        read_fields(obj, "", disk, NULL) < 0 || !*disk->id) {
        err_set(err, ERR_INTERNAL,
                "The record of disk \"%s\" does not read as a disk",
                json_get_text(obj, "disk_id", "?"));
        return NULL;
    }
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
    CLEANUP_FREE char *at = mem_printf("%ssource.", prefix);

    if (field_check(disk_fields, disk_nfields, prefix, obj, err) < 0)
        return -1;
    source = json_object_get(obj, "source");
    if (source && !json_is_null(source) &&
        field_check(source_fields, NSOURCE, at, source, err) < 0)
        return -1;
    return check_iotune(json_object_get(obj, "iotune"), prefix, err);
}

static void
set_default(char **text, const char *value)
{
    if (!*text)
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
        set_default(&disk->format, "raw");
    if (disk->kind == DISK_CDROM) {
        disk->read_only = json_get_bool(obj, "read_only", 1);
        return;
    }
    set_default(&disk->serial, disk->id);
    set_default(&disk->cache, "none");
    direct = strcmp(disk->cache, "none") == 0 ||
             strcmp(disk->cache, "directsync") == 0;
    if (direct)
        set_default(&disk->io, "native");
    if (disk->kind == DISK_IMAGE)
        set_default(&disk->discard, "unmap");
    set_default(&disk->error_policy, "stop");
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
