// SPDX-License-Identifier: Apache-2.0
/*
 * qom-list, device_del, object-del, netdev_del, query-named-block-nodes,
 * blockdev-del, query-block, blockdev-open-tray, blockdev-close-tray (QEMU
 * QMP reference). QEMU refuses to delete a node that is in use, so a node
 * that another disk has on the same file stays.
 */
#include "agent/hyper/virt_monitor.h"

#include <libvirt/libvirt-qemu.h>
#include <string.h>
#include <time.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/virt.h"

#define NODES_MS 1000
#define TRAY_MS 5000 /* as long as libvirt waits for a guest */

/* One command; returns the owned "return" value, NULL + err. */
static json_t *
execute(const struct virt_handle *handle, const char *name,
        json_t *arguments /* takes; NULL: none */, const char *about,
        struct err *err)
{
    static const struct json_limits limits = {.depth = 64, .memory = 64 << 20};
    CLEANUP_JSON json_t *request = json_object(), *answer = NULL;
    CLEANUP_TEXT char *text = NULL, *reply = NULL;
    json_t *result;

    json_put_text(request, "execute", name);
    if (arguments)
        json_put(request, "arguments", arguments);
    text = json_text(request, NULL);
    if (virDomainQemuMonitorCommand(handle->dom, text, &reply, 0) < 0) {
        virt_handle_fail(handle, "ask QEMU of", err);
        return NULL;
    }
    answer = json_parse(reply, strlen(reply), &limits, err);
    result = json_object_get(answer, "return");
    if (answer && !result)
        err_set(err, ERR_HYPERVISOR_FAILED, "QEMU refused %s of %s: %s", name,
                about,
                json_get_text(json_object_get(answer, "error"), "desc",
                              "it does not say why"));
    return json_incref(result);
}

/* With one argument at most. */
static json_t *
command(const struct virt_handle *handle, const char *name, const char *key,
        const char *value, struct err *err)
{
    json_t *arguments = key ? json_object() : NULL;

    if (key)
        json_put_text(arguments, key, value);
    return execute(handle, name, arguments, value ? value : "everything", err);
}

enum { DEVICES, OBJECTS };

/* Where QEMU keeps what has an id, and how it is taken out. */
static const struct kind {
    const char *path;
    const char *command;
} kinds[] = {
    [DEVICES] = {"/machine/peripheral", "device_del"},
    [OBJECTS] = {"/objects", "object-del"}, /* I/O threads, pages */
};

/* 1: QEMU has a thing of that id; 0: not; -1 + err. */
static int
has_thing(const struct virt_handle *handle, const struct kind *kind,
          const char *id, struct err *err)
{
    CLEANUP_JSON json_t *list =
        command(handle, "qom-list", "path", kind->path, err);
    const json_t *item;
    size_t i;

    if (!list)
        return -1;
    json_array_foreach(list, i, item)
    {
        if (!strcmp(json_get_text(item, "name", ""), id))
            return 1;
    }
    return 0;
}

/* QEMU refuses to be asked twice: what counts is whether it is there. */
static int
delete_thing(const struct virt_handle *handle, const struct kind *kind,
             const char *id, int64_t wait_ms, struct err *err)
{
    int64_t until = clock_mono_ms() + wait_ms;
    struct err ignored = ERR_INIT;
    int has = has_thing(handle, kind, id, err);

    if (has < 1)
        return has;
    json_decref(command(handle, kind->command, "id", id, &ignored));
    while ((has = has_thing(handle, kind, id, err)) == 1 &&
           clock_mono_ms() < until)
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    if (has == 1)
        return err_set(err, ERR_BUSY,
                       "QEMU still has the device %s, which libvirt has "
                       "forgotten: its guest does not let it go",
                       id);
    if (has == 0)
        log_warning("VM '%s': QEMU had the device %s, which libvirt has "
                    "forgotten; it was taken out",
                    handle->name, id);
    return has;
}

/* What libvirt makes before a device and names after it: the host's side of a
 * NIC, the pages of memory. Those in use stay, and most devices have none. */
