// SPDX-License-Identifier: Apache-2.0
/*
 * Planners read the machine once: the specification they build carries the
 * changeVersion of that reading, so that what somebody else did in between
 * makes the server refuse it.
 */
#include "agent/plan/remote_disk_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/vim_spec.h"
#include "agent/plan/remote_disks.h"
#include "agent/plan/remote_scene.h"

void
remote_disk_work_clear(struct remote_disk_wish *wish)
{
    vim_spec_free(wish->spec);
    free(wish->file);
    *wish = (struct remote_disk_wish){.params = NULL};
}

json_t *
remote_disk_work_list(struct remote *remote, struct err *err)
{
    CLEANUP_SCENE struct remote_scene scene;

    return remote_scene_read(remote, &scene, err) < 0 ? NULL
                                            : json_incref(scene.disks);
}

/* --- plug and unplug ----------------------------------------------------- */

static int
want_add(struct remote *remote, void *arg, struct remote_plan *plan,
         struct err *err)
{
    return remote_disk_add_plan(remote, arg, plan, err);
}

static int
want_plug(struct remote *remote, void *arg, struct remote_plan *plan,
          struct err *err)
{
    return remote_disk_add_plug(remote, arg, plan, err);
}

/* A disk on IDE or SATA is not exchanged while the machine runs. */
static int
check_hot(const struct remote_scene *scene, const json_t *disk, struct err *err)
{
    const char *interface = json_get_text(disk, "interface", "");

    if (!remote_scene_runs(scene) || strcmp(interface, "scsi") == 0)
        return 0;
    return err_set(err, ERR_BAD_STATE,
                   "The disk is on %s, and a VMware host plugs and unplugs "
                   "disks of a running machine on SCSI controllers alone; "
                   "shut the machine down first",
                   interface);
}

/* Common to unplugging and removing: the device goes. */
static void
build_remove(struct remote_scene *scene, const json_t *disk, bool destroy,
             struct remote_disk_wish *wish, struct remote_plan *plan)
{
    const struct vim_device *device = remote_scene_device(scene, disk);

    remote_scene_expect(
        plan, json_get_text(json_object_get(disk, "source"), "path", NULL), false);
    wish->spec = vim_spec_new(&scene->vm.ref, scene->vm.change_version);
    vim_spec_remove_disk(wish->spec, device, destroy);
}

static int
want_unplug(struct remote *remote, void *arg, struct remote_plan *plan,
            struct err *err)
{
    struct remote_disk_wish *wish = arg;
    CLEANUP_SCENE struct remote_scene scene;
    CLEANUP_JSON json_t *doc = NULL;
    const json_t *disk;

    if (remote_scene_change(remote, &scene, err) < 0)
        return -1;
    disk = remote_scene_disk(&scene, wish->params, err);
    if (!disk || check_hot(&scene, disk, err) < 0)
        return -1;
    doc = remote_disks_doc(disk);
    remote_scene_put(plan, doc, "unplug_disk");
    if (!json_get_bool(disk, "plugged", 0))
        return 0;
    if (remote_scene_runs(&scene))
        remote_plan_warn(plan, "A SCSI disk goes without the guest being "
                               "asked: unmount it there first");
    remote_plan_row(plan, json_get_text(doc, "disk_id", ""), json_incref(doc));
    plan->event = "disk.unplugged";
    build_remove(&scene, disk, false, wish, plan);
    return 0;
}

static int
want_remove(struct remote *remote, void *arg, struct remote_plan *plan,
            struct err *err)
{
    struct remote_disk_wish *wish = arg;
    bool destroy = json_get_bool(wish->params, "delete", 0);
    CLEANUP_SCENE struct remote_scene scene;
    struct vim_place place;
    const char *path;
    const json_t *disk;

