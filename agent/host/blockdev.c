// SPDX-License-Identifier: Apache-2.0
/* A map's identity is the WWID in its DM UUID ("mpath-3600…"). */
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

/* kpartx makes maps of them, with a UUID "part1-mpath-3600…". */
static json_t *
partitions_of(const char *root, const char *node)
{
    CLEANUP_NAMES struct sysfs_names names =
        sysfs_list(root, BLOCK "/%s/holders", node);
    json_t *list = json_array();

    for (size_t i = 0; i < names.n; i++) {
        CLEANUP_FREE char *uuid =
            sysfs_line(root, BLOCK "/%s/dm/uuid", names.names[i]);

        if (uuid && strncmp(uuid, "part", strlen("part")) == 0)
            json_array_append_new(list, json_string(names.names[i]));
    }
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

/* first: a path, which knows what INQUIRY said. */
static json_t *
describe(const char *root, const char *node, const char *first)
{
    static const char *const limits[][2] = {
        {"logical_block", "logical_block_size"},
        {"physical_block", "physical_block_size"},
        {"discard_max", "discard_max_bytes"}};
    json_t *map = json_object();

    json_put_text(map, "node", node);
    json_put_int(map, "size", size_of(root, node));
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        json_put_int(
            map, limits[i][0],
            sysfs_number(root, 0, BLOCK "/%s/queue/%s", node, limits[i][1]));
    json_put(map, "holders", names_in(root, node, "holders"));
    json_put(map, "partitions", partitions_of(root, node));
    put_inquiry(map, root, first);
    return map;
}

static json_t *
map_of(const char *root, const char *node)
{
    CLEANUP_FREE char *guid = guid_of_map(root, node);
    CLEANUP_FREE char *name = sysfs_line(root, BLOCK "/%s/dm/name", node);
    CLEANUP_NAMES struct sysfs_names slaves =
        sysfs_list(root, BLOCK "/%s/slaves", node);
    json_t *map, *paths;

    if (!guid)
        return NULL;
    map = describe(root, node, slaves.n ? slaves.names[0] : node);
    paths = json_array();
    for (size_t i = 0; i < slaves.n; i++)
        json_array_append_new(paths, path_of(root, slaves.names[i]));
    json_put_text(
        map, "transport",
        json_get_text(json_array_get(paths, 0), "transport", "other"));
    json_put_text(map, "guid", guid);
    json_put_text(map, "name", name ? name : guid);
    json_put(map, "paths", paths);
    return map;
}

json_t *
blockdev_maps(const char *root)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, BLOCK);
    json_t *list = json_array();

    for (size_t i = 0; i < names.n; i++) {
        json_t *map = map_of(root, names.names[i]);

        if (map)
            json_array_append_new(list, map);
    }
    return list;
}
