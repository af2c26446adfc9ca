// SPDX-License-Identifier: Apache-2.0
/*
 * A map's identity is the WWID in its DM UUID ("mpath-3600…"); a disk's is the
 * kernel's wwid, written as scsi_id does: "naa." becomes "3", "eui." "2",
 * "t10." "1".
 */
#include "agent/host/blockdev.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

#define BLOCK "/sys/block"
#define SECTOR 512
#define MPATH "mpath-"

/* --- identity ------------------------------------------------------------ */

static char *
guid_of_disk(const char *root, const char *name)
{
    static const char *const kinds[][2] = {
        {"naa.", "3"}, {"eui.", "2"}, {"t10.", "1"}};
    CLEANUP_FREE char *wwid = sysfs_line(root, BLOCK "/%s/device/wwid", name);
    char *guid = NULL;

    for (size_t i = 0; wwid && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(wwid, kinds[i][0], strlen(kinds[i][0])) == 0)
            guid = mem_printf("%s%s", kinds[i][1], wwid + strlen(kinds[i][0]));
    for (char *c = guid; c && *c; c++)
        if (*c == ' ')
            *c = '_';
    return guid;
}

static char *
guid_of_map(const char *root, const char *name)
{
    CLEANUP_FREE char *uuid = sysfs_line(root, BLOCK "/%s/dm/uuid", name);

    if (!uuid || strncmp(uuid, MPATH, strlen(MPATH)) != 0)
        return NULL;
    return mem_dup(uuid + strlen(MPATH));
}

/* --- where a path leads -------------------------------------------------- */

static json_t *
target_of(const char *root, const char *session, const char *connection)
{
    CLEANUP_FREE char *iqn =
        sysfs_line(root, "/sys/class/iscsi_session/%s/targetname", session);
    CLEANUP_FREE char *address = sysfs_line(
        root, "/sys/class/iscsi_connection/%s/persistent_address", connection);
    json_t *target = json_object();

    json_put_text(target, "iqn", iqn);
    json_put_text(target, "address", address);
    json_put_int(target, "port",
                 sysfs_number(root, 3260,
                              "/sys/class/iscsi_connection/%s/persistent_port",
                              connection));
    return target;
}

/* The folders that the device lies below: "…/host3/session1/target3:0:0/…",
 * "…/host2/rport-2:0-1/…". */
static void
put_transport(json_t *obj, const char *root, const char *name)
{
    CLEANUP_FREE char *link = mem_printf("%s" BLOCK "/%s", root, name);
    char where[1024], *session, *end, connection[64];
    ssize_t n = readlink(link, where, sizeof(where) - 1);

    where[n > 0 ? n : 0] = '\0';
    session = strstr(where, "/session");
    json_put_text(obj, "transport",
                  session                    ? "iscsi"
                  : strstr(where, "/rport-") ? "fc"
                                             : "other");
    json_put(obj, "target", NULL);
    if (!session)
        return;
    session++;
    end = session + strcspn(session, "/");
    *end = '\0';
    snprintf(connection, sizeof(connection), "connection%.32s:0",
             session + strlen("session"));
    json_put(obj, "target", target_of(root, session, connection));
}

/* The last number of the SCSI address "3:0:0:1". */
static json_int_t
lun_of(const char *root, const char *name)
{
    CLEANUP_FREE char *address = sysfs_link(root, BLOCK "/%s/device", name);
    const char *colon = address ? strrchr(address, ':') : NULL;

    return colon ? atoll(colon + 1) : 0;
}

static json_int_t
size_of(const char *root, const char *name)
{
    return sysfs_number(root, 0, BLOCK "/%s/size", name) * SECTOR;
}

static json_t *
path_of(const char *root, const char *name)
{
    CLEANUP_FREE char *state = sysfs_line(root, BLOCK "/%s/device/state", name);
    json_t *path = json_object();

    json_put_text(path, "name", name);
    json_put_text(path, "state", state ? state : "unknown");
    json_put_int(path, "lun", lun_of(root, name));
    json_put_int(path, "size", size_of(root, name));
    put_transport(path, root, name);
    return path;
}

/* --- one device ---------------------------------------------------------- */

static json_t *
names_in(const char *root, const char *name, const char *folder)
{
    CLEANUP_NAMES struct sysfs_names names =
        sysfs_list(root, BLOCK "/%s/%s", name, folder);
    json_t *list = json_array();

    for (size_t i = 0; i < names.n; i++)
        json_array_append_new(list, json_string(names.names[i]));
    return list;
}

static json_t *
partitions_of(const char *root, const char *name)
{
    CLEANUP_NAMES struct sysfs_names names =
        sysfs_list(root, BLOCK "/%s", name);
    json_t *list = json_array();

    for (size_t i = 0; i < names.n; i++)
        if (sysfs_exists(root, BLOCK "/%s/%s/partition", name, names.names[i]))
            json_array_append_new(list, json_string(names.names[i]));
    return list;
}

