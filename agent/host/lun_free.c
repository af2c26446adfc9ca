// SPDX-License-Identifier: Apache-2.0
/*
 * Whether something else holds a device, and what. The kernel's tree of
 * holders is walked upwards from the device, and from each partition of it:
 * a logical volume, a cryptographic or RAID device, a path of a multipath
 * map; and at each node its mounts and swap. A partition that nobody uses
 * holds nothing: guests make them on their LUNs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/host/lun.h"
#include "agent/host/lun_map.h"
#include "agent/host/sysfs.h"

#define DEPTH_MAX 8
#define MAP_PREFIX "mpath-"

/* A block device as the kernel names it. */
struct node {
    char name[64]; /* "sda2", "dm-0" */
    unsigned major, minor;
};

static bool
starts(const char *text, const char *prefix)
{
    return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

static char *
attribute(const char *root, const struct node *node, const char *name)
{
    return sysfs_line(root, "/sys/class/block/%s/%s", node->name, name);
}

static bool
find_node(const char *root, const char *name, struct node *out)
{
    CLEANUP_FREE char *dev = sysfs_line(root, "/sys/class/block/%s/dev", name);

    snprintf(out->name, sizeof(out->name), "%s", name);
    return dev && sscanf(dev, "%u:%u", &out->major, &out->minor) == 2;
}

/* --- what a node is ------------------------------------------------------- */

static const struct maker {
    const char *prefix; /* of its dm UUID */
    const char *what;
} makers[] = {
    {"LVM-", "the logical volume"},
    {"CRYPT-", "the encrypted device"},
    {MAP_PREFIX, "the multipath map"},
};

/* "the logical volume vg-root", "the RAID array md0" … Returns owned. */
static char *
describe(const char *root, const struct node *node)
{
    CLEANUP_FREE char *uuid = attribute(root, node, "dm/uuid");
    CLEANUP_FREE char *name = attribute(root, node, "dm/name");
    const char *shown = name ? name : node->name;

    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
        if (starts(uuid, makers[i].prefix))
            return mem_printf("%s %s", makers[i].what, shown);
    if (sysfs_exists(root, "/sys/class/block/%s/dm", node->name))
        return mem_printf("the device-mapper device %s", shown);
    if (sysfs_exists(root, "/sys/class/block/%s/md", node->name))
        return mem_printf("the RAID array %s", shown);
    return mem_printf("the device %s", shown);
}

static bool
is_partition_map(const char *root, const struct node *node)
{
    CLEANUP_FREE char *uuid = attribute(root, node, "dm/uuid");

    return starts(uuid, "part") && strstr(uuid, "-" MAP_PREFIX) != NULL;
}

/* --- mounts and swap ------------------------------------------------------ */

/* A line's device: by its numbers, or by its path, which is how file systems
 * that span devices (btrfs) and swap are listed. */
static bool
is_node(const struct node *node, const char *path)
{
    const char *base = strrchr(path, '/');
    struct stat st;

    if (stat(path, &st) == 0 && S_ISBLK(st.st_mode))
        return st.st_rdev == makedev(node->major, node->minor);
    return base && strcmp(base + 1, node->name) == 0;
}

/* mountinfo writes blanks as octal escapes (proc(5)). */
static void
unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from;) {
        unsigned value;

        if (*from == '\\' && sscanf(from + 1, "%3o", &value) == 1) {
            *to++ = (char)value;
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* proc(5): ID PARENT MAJOR:MINOR ROOT POINT OPTIONS … - TYPE SOURCE … */
static bool
mount_line(const struct node *node, char *line, char point[256])
{
    unsigned major_number, minor_number;
    char source[256] = "";
    const char *after = strstr(line, " - ");

    if (sscanf(line, "%*u %*u %u:%u %*s %255s", &major_number, &minor_number,
               point) != 3)
        return false;
    if (after)
        sscanf(after + 3, "%*s %255s", source);
    unescape(point);
    return (major_number == node->major && minor_number == node->minor) ||
           (major_number == 0 && source[0] == '/' && is_node(node, source));
}

static bool
is_mounted(const char *root, const struct node *node, const char *process,
           struct buf *out)
{
    CLEANUP_FREE char *text = sysfs_text(root, "/proc/%s/mountinfo", process);
    char *rest = NULL, point[256], best[256] = "";

    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        if (mount_line(node, line, point) &&
            (!best[0] || strlen(point) < strlen(best)))
            memcpy(best, point, sizeof(best));
    if (!best[0])
        return false;
    if (strcmp(best, "/") == 0)
        buf_printf(out, "mounted as the host's root");
    else
        buf_printf(out, "mounted on %s", best);
    return true;
}

static bool
is_swap(const char *root, const struct node *node, struct buf *out)
{
    CLEANUP_FREE char *text = sysfs_text(root, "/proc/swaps");
    char *rest = NULL, path[256];

    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "%255s", path) != 1 || path[0] != '/' ||
            !is_node(node, path))
            continue;
        buf_printf(out, "swap space of the host");
        return true;
    }
    return false;
}