    if (remote_scene_change(remote, &scene, err) < 0)
        return -1;
    disk = remote_scene_disk(&scene, wish->params, err);
    if (!disk || check_hot(&scene, disk, err) < 0)
        return -1;
    path = json_get_text(json_object_get(disk, "source"), "path", NULL);
    remote_scene_put(plan, disk, "remove_disk");
    json_put_bool(plan->result, "deleted", destroy);
    remote_plan_row(plan, json_get_text(disk, "disk_id", ""), NULL);
    plan->event = "disk.removed";
    if (json_get_bool(disk, "plugged", 0)) {
        build_remove(&scene, disk, destroy, wish, plan);
        return 0;
    }
    if (!destroy)
        return 0;
    if (esx_place(remote->esx, &place, err) < 0)
        return -1;
    wish->file = mem_dup(path);
    wish->datacenter = place.datacenter;
    plan->expect = json_object();
    json_put_text(plan->expect, "kind", "none");
    return 0;
}

/* --- changes ------------------------------------------------------------- */

static int
want_resize(struct remote *remote, void *arg, struct remote_plan *plan,
            struct err *err)
{
    struct remote_disk_wish *wish = arg;
    json_int_t size = json_get_int(wish->params, "size", 0);
    CLEANUP_SCENE struct remote_scene scene;
    const struct vim_device *device;
    const json_t *disk;

    if (remote_scene_change(remote, &scene, err) < 0)
        return -1;
    disk = remote_scene_disk(&scene, wish->params, err);
    if (!disk)
        return -1;
    device = remote_scene_device(&scene, disk);
    if (!device || device->kind != VIM_DISK ||
        device->backing != VIM_BACKING_FILE)
        return err_set(err, ERR_BAD_STATE,
                       "Only a plugged disk with a file of its own is resized: "
                       "a LUN has the size that its storage gives it");
    if (size % 1024 || (uint64_t)size < device->size)
        return err_set(err, ERR_INVALID,
                       "size: %lld is not accepted; expected a multiple of "
                       "1024 that is not below %llu, the size now: disks do "
                       "not shrink",
                       (long long)size, (unsigned long long)device->size);
    remote_scene_put(plan, disk, "resize_disk");
    json_put_int(plan->result, "size", size);
    if ((uint64_t)size == device->size)
        return 0;
    remote_scene_expect(plan, device->path, true);
    json_put_int(plan->expect, "size", size);
    plan->event = "disk.changed";
    wish->spec = vim_spec_new(&scene.vm.ref, scene.vm.change_version);
    vim_spec_edit_disk(wish->spec, device, (uint64_t)size, NULL);
    return 0;
}

static int
want_update(struct remote *remote, void *arg, struct remote_plan *plan,
            struct err *err)
{
    struct remote_disk_wish *wish = arg;
    const json_t *set = json_object_get(wish->params, "set");
    const char *mode = json_get_text(set, "disk_mode", NULL);
    CLEANUP_SCENE struct remote_scene scene;
    const struct vim_device *device;
    const json_t *disk;

    if (remote_scene_change(remote, &scene, err) < 0)
        return -1;
    disk = remote_scene_disk(&scene, wish->params, err);
    if (!disk)
        return -1;
    device = remote_scene_device(&scene, disk);
    remote_scene_put(plan, disk, "update_disk");
    if (!device || device->kind != VIM_DISK)
        return err_set(err, ERR_BAD_STATE,
                       "The disk is not plugged: plug it, then change it");
    if (strcmp(device->mode, mode) == 0)
        return 0;
    if (remote_scene_runs(&scene))
        return err_set(err, ERR_BAD_STATE,
                       "disk_mode: a VMware host changes it while the machine "
                       "is off alone; shut it down first");
    remote_scene_expect(plan, device->path, true);
    json_put_text(plan->expect, "mode", mode);
    plan->event = "disk.changed";
    wish->spec = vim_spec_new(&scene.vm.ref, scene.vm.change_version);
    vim_spec_edit_disk(wish->spec, device, 0, mode);
    return 0;
}

