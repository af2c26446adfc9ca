// SPDX-License-Identifier: Apache-2.0
/*
 * A place is a controller's bus and a unit. One that a kept disk had is not
 * given to another: it has it again when it is plugged. A disk that nobody
 * recorded has an identity made of the machine and its file, the same each
 * time.
 */
#include "agent/plan/remote_disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/digest.h"
#include "agent/common/mem.h"

#define NEW_CONTROLLER (-101)

/* --- identity ------------------------------------------------------------ */

/* UUID of the disk that lies at path in that machine (version 8). */
static void
identity(const struct vim_vm *vm, const char *path, int64_t key,
         char out[UUID_TEXT])
{
    CLEANUP_FREE char *text =
        path ? mem_printf("%s %s", vm->uuid, path)
             : mem_printf("%s %lld", vm->uuid, (long long)key);
    char hex[DIGEST_HEX];

    digest_sha256(text, strlen(text), hex);
    snprintf(out, UUID_TEXT, "%.8s-%.4s-8%.3s-8%.3s-%.12s", hex, hex + 8,
             hex + 13, hex + 17, hex + 20);
}

static json_t *
row_of(const json_t *rows, const char *path)
{
    size_t i;
    json_t *row;

    if (path)
        json_array_foreach((json_t *)rows, i, row)
            if (strcmp(json_get_text(json_object_get(row, "source"), "path",
                                     ""),
                       path) == 0)
                return row;
    return NULL;
}

/* --- the list ------------------------------------------------------------ */

static json_t *
address_json(const struct vim_vm *vm, const struct vim_device *device)
{
    const struct vim_device *controller =
        vim_vm_device(vm, device->controller);
    json_t *obj = json_object();

    json_put_text(obj, "type", "drive");
    json_put_int(obj, "controller", controller ? controller->bus : -1);
    json_put_int(obj, "bus", 0);
    json_put_int(obj, "target", 0);
    json_put_int(obj, "unit", device->unit);
    return obj;
}

static const char *
interface_of(const struct vim_device *controller)
{
    static const char *const names[] = {
        [VIM_SCSI] = "scsi", [VIM_IDE] = "ide", [VIM_SATA] = "sata"};

    return controller && controller->kind >= VIM_SCSI &&
                   controller->kind <= VIM_SATA
               ? names[controller->kind]
               : NULL;
}

static json_t *
source_json(const struct vim_device *device)
{
    json_t *obj = json_object();

    json_put_text(obj, "type",
                  device->kind == VIM_CDROM                 ? "iso"
                  : device->backing == VIM_BACKING_RDM ? "rdm"
                                                       : "vmdk");
    json_put_text(obj, "path", device->path);
    if (device->backing == VIM_BACKING_RDM) {
        json_put_text(obj, "device", device->lun);
        json_put_text(obj, "mapping",
                      strcmp(device->compat, "physicalMode") == 0
                          ? "physical"
                          : "virtual");
    }
    return obj;
}

static json_t *
plugged_json(const struct vim_vm *vm, const struct vim_device *device,
             const json_t *rows)
{
    const struct vim_device *controller =
        vim_vm_device(vm, device->controller);
    const json_t *row = row_of(rows, device->path);
    json_t *obj = row ? json_deep_copy(row) : json_object();
    char id[UUID_TEXT];

    if (!row) {
        /* A drive stays the same whatever lies in it. */
        identity(vm, device->kind == VIM_DISK ? device->path : NULL,
                 device->key, id);
        json_put_text(obj, "disk_id", id);
    }
    json_put_text(obj, "kind",
                  device->kind == VIM_CDROM            ? "cdrom"
                  : device->backing == VIM_BACKING_RDM ? "lun"
                                                       : "image");
    json_put_text(obj, "interface", interface_of(controller));
    json_put(obj, "source", source_json(device));
    if (device->kind == VIM_DISK)
        json_put_int(obj, "size", (json_int_t)device->size);
    json_put_text(obj, "disk_mode", device->mode[0] ? device->mode : NULL);
    if (controller && controller->kind == VIM_SCSI)
        json_put_text(obj, "scsi_model", esx_rules_model(controller->type));
    if (device->backing == VIM_BACKING_FILE && device->kind == VIM_DISK)
        json_put_bool(obj, "thin", device->thin);
    else
        json_object_del(obj, "thin");
    json_put_bool(obj, "shareable",
                  strcmp(device->sharing, "sharingMultiWriter") == 0);
    json_put(obj, "address", address_json(vm, device));
    json_put_bool(obj, "plugged", true);
    json_put_int(obj, "key", device->key);
    return obj;
}

