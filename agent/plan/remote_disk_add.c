// SPDX-License-Identifier: Apache-2.0
/*
 * A disk comes: its file or LUN, its place, a controller in the same
 * specification where none has room.
 */
#include "agent/plan/remote_disk_add.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/vim_spec.h"
#include "agent/plan/remote_disks.h"
#include "agent/plan/remote_scene.h"

/* --- adding -------------------------------------------------------------- */

static json_t *
doc_of_params(const json_t *params)
{
    static const char *const names[] = {"kind",  "size",       "disk_mode",
                                        "thin",  "scsi_model", "shareable",
                                        "source"};
    json_t *doc = json_object();
    char id[UUID_TEXT];

    if (!uuid_canon(json_get_text(params, "disk_id", ""), id))
        uuid_new(id);
    json_put_text(doc, "disk_id", id);
    json_put_text(doc, "interface", "scsi");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_t *value = json_object_get(params, names[i]);

        if (value && !json_is_null(value))
            json_put(doc, names[i], json_deep_copy(value));
    }
    return doc;
}

/* "[ds] folder/DISK_ID.vmdk" beside the machine's .vmx. */
static char *
default_path(const struct vim_vm *vm, const char *disk_id)
{
    const char *slash = strrchr(vm->vmx, '/');

    return slash ? mem_printf("%.*s/%s.vmdk", (int)(slash - vm->vmx), vm->vmx,
                              disk_id)
                 : NULL;
}

/* The doc's source, with the path that it will have. */
static int
settle_source(const struct remote_scene *scene, json_t *doc, struct err *err)
{
    json_t *source = json_object_get(doc, "source");
    const char *path = json_get_text(source, "path", NULL);
    bool lun = strcmp(json_get_text(doc, "kind", "image"), "lun") == 0;
    CLEANUP_FREE char *chosen = NULL;

    if (!source) {
        source = json_object();
        json_put(doc, "source", source);
    }
    json_put_text(source, "type", lun ? "rdm" : "vmdk");
    if (lun)
        json_object_del(doc, "thin");
    if (path)
        return esx_rules_path("source.path", path, ".vmdk", err);
    if (!lun && !json_get_int(doc, "size", 0))
        return err_param(err, ERR_INVALID, "source.path", NULL,
                         "the path of a disk file, or size to make one");
    chosen = default_path(&scene->vm, json_get_text(doc, "disk_id", ""));
    if (!chosen)
        return err_set(err, ERR_INVALID,
                       "source.path is needed: the server does not tell where "
                       "the machine's own files are");
    json_put_text(source, "path", chosen);
    return 0;
}

/* The LUN that the host knows by that name or path. */
static int
settle_lun(struct remote *remote, const struct remote_scene *scene, json_t *doc,
           struct err *err)
{
    json_t *source = json_object_get(doc, "source");
    const char *device = json_get_text(source, "device", NULL);
    CLEANUP_FREE struct vim_lun *luns = NULL;
    size_t n;

    if (strcmp(json_get_text(doc, "kind", "image"), "lun") != 0)
        return 0;
    if (json_get_int(doc, "size", 0))
        return err_set(err, ERR_INVALID,
                       "size: a LUN has its own; leave it out");
    if (!device) /* a mapping that exists */
        return json_object_get(source, "mapping")
                   ? err_param(err, ERR_INVALID, "source.device", NULL,
                               "the LUN's name (naa.…) that is mapped")
                   : 0;
    if (vim_vm_luns(esx_vim(remote->esx), &scene->vm.host, &luns, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(luns[i].name, device) == 0 ||
            strcmp(luns[i].path, device) == 0) {
            json_put_text(source, "device", luns[i].path);
            return 0;
        }
    return err_param(err, ERR_SOURCE_BAD, "source.device", device,
                     "the name of a disk LUN that the machine's host sees");
}

static json_t *
address_of(const struct remote_place *place)
{
    json_t *obj = json_object();

    json_put_text(obj, "type", "drive");
    json_put_int(obj, "controller", place->bus);
    json_put_int(obj, "bus", 0);
    json_put_int(obj, "target", 0);
    json_put_int(obj, "unit", place->unit);
    return obj;
}

static int
choose_place(const struct remote_scene *scene, const json_t *doc,
             const json_t *wanted, struct remote_place *place, struct err *err)
{
    const struct remote_place_wish wish = {
        .model = json_get_text(doc, "scsi_model", "auto"),
        .bus = (int)json_get_int(wanted, "controller", -1),
        .unit = (int)json_get_int(wanted, "unit", -1),
        .disk_id = json_get_text(doc, "disk_id", NULL)};

    return remote_disks_place(&scene->vm, scene->disks, &wish, place, err);
}

static void
build_add(struct remote_scene *scene, const json_t *doc,
          const struct remote_place *place, bool create,
          struct remote_disk_wish *wish)
{
    const json_t *source = json_object_get(doc, "source");
    const char *device = json_get_text(source, "device", NULL);
    bool lun = strcmp(json_get_text(doc, "kind", "image"), "lun") == 0;
    bool virtual_mode = strcmp(json_get_text(source, "mapping", "physical"),
                               "virtual") == 0;
    const struct vim_disk_spec disk = {
        .key = -1,
        .controller = place->controller,
        .unit = place->unit,
        .path = json_get_text(source, "path", NULL),
        .lun = create ? device : NULL,
        .compat = virtual_mode ? "virtualMode" : "physicalMode",
        .mapping = lun,
        .mode = json_get_text(doc, "disk_mode", NULL),
        .sharing = json_get_bool(doc, "shareable", 0) ? "sharingMultiWriter"
                                                      : NULL,
        .size = create ? (uint64_t)json_get_int(doc, "size", 0) : 0,
        .thin = json_get_bool(doc, "thin", -1),
        .create = create};

