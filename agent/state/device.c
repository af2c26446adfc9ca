// SPDX-License-Identifier: Apache-2.0
/*
 * Device rows: struct ⇄ columns. The whole device is kept as JSON in `spec`;
 * alias, address and state stand in columns of their own for people who look
 * with sqlite3.
 */
#include "agent/state/device.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

static const char *const kind_names[] = {"disk", "controller"};

struct device *
device_for_disk(const struct disk *disk)
{
    struct device *device = mem_zalloc(1, sizeof(*device));

    device->kind = DEVICE_DISK;
    device->disk = disk_copy(disk);
    snprintf(device->id, sizeof(device->id), "%s", disk->id);
    return device;
}

struct device *
device_for_controller(const struct controller *controller)
{
    struct device *device = mem_zalloc(1, sizeof(*device));

    device->kind = DEVICE_CONTROLLER;
    device->controller = *controller;
    snprintf(device->id, sizeof(device->id), "%s%u", controller->type,
             controller->index);
    return device;
}

struct device *
device_copy(const struct device *device)
{
    return device->kind == DEVICE_DISK
               ? device_for_disk(device->disk)
               : device_for_controller(&device->controller);
}

void
device_free(struct device *device)
{
    if (!device)
        return;
    disk_free(device->disk);
    free(device);
}

void
device_free_all(struct device **devices, size_t n)
{
    for (size_t i = 0; i < n; i++)
        device_free(devices[i]);
    free(devices);
}

void
device_row(struct store_batch *batch, const char *vm,
           const struct device *device)
{
    bool is_disk = device->kind == DEVICE_DISK;
    const struct address *address =
        is_disk ? &device->disk->address : &device->controller.address;
    CLEANUP_JSON json_t *spec = is_disk
                                    ? disk_to_json(device->disk, NULL)
                                    : controller_to_json(&device->controller);
    CLEANUP_JSON json_t *where = address_to_json(address);
    CLEANUP_TEXT char *spec_text = json_text(spec, NULL);
    CLEANUP_TEXT char *where_text = where ? json_text(where, NULL) : NULL;

    store_batch_add(
        batch,
        "INSERT INTO device(vm_id, device_id, kind, alias, address, spec,"
        " plugged, state, generation) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
        " 1) ON CONFLICT(vm_id, device_id) DO UPDATE SET kind = ?3,"
        " alias = ?4, address = ?5, spec = ?6, plugged = ?7, state = ?8,"
        " generation = generation + 1",
        "ttttttit", vm, device->id, kind_names[device->kind],
        is_disk ? device->disk->alias : device->controller.alias, where_text,
        spec_text, (int64_t)(is_disk ? device->disk->wanted : true),
        is_disk ? disk_state_name(device->disk->state) : "plugged");
}

void
device_row_gone(struct store_batch *batch, const char *vm, const char *id)
{
    store_batch_add(batch,
                    "DELETE FROM device WHERE vm_id = ? AND device_id = ?",
                    "tt", vm, id);
}

struct device *
device_from_row(const char *kind, const char *id, const char *spec,
                struct err *err)
{
    CLEANUP_JSON json_t *obj = NULL;
    CLEANUP_DEVICE struct device *device = mem_zalloc(1, sizeof(*device));

    obj = json_parse(spec, strlen(spec), &(struct json_limits){16, 1 << 20},
                     err);
    if (!obj)
        return NULL;
    snprintf(device->id, sizeof(device->id), "%s", id);
    if (!strcmp(kind, kind_names[DEVICE_DISK])) {
        device->disk = disk_from_record(obj, err);
        return device->disk ? STEAL(device) : NULL;
    }
    device->kind = DEVICE_CONTROLLER;
    if (controller_from_json(obj, "", &device->controller, err) < 0)
        return NULL;
    return STEAL(device);
}