static bool
has_id(const json_t *disks, const char *id)
{
    size_t i;
    json_t *disk;

    json_array_foreach((json_t *)disks, i, disk)
        if (strcmp(json_get_text(disk, "disk_id", ""), id) == 0)
            return true;
    return false;
}

json_t *
remote_disks_merge(const struct vim_vm *vm, const json_t *rows)
{
    json_t *list = json_array(), *row;
    size_t i;

    for (size_t k = 0; k < vm->ndevices; k++)
        if (vm->devices[k].kind == VIM_DISK || vm->devices[k].kind == VIM_CDROM)
            json_array_append_new(list,
                                  plugged_json(vm, &vm->devices[k], rows));
    json_array_foreach((json_t *)rows, i, row)
    {
        json_t *obj;

        if (has_id(list, json_get_text(row, "disk_id", "")))
            continue;
        obj = json_deep_copy(row);
        json_put_bool(obj, "plugged", false);
        json_array_append_new(list, obj);
    }
    return list;
}

json_t *
remote_disks_find(const json_t *disks, const char *ref, struct err *err)
{
    json_t *disk, *best = NULL;
    size_t i, n = 0, len = strlen(ref);

    json_array_foreach((json_t *)disks, i, disk)
    {
        const char *id = json_get_text(disk, "disk_id", "");
        const char *path =
            json_get_text(json_object_get(disk, "source"), "path", "");

        if (strcasecmp(id, ref) == 0 || strcmp(path, ref) == 0)
            return disk;
        if (len >= 4 && strncasecmp(id, ref, len) == 0) {
            best = disk;
            n++;
        }
    }
    if (n == 1)
        return best;
    err_param(err, n ? ERR_INVALID : ERR_NOT_FOUND, "disk", ref,
              n ? "more of the disk_id: several begin so"
                : "a disk_id or a datastore path of this machine's disks "
                  "(ListDisks names them)");
    return NULL;
}

json_t *
remote_disks_doc(const json_t *disk)
{
    json_t *doc = json_deep_copy(disk);

    json_object_del(doc, "key");
    json_object_del(doc, "plugged");
    return doc;
}

/* --- places -------------------------------------------------------------- */

static const struct vim_device *
controller_at(const struct vim_vm *vm, int bus)
{
    for (size_t i = 0; i < vm->ndevices; i++)
        if (vm->devices[i].kind == VIM_SCSI && vm->devices[i].bus == bus)
            return &vm->devices[i];
    return NULL;
}

/* Who has or keeps a place; NULL: nobody. */
static const char *
holder(const struct vim_vm *vm, const json_t *disks, int bus, int unit,
       const char *disk_id)
{
    const struct vim_device *controller = controller_at(vm, bus);
    json_t *disk;
    size_t i;

    if (unit == ESX_OWN_UNIT)
        return "the controller itself";
    json_array_foreach((json_t *)disks, i, disk)
    {
        const json_t *at = json_object_get(disk, "address");
        const char *id = json_get_text(disk, "disk_id", "");

        if (json_get_int(at, "controller", -1) == bus &&
            json_get_int(at, "unit", -1) == unit &&
            strcmp(json_get_text(disk, "interface", ""), "scsi") == 0 &&
            (!disk_id || strcmp(id, disk_id) != 0))
            return id;
    }
    for (size_t k = 0; controller && k < vm->ndevices; k++)
        if (vm->devices[k].controller == controller->key &&
            vm->devices[k].unit == unit && vm->devices[k].kind != VIM_DISK)
            return "another device";
    return NULL;
}

static int
first_free(const struct vim_vm *vm, const json_t *disks, int bus, int units,
           const char *disk_id)
{
    for (int unit = 0; unit < units; unit++)
        if (!holder(vm, disks, bus, unit, disk_id))
            return unit;
    return -1;
}