    wish->spec = vim_spec_new(&scene->vm.ref, scene->vm.change_version);
    if (place->type)
        vim_spec_add_controller(wish->spec, place->type, place->controller,
                                place->bus);
    vim_spec_add_disk(wish->spec, &disk);
}

static void
note_controller(struct remote_plan *plan, const struct remote_place *place)
{
    json_t *step;

    if (!place->type)
        return;
    step = remote_plan_step(plan, "add_controller");
    json_put_int(step, "index", place->bus);
    json_put_text(step, "model", esx_rules_model(place->type));
}

int
remote_disk_add_plan(struct remote *remote, struct remote_disk_wish *wish,
                     struct remote_plan *plan,
         struct err *err)
{
    CLEANUP_SCENE struct remote_scene scene;
    CLEANUP_JSON json_t *doc = doc_of_params(wish->params);
    const char *path;
    struct remote_place place;
    bool lun = strcmp(json_get_text(doc, "kind", "image"), "lun") == 0;
    bool create = lun ? json_object_get(json_object_get(doc, "source"),
                                        "device") != NULL
                      : json_get_int(doc, "size", 0) > 0;

    if (remote_scene_change(remote, &scene, err) < 0 ||
        settle_source(&scene, doc, err) < 0 ||
        settle_lun(remote, &scene, doc, err) < 0 ||
        choose_place(&scene, doc, json_object_get(wish->params, "address"),
                     &place, err) < 0)
        return -1;
    path = json_get_text(json_object_get(doc, "source"), "path", "");
    if (remote_disks_find(scene.disks, path, NULL) ||
        remote_disks_find(scene.disks, json_get_text(doc, "disk_id", ""),
                          NULL))
        return err_set(err, ERR_EXISTS,
                       "The machine has a disk with this file or disk_id "
                       "already: %s",
                       path);
    json_put(doc, "address", address_of(&place));
    if (!json_get_bool(wish->params, "plugged", 1) && create)
        return err_set(err, ERR_INVALID,
                       "plugged: a VMware host makes a disk's file as it plugs "
                       "it; add it plugged, then unplug it");
    note_controller(plan, &place);
    remote_scene_put(plan, doc, "add_disk");
    remote_plan_row(plan, json_get_text(doc, "disk_id", ""),
                    json_incref(doc));
    plan->event = "disk.added";
    if (!json_get_bool(wish->params, "plugged", 1))
        return 0;
    remote_scene_expect(plan, path, true);
    build_add(&scene, doc, &place, create, wish);
    return 0;
}

/* --- plug and unplug ----------------------------------------------------- */

int
remote_disk_add_plug(struct remote *remote, struct remote_disk_wish *wish,
                     struct remote_plan *plan,
          struct err *err)
{
    CLEANUP_SCENE struct remote_scene scene;
    CLEANUP_JSON json_t *doc = NULL;
    struct remote_place place;
    const json_t *disk;

    if (remote_scene_change(remote, &scene, err) < 0)
        return -1;
    disk = remote_scene_disk(&scene, wish->params, err);
    if (!disk)
        return -1;
    doc = remote_disks_doc(disk);
    remote_scene_put(plan, doc, "plug_disk");
    if (json_get_bool(disk, "plugged", 0))
        return 0;
    if (choose_place(&scene, doc, json_object_get(doc, "address"), &place,
                     err) < 0)
        return -1;
    note_controller(plan, &place);
    remote_scene_expect(
        plan, json_get_text(json_object_get(doc, "source"), "path", NULL), true);
    remote_plan_row(plan, json_get_text(doc, "disk_id", ""), json_incref(doc));
    plan->event = "disk.plugged";
    build_add(&scene, doc, &place, false, wish);
    return 0;
}