/* In the host's mounts or, in a container, in our own. */
static bool
is_used(const char *root, const struct node *node, struct buf *out)
{
    return is_mounted(root, node, "1", out) ||
           is_mounted(root, node, "self", out) || is_swap(root, node, out);
}

/* --- holders -------------------------------------------------------------- */

static bool held(const char *root, const struct node *node, int depth,
                 struct buf *out);

static bool
held_by(const char *root, const char *name, int depth, struct buf *out)
{
    CLEANUP_BUF struct buf above = BUF_INIT;
    CLEANUP_FREE char *what = NULL;
    struct node holder;
    bool used;

    if (!find_node(root, name, &holder))
        return false;
    used = held(root, &holder, depth + 1, &above);
    if (is_partition_map(root, &holder) && !used)
        return false;
    what = describe(root, &holder);
    buf_printf(out, "held by %s%s%s", what, used ? ", which is " : "",
               used ? above.data : "");
    return true;
}

/* The partitions of a whole disk: those of its entries that are one. */
static bool
partition_held(const char *root, const struct node *node, int depth,
               struct buf *out)
{
    CLEANUP_NAMES struct sysfs_names list =
        sysfs_list(root, "/sys/class/block/%s", node->name);

    for (size_t i = 0; i < list.n; i++) {
        CLEANUP_BUF struct buf above = BUF_INIT;
        struct node part;

        if (!sysfs_exists(root, "/sys/class/block/%s/%s/partition", node->name,
                          list.names[i]) ||
            !find_node(root, list.names[i], &part) ||
            !held(root, &part, depth + 1, &above))
            continue;
        buf_printf(out, "in use: its partition %s is %s", part.name,
                   above.data);
        return true;
    }
    return false;
}

/* In words what holds a node, for "… is": false when nothing does. */
static bool
held(const char *root, const struct node *node, int depth, struct buf *out)
{
    CLEANUP_NAMES struct sysfs_names list = {NULL, 0};

    if (depth > DEPTH_MAX)
        return false;
    if (is_used(root, node, out))
        return true;
    list = sysfs_list(root, "/sys/class/block/%s/holders", node->name);
    for (size_t i = 0; i < list.n; i++)
        if (held_by(root, list.names[i], depth, out))
            return true;
    return partition_held(root, node, depth, out);
}

/* --- what is no LUN ------------------------------------------------------- */

static int
no_lun(const char *path, const char *what, const char *advice, struct err *err)
{
    return err_set(err, ERR_SOURCE_BAD,
                   "source: \"%s\" is %s, and a LUN is a whole device; %s",
                   path, what, advice);
}

/* Whose partition it is; returns owned. */
static char *
whole_of(const char *root, const struct node *node)
{
    CLEANUP_NAMES struct sysfs_names all = sysfs_list(root, "/sys/class/block");

    for (size_t i = 0; i < all.n; i++)
        if (sysfs_exists(root, "/sys/class/block/%s/%s/partition", all.names[i],
                         node->name))
            return mem_dup(all.names[i]);
    return mem_dup("a disk");
}

static int
check_partition(const char *root, const char *path, const struct node *node,
                struct err *err)
{
    CLEANUP_FREE char *number = attribute(root, node, "partition");
    CLEANUP_FREE char *whole = NULL, *what = NULL;

    if (!number)
        return 0;
    whole = whole_of(root, node);
    what = mem_printf("partition %s of %s", number, whole);
    return no_lun(path, what, "name the disk, or use kind image", err);
}

static int
check_loop(const char *root, const char *path, const struct node *node,
           struct err *err)
{
    CLEANUP_FREE char *file = attribute(root, node, "loop/backing_file");
    CLEANUP_FREE char *what = NULL;

    if (!file && !starts(node->name, "loop"))
        return 0;
    what = mem_printf("the loop device %s over \"%s\"", node->name,
                      file ? file : "nothing");
    return no_lun(path, what, "use kind image with that file", err);
}