static int
check_unit(const struct vim_vm *vm, const json_t *disks, int bus, int units,
           const struct remote_place_wish *wish, struct err *err)
{
    const char *who;
    char value[16], expected[96];

    snprintf(value, sizeof(value), "%d", wish->unit);
    snprintf(expected, sizeof(expected), "0 to %d, but not %d (the "
             "controller's own)", units - 1, ESX_OWN_UNIT);
    if (wish->unit == ESX_OWN_UNIT || wish->unit >= units)
        return err_param(err, ERR_INVALID, "address.unit", value, expected);
    who = holder(vm, disks, bus, wish->unit, wish->disk_id);
    if (who)
        return err_set(err, ERR_EXISTS,
                       "Unit %d of SCSI controller %d is taken or kept by %s; "
                       "choose another, or none",
                       wish->unit, bus, who);
    return 0;
}

/* A new controller on that bus. */
static int
add_controller(const struct vim_vm *vm, const json_t *disks, int bus,
               const struct remote_place_wish *wish,
               struct remote_place *place, struct err *err)
{
    bool any = strcmp(wish->model, "auto") == 0;
    const char *type = any ? NULL : esx_rules_type(wish->model);
    int units;

    for (int i = 0; any && i < ESX_BUSES && !type; i++)
        type = controller_at(vm, i) ? controller_at(vm, i)->type : NULL;
    if (!type)
        type = esx_rules_type("vmpvscsi");
    units = esx_rules_units(type, vm->hardware);
    if (wish->unit >= 0 && check_unit(vm, disks, bus, units, wish, err) < 0)
        return -1;
    *place = (struct remote_place){
        .bus = bus,
        .unit = wish->unit >= 0
                    ? wish->unit
                    : first_free(vm, disks, bus, units, wish->disk_id),
        .controller = NEW_CONTROLLER,
        .type = type};
    return place->unit >= 0 ? 0
                            : err_set(err, ERR_NO_FREE_UNIT,
                                      "Every unit of SCSI controller %d is "
                                      "kept for a disk",
                                      bus);
}

/* On a controller that is there: 1 found, 0 full or of another model. */
static int
on_controller(const struct vim_vm *vm, const json_t *disks,
              const struct vim_device *controller,
              const struct remote_place_wish *wish,
              struct remote_place *place, struct err *err)
{
    int units = esx_rules_units(controller->type, vm->hardware);
    const char *model = esx_rules_model(controller->type);
    int unit = wish->unit;

    if (strcmp(wish->model, "auto") != 0 && strcmp(wish->model, model) != 0)
        return 0;
    if (unit >= 0 &&
        check_unit(vm, disks, controller->bus, units, wish, err) < 0)
        return -1;
    if (unit < 0)
        unit = first_free(vm, disks, controller->bus, units, wish->disk_id);
    if (unit < 0)
        return 0;
    *place = (struct remote_place){.bus = controller->bus,
                                   .unit = unit,
                                   .controller = controller->key};
    return 1;
}

static int
on_bus(const struct vim_vm *vm, const json_t *disks,
       const struct remote_place_wish *wish, struct remote_place *place,
       struct err *err)
{
    const struct vim_device *controller = controller_at(vm, wish->bus);
    char value[16];
    int rc;

    snprintf(value, sizeof(value), "%d", wish->bus);
    if (wish->bus >= ESX_BUSES)
        return err_param(err, ERR_INVALID, "address.controller", value,
                         "0 to 3");
    if (!controller)
        return add_controller(vm, disks, wish->bus, wish, place, err);
    rc = on_controller(vm, disks, controller, wish, place, err);
    if (rc == 0)
        return err_set(err, ERR_NO_FREE_UNIT,
                       "SCSI controller %d is full, or is %s and %s was asked "
                       "for",
                       wish->bus, esx_rules_model(controller->type),
                       wish->model);
    return rc < 0 ? -1 : 0;
}

int
remote_disks_place(const struct vim_vm *vm, const json_t *disks,
                  const struct remote_place_wish *wish,
                  struct remote_place *place, struct err *err)
{
    if (wish->bus >= 0)
        return on_bus(vm, disks, wish, place, err);
    for (int bus = 0; bus < ESX_BUSES; bus++) {
        const struct vim_device *controller = controller_at(vm, bus);
        int rc = controller ? on_controller(vm, disks, controller, wish, place,
                                            err)
                            : 0;

        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    for (int bus = 0; bus < ESX_BUSES; bus++)
        if (!controller_at(vm, bus))
            return add_controller(vm, disks, bus, wish, place, err);
    return err_set(err, ERR_NO_FREE_UNIT,
                   "All %d SCSI controllers of the machine are full, or of "
                   "another model than %s",
                   ESX_BUSES, wish->model);
}
