// SPDX-License-Identifier: Apache-2.0
/*
 * qom-list, device_del, query-named-block-nodes, blockdev-del (QEMU QMP
 * reference). QEMU refuses to delete a node that is in use, so a node that
 * another disk has on the same file stays.
 */
#include "agent/hyper/virt_monitor.h"

#include <libvirt/libvirt-qemu.h>
#include <string.h>
#include <time.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/hyper/virt.h"

#define NODES_MS 1000

/* One command; returns the owned "return" value, NULL + err. */
static json_t *
command(const struct virt_handle *handle, const char *name, const char *key,
        const char *value, struct err *err)
{
    static const struct json_limits limits = {.depth = 64, .memory = 64 << 20};
    CLEANUP_JSON json_t *request = json_object(), *answer = NULL;
    CLEANUP_TEXT char *text = NULL, *reply = NULL;
    json_t *result;

    json_put_text(request, "execute", name);
    if (key) {
        json_t *arguments = json_object();

        json_put_text(arguments, key, value);
        json_put(request, "arguments", arguments);
    }
    text = json_text(request, NULL);
    if (virDomainQemuMonitorCommand(handle->dom, text, &reply, 0) < 0) {
        virt_handle_fail(handle, "ask QEMU of", err);
        return NULL;
    }
    answer = json_parse(reply, strlen(reply), &limits, err);
    result = json_object_get(answer, "return");
    if (answer && !result)
        err_set(err, ERR_HYPERVISOR_FAILED, "QEMU refused %s of %s: %s", name,
                value ? value : "everything",
                json_get_text(json_object_get(answer, "error"), "desc",
                              "it does not say why"));
    return json_incref(result);
}

/* 1: QEMU has a device of that id; 0: not; -1 + err. */
static int
has_device(const struct virt_handle *handle, const char *alias,
           struct err *err)
{
    CLEANUP_JSON json_t *list = command(handle, "qom-list", "path",
                                        "/machine/peripheral", err);
    const json_t *item;
    size_t i;

    if (!list)
        return -1;
    json_array_foreach(list, i, item)
    {
        if (!strcmp(json_get_text(item, "name", ""), alias))
            return 1;
    }
    return 0;
}

/* QEMU refuses to be asked twice: what counts is whether it is there. */
static int
delete_device(const struct virt_handle *handle, const char *alias,
              int64_t wait_ms, struct err *err)
{
    int64_t until = clock_mono_ms() + wait_ms;
    struct err ignored = ERR_INIT;
    int has;

    json_decref(command(handle, "device_del", "id", alias, &ignored));
    while ((has = has_device(handle, alias, err)) == 1 &&
           clock_mono_ms() < until)
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    if (has == 1)
        return err_set(err, ERR_BUSY,
                       "QEMU still has the device %s, which libvirt has "
                       "forgotten: its guest does not let it go",
                       alias);
    return has;
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
    int has, left = path ? 1 : 0;

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    has = alias ? has_device(&handle, alias, err) : 0;
    if (has < 0)
        return -1;
    if (has && delete_device(&handle, alias, wait_ms, err) < 0)
        return -1;
    if (has)
        log_warning("VM '%s': QEMU had the device %s, which libvirt has "
                    "forgotten; it was taken out",
                    handle.name, alias);
    /* A format node goes before the storage node below it, and neither before
     * QEMU has let the device go for good. */
    while (left > 0 && clock_mono_ms() < until) {
        left = delete_nodes(&handle, path, err);
        if (left > 0)
            nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return left < 0 ? -1 : 0;
}