/* Of the device mapper's, a multipath map alone is a whole device. */
static int
check_mapped(const char *root, const char *path, const struct node *node,
             struct err *err)
{
    CLEANUP_FREE char *uuid = attribute(root, node, "dm/uuid");
    CLEANUP_FREE char *what = NULL;

    if (!sysfs_exists(root, "/sys/class/block/%s/dm", node->name) ||
        starts(uuid, MAP_PREFIX))
        return 0;
    if (is_partition_map(root, node))
        what = mem_printf("a partition of a multipath map (%s)", node->name);
    else
        what = describe(root, node);
    return no_lun(path, what, "use kind image for it", err);
}

static int
check_array(const char *root, const char *path, const struct node *node,
            struct err *err)
{
    CLEANUP_FREE char *what = NULL;

    if (!sysfs_exists(root, "/sys/class/block/%s/md", node->name))
        return 0;
    what = describe(root, node);
    return no_lun(path, what, "use kind image for it", err);
}

/* A path alone would split the guest's commands from those of the map. */
static int
check_path(const char *root, const char *path, const struct node *node,
           struct err *err)
{
    CLEANUP_NAMES struct sysfs_names list =
        sysfs_list(root, "/sys/class/block/%s/holders", node->name);

    for (size_t i = 0; i < list.n; i++) {
        CLEANUP_FREE char *uuid =
            sysfs_line(root, "/sys/class/block/%s/dm/uuid", list.names[i]);
        CLEANUP_FREE char *name =
            sysfs_line(root, "/sys/class/block/%s/dm/name", list.names[i]);

        if (starts(uuid, MAP_PREFIX))
            return err_set(err, ERR_LUN_IN_USE,
                           "source: \"%s\" is a single path of the multipath "
                           "map %s; use /dev/mapper/%s",
                           path, name ? name : list.names[i],
                           name ? name : list.names[i]);
    }
    return 0;
}

static int (*const checks[])(const char *root, const char *path,
                             const struct node *node, struct err *err) = {
    check_partition, check_loop, check_mapped, check_array, check_path,
};

/* --- multipath ------------------------------------------------------------ */

static void
read_paths(const char *root, const struct node *node, struct lun_facts *out)
{
    CLEANUP_FREE char *uuid = attribute(root, node, "dm/uuid");
    CLEANUP_FREE char *name = attribute(root, node, "dm/name");
    CLEANUP_NAMES struct sysfs_names list = {NULL, 0};
    char status[4096];
    size_t len = 0;

    if (!starts(uuid, MAP_PREFIX))
        return;
    snprintf(out->map, sizeof(out->map), "%s", name ? name : node->name);
    list = sysfs_list(root, "/sys/class/block/%s/slaves", node->name);
    out->paths = (unsigned)list.n;
    for (size_t i = 0; i < list.n; i++) {
        CLEANUP_FREE char *state =
            sysfs_line(root, "/sys/class/block/%s/device/state", list.names[i]);

        if (state && strcmp(state, "running") != 0 &&
            len + strlen(list.names[i]) + 3 < sizeof(out->bad_paths))
            len += (size_t)snprintf(out->bad_paths + len,
                                    sizeof(out->bad_paths) - len, "%s%s",
                                    len ? ", " : "", list.names[i]);
    }
    if (!*root && lun_map_status(makedev(node->major, node->minor), status,
                                 sizeof(status)))
        lun_map_failed(root, status, out->bad_paths, sizeof(out->bad_paths));
}

int
lun_free(const char *root, const char *path, dev_t dev, struct lun_facts *out,
         struct err *err)
{
    CLEANUP_FREE char *name =
        sysfs_link(root, "/sys/dev/block/%u:%u", major(dev), minor(dev));
    CLEANUP_BUF struct buf what = BUF_INIT;
    struct node node;

    memset(out, 0, sizeof(*out));
    if (!name || !find_node(root, name, &node))
        return err_set(err, ERR_SOURCE_BAD,
                       "source: the kernel lists no block device %u:%u, which "
                       "\"%s\" is",
                       major(dev), minor(dev), path);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (checks[i](root, path, &node, err) < 0)
            return -1;
    if (held(root, &node, 0, &what))
        return err_set(err, ERR_LUN_IN_USE, "source: \"%s\" (%s) is %s", path,
                       node.name, what.data);
    read_paths(root, &node, out);
    return 0;
}