/* The CD-ROM that is named, or the only one. */
static const struct vim_device *
the_cd(const struct remote_scene *scene, const json_t *params, struct err *err)
{
    const json_t *disk =
        json_object_get(params, "disk") ? remote_scene_disk(scene, params, err) : NULL;
    const struct vim_device *device = disk ? remote_scene_device(scene, disk) : NULL;
    size_t n = 0;

    if (json_object_get(params, "disk")) {
        if (disk && (!device || device->kind != VIM_CDROM))
            err_param(err, ERR_INVALID, "disk",
                      json_get_text(params, "disk", ""), "a CD-ROM drive");
        return device && device->kind == VIM_CDROM ? device : NULL;
    }
    for (size_t i = 0; i < scene->vm.ndevices; i++)
        if (scene->vm.devices[i].kind == VIM_CDROM && n++ == 0)
            device = &scene->vm.devices[i];
    if (n == 1)
        return device;
    err_set(err, ERR_NOT_FOUND,
            "The machine has %zu CD-ROM drives; %s", n,
            n ? "say which in disk" : "add one on the host first");
    return NULL;
}

static int
want_cd(struct remote *remote, void *arg, struct remote_plan *plan,
        struct err *err)
{
    struct remote_disk_wish *wish = arg;
    const char *path = json_get_text(wish->params, "path", NULL);
    CLEANUP_SCENE struct remote_scene scene;
    const struct vim_device *device;
    json_t *step;

    if ((path && esx_rules_path("path", path, ".iso", err) < 0) ||
        remote_scene_change(remote, &scene, err) < 0)
        return -1;
    device = the_cd(&scene, wish->params, err);
    if (!device)
        return -1;
    step = remote_plan_step(plan, path ? "insert_cd" : "eject_cd");
    json_put_text(step, "path", path);
    json_put_text(plan->result, "path", path);
    if (path ? device->path && strcmp(device->path, path) == 0 : !device->path)
        return 0;
    plan->expect = json_object();
    json_put_text(plan->expect, "kind", "cd");
    json_put_int(plan->expect, "key", device->key);
    if (path)
        json_put_text(plan->expect, "path", path);
    plan->event = "disk.changed";
    wish->spec = vim_spec_new(&scene.vm.ref, scene.vm.change_version);
    vim_spec_edit_cd(wish->spec, device, path);
    return 0;
}

/* --- the effect ---------------------------------------------------------- */

static int
delete_file(struct remote *remote, const struct remote_disk_wish *wish,
            struct vim_task *task, bool *lost, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    struct vim_about about;
    xmlNodePtr call;

    if (vim_session_open(esx_vim(remote->esx), &about, err) < 0)
        return -1;
    request = vim_soap_request("DeleteVirtualDisk_Task", &about.disk_manager,
                               &call);
    xml_add(call, "name", wish->file);
    vim_soap_add_ref(call, "datacenter", &wish->datacenter);
    if (vim_session_change(esx_vim(remote->esx), request,
                           "DeleteVirtualDisk_Task", &answer, lost, err) < 0)
        return -1;
    task->vm = (struct vim_ref){.type = ""}; /* it asks nothing */
    return vim_soap_ref(xml_child(answer.body, "returnval"), &task->ref)
               ? 0
               : err_set(err, ERR_HYPERVISOR_FAILED,
                         "DeleteVirtualDisk_Task names no task");
}

static int
send(struct remote *remote, void *arg, struct vim_task *task, bool *lost,
     struct err *err)
{
    struct remote_disk_wish *wish = arg;

    if (wish->file)
        return delete_file(remote, wish, task, lost, err);
    return vim_spec_send(esx_vim(remote->esx), wish->spec, &task->ref, lost,
                         err);
}

const struct remote_work remote_disk_work_add = {want_add, send};
const struct remote_work remote_disk_work_plug = {want_plug, send};
const struct remote_work remote_disk_work_unplug = {want_unplug, send};
const struct remote_work remote_disk_work_update = {want_update, send};
const struct remote_work remote_disk_work_resize = {want_resize, send};
const struct remote_work remote_disk_work_remove = {want_remove, send};
const struct remote_work remote_disk_work_cd = {want_cd, send};
