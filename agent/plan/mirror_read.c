// SPDX-License-Identifier: Apache-2.0
/*
 * Reading what another host, or anybody who can edit a domain, wrote: bounded
 * and checked as what a peer sends is. A bad entry costs itself alone.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/mirror.h"

#define TEXT_MAX (1024 * 1024)
#define DEPTH_MAX 16

static void
complain(json_t *bad, const char *fmt, const char *what)
{
    CLEANUP_FREE char *text = mem_printf(fmt, what);

    json_array_append_new(bad, json_string(text));
}

static bool
is_target(const char *text)
{
    size_t len = strlen(text);

    return len >= 2 && len < 16 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
}

/* A disk that is not plugged. */
static int
read_whole(const json_t *obj, struct mirror_disk *out, struct err *err)
{
    CLEANUP_JSON json_t *object = json_copy((json_t *)obj);

    json_put_text(object, "disk_id", out->id);
    out->disk = disk_from_json(object, "", err);
    if (!out->disk)
        return -1;
    out->disk->wanted = false;
    out->disk->state = DISK_UNPLUGGED;
    return 0;
}

static int
read_entry(const json_t *entry, struct mirror_disk *out, struct err *err)
{
    const json_t *disk = json_object_get(entry, "disk");
    const char *target = json_get_text(entry, "target", "");
    const char *sgio = json_get_text(entry, "sgio", "");

    if (!uuid_canon(json_get_text(entry, "disk_id", ""), out->id))
        return err_param(err, ERR_INVALID, "disk_id",
                         json_get_text(entry, "disk_id", NULL), "a UUID");
    if (json_is_object(disk))
        return read_whole(disk, out, err);
    if (!is_target(target))
        return err_param(err, ERR_INVALID, "target", target,
                         "the target name of a disk");
    if (sgio[0] && strcmp(sgio, "filtered") && strcmp(sgio, "unfiltered"))
        return err_param(err, ERR_INVALID, "sgio", sgio,
                         "filtered or unfiltered");
    snprintf(out->target, sizeof(out->target), "%s", target);
    snprintf(out->scsi.sgio, sizeof(out->scsi.sgio), "%s", sgio);
    out->scsi.rawio = json_get_bool(entry, "rawio", 0) == 1;
    out->scsi.reservations = json_get_bool(entry, "reservations", 0) == 1;
    out->asks = sgio[0] || out->scsi.rawio || out->scsi.reservations;
    return 0;
}

static void
read_disks(struct mirror *mirror, const json_t *list, json_t *bad)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        struct mirror_disk disk = {.asks = false};
        struct err err = ERR_INIT;

        if (i == MIRROR_DISKS) {
            complain(bad, "more than %s disks", "1000");
            return;
        }
        if (read_entry(entry, &disk, &err) < 0) {
            complain(bad, "%s", err.message);
            disk_free(disk.disk);
            continue;
        }
        mirror->disks =
            mem_more(mirror->disks, mirror->ndisks, sizeof(*mirror->disks));
        mirror->disks[mirror->ndisks++] = disk;
    }
}

struct mirror *
mirror_read(const char *text, json_t *bad)
{
    struct mirror *mirror = mem_zalloc(1, sizeof(*mirror));
    static const struct json_limits limits = {DEPTH_MAX, TEXT_MAX};
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *all = NULL;
    const char *os;

    mirror->virtio_scsi = -1;
    if (!text)
        return mirror;
    all = strlen(text) <= TEXT_MAX
              ? json_parse(text, strlen(text), &limits, &err)
              : NULL;
    if (json_get_int(all, "version", 0) != 1) {
        complain(bad, "its text is not of a known version%s", "");
        return mirror;
    }
    mirror->virtio_scsi = json_get_bool(all, "virtio_scsi", -1);
    os = json_get_text(all, "guest_os", "");
    if (strlen(os) < sizeof(mirror->guest_os) &&
        !os[strspn(os, "abcdefghijklmnopqrstuvwxyz0123456789_")])
        snprintf(mirror->guest_os, sizeof(mirror->guest_os), "%s", os);
    read_disks(mirror, json_object_get(all, "disks"), bad);
    return mirror;
}

void
mirror_free(struct mirror *mirror)
{
    if (!mirror)
        return;
    for (size_t i = 0; i < mirror->ndisks; i++)
        disk_free(mirror->disks[i].disk);
    free(mirror->disks);
    free(mirror);
}

const struct mirror_disk *
mirror_at(const struct mirror *mirror, const char *target)
{
    for (size_t i = 0; target && i < mirror->ndisks; i++)
        if (!mirror->disks[i].disk &&
            !strcmp(mirror->disks[i].target, target))
            return &mirror->disks[i];
    return NULL;
}
