// SPDX-License-Identifier: Apache-2.0
/*
 * What a planner of disks has before its eyes, read once; and the words of its
 * plan that all of them use.
 */
#include "agent/plan/remote_scene.h"

#include <string.h>

#include "agent/plan/remote_disks.h"
#include "agent/state/remote_row.h"

/* --- what is there ------------------------------------------------------- */

void
remote_scene_clear(struct remote_scene *scene)
{
    vim_vm_clear(&scene->vm);
    json_decref(scene->disks);
}

int
remote_scene_read(struct remote *remote, struct remote_scene *scene, struct err *err)
{
    CLEANUP_JSON json_t *rows = NULL;

    *scene = (struct remote_scene){.disks = NULL};
    if (vim_vm_read(esx_vim(remote->esx), &remote->vm.ref, &scene->vm, err) <
            0 ||
        remote_row_list(remote->env->store, esx_name(remote->esx),
                        remote->vm.uuid, &rows, err) < 0)
        return -1;
    scene->disks = remote_disks_merge(&scene->vm, rows);
    return 0;
}

/* As look_at, for what changes it. */
int
remote_scene_change(struct remote *remote, struct remote_scene *scene, struct err *err)
{
    if (remote_scene_read(remote, scene, err) < 0)
        return -1;
    if (scene->vm.question.id[0])
        return err_set(err, ERR_BUSY,
                       "The machine waits for an answer to \"%s\"; answer it "
                       "first (berthctl op answer)",
                       scene->vm.question.text ? scene->vm.question.text
                                               : "a question");
    if (strcmp(scene->vm.power, "suspended") == 0)
        return err_set(err, ERR_BAD_STATE,
                       "The machine is suspended, and its disks cannot be "
                       "changed then; resume it first");
    return 0;
}

json_t *
remote_scene_disk(const struct remote_scene *scene, const json_t *params, struct err *err)
{
    return remote_disks_find(scene->disks, json_get_text(params, "disk", ""),
                             err);
}

const struct vim_device *
remote_scene_device(const struct remote_scene *scene, const json_t *disk)
{
    return vim_vm_device(&scene->vm, json_get_int(disk, "key", 0));
}

bool
remote_scene_runs(const struct remote_scene *scene)
{
    return strcmp(scene->vm.power, "poweredOn") == 0;
}

/* --- results ------------------------------------------------------------- */

void
remote_scene_expect(struct remote_plan *plan, const char *path, bool there)
{
    plan->expect = json_object();
    json_put_text(plan->expect, "kind", "disk");
    json_put_text(plan->expect, "path", path);
    json_put_bool(plan->expect, "there", there);
}

void
remote_scene_put(struct remote_plan *plan, const json_t *doc, const char *step)
{
    json_t *obj = remote_plan_step(plan, step);

    json_put(obj, "disk", json_deep_copy(doc));
    json_put_text(plan->result, "disk_id",
                  json_get_text(doc, "disk_id", NULL));
    json_put(plan->result, "address",
             json_deep_copy(json_object_get(doc, "address")));
    plan->device = json_get_text(plan->result, "disk_id", NULL);
}
