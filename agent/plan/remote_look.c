// SPDX-License-Identifier: Apache-2.0
/* Kinds of expectations as a table; each is one question to the host. */
#include "agent/plan/remote_look.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *power, *state;
} powers[] = {
    {"poweredOn", "running"},
    {"poweredOff", "shut_off"},
    {"suspended", "paused"},
};

const char *
remote_look_state(const char *power)
{
    for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++)
        if (strcmp(powers[i].power, power) == 0)
            return powers[i].state;
    return "unknown";
}

static bool
same_text(const json_t *expect, const char *key, const char *is)
{
    const char *wanted = json_get_text(expect, key, NULL);

    return !wanted || strcmp(wanted, is) == 0;
}

/* --- by vSphere ---------------------------------------------------------- */

static int
look_power(struct remote *remote, const json_t *expect, json_t *facts,
           struct err *err)
{
    CLEANUP_VIM_VM struct vim_vm vm = {.hardware = 0};
    const char *state;

    if (vim_vm_read(esx_vim(remote->esx), &remote->vm.ref, &vm, err) < 0)
        return -1;
    state = remote_look_state(vm.power);
    json_put_text(facts, "vm_state", state);
    return same_text(expect, "is", state);
}

static const struct vim_device *
find_disk(const struct vim_vm *vm, const json_t *expect)
{
    const char *path = json_get_text(expect, "path", NULL);
    json_int_t bus = json_get_int(expect, "bus", -1);
    json_int_t unit = json_get_int(expect, "unit", -1);

    for (size_t i = 0; i < vm->ndevices; i++) {
        const struct vim_device *device = &vm->devices[i];
        const struct vim_device *controller;

        if (device->kind != VIM_DISK)
            continue;
        if (path) {
            if (device->path && strcmp(device->path, path) == 0)
                return device;
            continue;
        }
        controller = vim_vm_device(vm, device->controller);
        if (controller && controller->kind == VIM_SCSI &&
            controller->bus == bus && device->unit == unit)
            return device;
    }
    return NULL;
}

static json_t *
device_facts(const struct vim_vm *vm, const struct vim_device *device)
{
    const struct vim_device *controller =
        vim_vm_device(vm, device->controller);
    json_t *obj = json_object();

    json_put_text(obj, "path", device->path);
    json_put_int(obj, "size", (json_int_t)device->size);
    json_put_int(obj, "key", device->key);
    json_put_text(obj, "mode", device->mode[0] ? device->mode : NULL);
    json_put_int(obj, "bus", controller ? controller->bus : -1);
    json_put_int(obj, "unit", device->unit);
    json_put_text(obj, "lun", device->lun);
    return obj;
}

static int
look_disk(struct remote *remote, const json_t *expect, json_t *facts,
          struct err *err)
{
    CLEANUP_VIM_VM struct vim_vm vm = {.hardware = 0};
    const struct vim_device *device;
    json_int_t size = json_get_int(expect, "size", 0);

    if (vim_vm_read(esx_vim(remote->esx), &remote->vm.ref, &vm, err) < 0)
        return -1;
    device = find_disk(&vm, expect);
    if (device)
        json_put(facts, "device", device_facts(&vm, device));
    if (!json_get_bool(expect, "there", 1))
        return !device;
    return device && (!size || (json_int_t)device->size >= size) &&
           same_text(expect, "mode", device->mode);
}

static int
look_cd(struct remote *remote, const json_t *expect, json_t *facts,
        struct err *err)
{
    CLEANUP_VIM_VM struct vim_vm vm = {.hardware = 0};
    const struct vim_device *device;
    const char *path = json_get_text(expect, "path", NULL);

    (void)facts;
    if (vim_vm_read(esx_vim(remote->esx), &remote->vm.ref, &vm, err) < 0)
        return -1;
    device = vim_vm_device(&vm, json_get_int(expect, "key", 0));
    if (!device)
        return 0;
    return path ? device->path && strcmp(device->path, path) == 0
                : !device->path;
}

/* --- by libvirt's driver ------------------------------------------------- */

static int
ask(struct remote *remote, const char *call, json_t **out, struct err *err)
{
    CLEANUP_JSON json_t *args = json_object();

    json_put_text(args, "vm", remote->vm.uuid);
    return esx_virt(remote->esx, call, args, 0, out, NULL, err);
}

static int
look_machine(struct remote *remote, const json_t *expect, json_t *facts,
             struct err *err)
{
    CLEANUP_JSON json_t *look = NULL;
    bool there = json_get_bool(expect, "there", 1);
    struct err why = ERR_INIT;