/* VPD page 80: a header of four bytes, then the number. */
static void
put_serial(json_t *obj, const char *root, const char *name)
{
    CLEANUP_FREE char *path =
        mem_printf("%s" BLOCK "/%s/device/vpd_pg80", root, name);
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char page[260] = "";
    ssize_t n = fd < 0 ? -1 : read(fd, page, sizeof(page) - 1);
    const char *serial = page + 4;

    page[n > 0 ? n : 0] = '\0';
    json_put_text(obj, "serial", n > 4 ? serial + strspn(serial, " ") : "");
}

/* What INQUIRY said when the kernel found it. */
static void
put_inquiry(json_t *obj, const char *root, const char *name)
{
    static const char *const files[][2] = {
        {"vendor", "vendor"}, {"product", "model"}, {"revision", "rev"}};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CLEANUP_FREE char *line =
            sysfs_line(root, BLOCK "/%s/device/%s", name, files[i][1]);

        json_put_text(obj, files[i][0], line ? line : "");
    }
    put_serial(obj, root, name);
}

/* first: the disk itself, or a path of the map. */
static json_t *
describe(const char *root, const char *name, const char *first)
{
    json_t *obj = json_object();

    json_put_text(obj, "name", name);
    json_put_int(obj, "size", size_of(root, name));
    json_put_int(
        obj, "logical_block",
        sysfs_number(root, SECTOR, BLOCK "/%s/queue/logical_block_size", name));
    json_put_int(obj, "physical_block",
                 sysfs_number(root, SECTOR,
                              BLOCK "/%s/queue/physical_block_size", name));
    json_put_int(
        obj, "discard_max",
        sysfs_number(root, 0, BLOCK "/%s/queue/discard_max_bytes", name));
    json_put_bool(obj, "read_only",
                  sysfs_number(root, 0, BLOCK "/%s/ro", name) == 1);
    json_put(obj, "holders", names_in(root, name, "holders"));
    json_put(obj, "partitions", partitions_of(root, name));
    put_inquiry(obj, root, first);
    return obj;
}

static json_t *
map_of(const char *root, const char *name)
{
    CLEANUP_FREE char *guid = guid_of_map(root, name);
    CLEANUP_FREE char *alias = sysfs_line(root, BLOCK "/%s/dm/name", name);
    CLEANUP_FREE char *path = NULL;
    CLEANUP_NAMES struct sysfs_names slaves =
        sysfs_list(root, BLOCK "/%s/slaves", name);
    json_t *map, *paths;

    if (!guid)
        return NULL;
    path = mem_printf("/dev/mapper/%s", alias ? alias : guid);
    map = describe(root, name, slaves.n ? slaves.names[0] : name);
    paths = json_array();
    for (size_t i = 0; i < slaves.n; i++)
        json_array_append_new(paths, path_of(root, slaves.names[i]));
    json_put_text(map, "guid", guid);
    json_put_text(map, "path", path);
    json_put_bool(map, "multipath", true);
    json_put(map, "paths", paths);
    return map;
}

/* Disks that are paths of a map are shown with it. */
static bool
is_held_by_map(const char *root, const char *name)
{
    CLEANUP_NAMES struct sysfs_names holders =
        sysfs_list(root, BLOCK "/%s/holders", name);
    bool held = false;

    for (size_t i = 0; i < holders.n && !held; i++) {
        CLEANUP_FREE char *guid = guid_of_map(root, holders.names[i]);

        held = guid != NULL;
    }
    return held;
}

/* SCSI peripheral device type 0. */
static json_t *
disk_of(const char *root, const char *name)
{
    CLEANUP_FREE char *guid = guid_of_disk(root, name);
    CLEANUP_FREE char *path = mem_printf("/dev/%s", name);
    json_t *disk, *paths;

    if (!guid || sysfs_number(root, 0, BLOCK "/%s/device/type", name) != 0 ||
        is_held_by_map(root, name))
        return NULL;
    disk = describe(root, name, name);
    paths = json_array();
    json_array_append_new(paths, path_of(root, name));
    json_put_text(disk, "guid", guid);
    json_put_text(disk, "path", path);
    json_put_bool(disk, "multipath", false);
    json_put(disk, "paths", paths);
    return disk;
}

json_t *
blockdev_list(const char *root)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, BLOCK);
    json_t *list = json_array();

    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.names[i];
        json_t *device = strncmp(name, "dm-", 3) == 0  ? map_of(root, name)
                         : strncmp(name, "sd", 2) == 0 ? disk_of(root, name)
                                                       : NULL;
        const json_t *paths = json_object_get(device, "paths");

        if (!device)
            continue;
        json_put_text(
            device, "transport",
            json_get_text(json_array_get(paths, 0), "transport", "other"));
        json_array_append_new(list, device);
    }
    return list;
}

char *
blockdev_path(const char *root, const char *guid)
{
    CLEANUP_JSON json_t *list = blockdev_list(root);
    json_t *at;
    size_t i;

    json_array_foreach (list, i, at)
        if (strcmp(json_get_text(at, "guid", ""), guid) == 0)
            return mem_dup(json_get_text(at, "path", ""));
    return NULL;
}