static int
delete_backends(const struct virt_handle *handle, const char *alias,
                struct err *err)
{
    CLEANUP_TEXT char *netdev = mem_printf("host%s", alias);
    CLEANUP_TEXT char *pages = mem_printf("mem%s", alias);
    struct err ignored = ERR_INIT;
    json_t *done = command(handle, "netdev_del", "id", netdev, &ignored);

    if (done)
        log_warning("VM '%s': QEMU had the host's side %s of a NIC, which "
                    "libvirt has forgotten; it was taken out",
                    handle->name, netdev);
    json_decref(done);
    return delete_thing(handle, &kinds[OBJECTS], pages, 0, err);
}

/* Nodes on that file; those in use stay. Returns how many are left. */
static int
delete_nodes(const struct virt_handle *handle, const char *path,
             struct err *err)
{
    CLEANUP_JSON json_t *nodes =
        command(handle, "query-named-block-nodes", NULL, NULL, err);
    const json_t *node;
    int left = 0;
    size_t i;

    if (!nodes)
        return -1;
    json_array_foreach(nodes, i, node)
    {
        const char *name = json_get_text(node, "node-name", "");
        struct err ignored = ERR_INIT;
        json_t *done;

        if (strcmp(json_get_text(node, "file", ""), path) != 0)
            continue;
        done = command(handle, "blockdev-del", "node-name", name, &ignored);
        left += done == NULL;
        json_decref(done);
    }
    return left;
}

int
virt_monitor_forget(void *backend, const char *uuid, const char *alias,
                    const char *path, int64_t wait_ms, struct err *err)
{
    VIRT_HANDLE handle = {0};
    int64_t until = clock_mono_ms() + NODES_MS;
    int left = path ? 1 : 0;

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    for (size_t i = 0; alias && i < sizeof(kinds) / sizeof(*kinds); i++)
        if (delete_thing(&handle, &kinds[i], alias, wait_ms, err) < 0)
            return -1;
    if (alias && delete_backends(&handle, alias, err) < 0)
        return -1;
    /* A format node goes before the storage node below it, and neither before
     * QEMU has let the device go for good. */
    while (left > 0 && clock_mono_ms() < until) {
        left = delete_nodes(&handle, path, err);
        if (left > 0)
            nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return left < 0 ? -1 : 0;
}

/* --- trays ---------------------------------------------------------------- */

static bool
is_open(const struct virt_handle *handle, const char *alias)
{
    struct err ignored = ERR_INIT;
    CLEANUP_JSON json_t *drives =
        command(handle, "query-block", NULL, NULL, &ignored);
    const json_t *drive;
    size_t i;

    json_array_foreach(drives, i, drive)
    {
        if (!strcmp(json_get_text(drive, "qdev", ""), alias))
            return json_get_bool(drive, "tray_open", false) != 0;
    }
    return false;
}

/* A guest that has locked it may still open it when it is asked. */
int
virt_monitor_open_tray(const struct virt_handle *handle, const char *alias,
                       bool force, struct err *err)
{
    int64_t until = clock_mono_ms() + TRAY_MS;
    json_t *arguments = json_object();
    CLEANUP_JSON json_t *done = NULL;

    json_put_text(arguments, "id", alias);
    json_put_bool(arguments, "force", force);
    done = execute(handle, "blockdev-open-tray", arguments, alias, err);
    if (!done)
        return -1;
    while (!is_open(handle, alias)) {
        if (clock_mono_ms() > until)
            return err_set(err, ERR_TRAY_LOCKED,
                           "The guest of VM '%s' has locked the tray of %s and "
                           "did not open it when it was asked. Let the guest "
                           "unmount it, or use force.",
                           handle->name, alias);
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return 0;
}

void
virt_monitor_close_tray(const struct virt_handle *handle, const char *alias)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *done =
        command(handle, "blockdev-close-tray", "id", alias, &err);

    if (!done)
        log_warning("VM '%s': the tray of %s stays open: %s", handle->name,
                    alias, err.message);
}