    (void)facts;
    if (ask(remote, "look", &look, &why) == 0)
        return there;
    if (why.kind == ERR_NOT_FOUND)
        return !there;
    *err = why;
    return -1;
}

static int
look_settings(struct remote *remote, const json_t *expect, json_t *facts,
              struct err *err)
{
    static const char *const names[] = {"autostart", "memory", "vcpus"};
    CLEANUP_JSON json_t *look = NULL;

    (void)facts;
    if (ask(remote, "look", &look, err) < 0)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        const json_t *wanted = json_object_get(expect, names[i]);

        if (wanted && !json_equal(wanted, json_object_get(look, names[i])))
            return 0;
    }
    return 1;
}

/* Shares -1, -2, -3 are levels, told as such. */
static int
look_scheduler(struct remote *remote, const json_t *expect, json_t *facts,
               struct err *err)
{
    CLEANUP_JSON json_t *is = NULL;
    const json_t *wanted = json_object_get(expect, "scheduler");
    const char *key;
    json_t *value;

    (void)facts;
    if (ask(remote, "get_scheduler", &is, err) < 0)
        return -1;
    json_object_foreach((json_t *)wanted, key, value)
        if (!json_equal(value, json_object_get(is, key)))
            return 0;
    return 1;
}

static bool
names(const json_t *list, const char *name)
{
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)list, i, item)
        if (strcmp(json_get_text(item, "name", ""), name) == 0)
            return true;
    return false;
}

static int
look_snapshot(struct remote *remote, const json_t *expect, json_t *facts,
              struct err *err)
{
    CLEANUP_JSON json_t *list = NULL;
    bool there = json_get_bool(expect, "there", 1);

    (void)facts;
    if (ask(remote, "snapshot_list", &list, err) < 0)
        return -1;
    return names(json_object_get(list, "snapshots"),
                 json_get_text(expect, "name", "")) == there;
}

static int
look_named(struct remote *remote, const json_t *expect, json_t *facts,
           struct err *err)
{
    CLEANUP_JSON json_t *list = NULL;

    (void)facts;
    if (esx_virt(remote->esx, "list", NULL, 0, &list, NULL, err) < 0)
        return -1;
    return names(json_object_get(list, "vms"),
                 json_get_text(expect, "name", ""));
}

/* It is on another host now. */
static int
look_elsewhere(struct remote *remote, const json_t *expect, json_t *facts,
               struct err *err)
{
    struct esx *to = esx_set_find(remote->env->esx,
                                  json_get_text(expect, "hypervisor", ""));
    CLEANUP_FREE struct vim_entry *entries = NULL;
    size_t n;

    (void)facts;
    if (!to)
        return err_set(err, ERR_NOT_FOUND, "The target is gone");
    if (esx_list(to, &entries, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(entries[i].uuid, remote->vm.uuid) == 0)
            return 1;
    return 0;
}

static int
look_volume(struct remote *remote, const json_t *expect, json_t *facts,
            struct err *err)
{
    CLEANUP_JSON json_t *args = json_object();
    CLEANUP_JSON json_t *list = NULL;
    bool there = json_get_bool(expect, "there", 1);

    (void)facts;
    json_put_text(args, "pool", json_get_text(expect, "pool", ""));
    if (esx_virt(remote->esx, "volumes", args, 0, &list, NULL, err) < 0)
        return -1;
    return names(json_object_get(list, "volumes"),
                 json_get_text(expect, "name", "")) == there;
}

static int
look_none(struct remote *remote, const json_t *expect, json_t *facts,
          struct err *err)
{
    (void)remote, (void)expect, (void)facts;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "Nothing that the host shows tells whether it took effect");
}

static const struct {
    const char *kind;
    int (*look)(struct remote *remote, const json_t *expect, json_t *facts,
                struct err *err);
} kinds[] = {
    {"power", look_power},       {"disk", look_disk},
    {"cd", look_cd},             {"machine", look_machine},
    {"settings", look_settings}, {"scheduler", look_scheduler},
    {"snapshot", look_snapshot}, {"volume", look_volume},
    {"named", look_named},       {"elsewhere", look_elsewhere},
    {"none", look_none},
};

int
remote_look(struct remote *remote, const json_t *expect, json_t *facts,
            struct err *err)
{
    const char *kind = json_get_text(expect, "kind", "none");

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].look(remote, expect, facts, err);
    return err_set(err, ERR_INTERNAL, "No expectation is called \"%s\"", kind);
}
