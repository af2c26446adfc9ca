// SPDX-License-Identifier: Apache-2.0
/*
 * A machine on a VMware host as a planner sees it: read from the server, with
 * what we keep of its disks. Worker threads; reading blocks.
 */
#pragma once

#include "agent/plan/remote.h"

struct remote_scene {
    struct vim_vm vm;
    json_t *disks; /* owned: remote_disks_merge */
};
void remote_scene_clear(struct remote_scene *scene);
#define CLEANUP_SCENE CLEANUP(remote_scene_clear)

int remote_scene_read(struct remote *remote, struct remote_scene *scene,
                      struct err *err);

/* As remote_scene_read, for what changes it: BUSY (a question is open),
 * BAD_STATE (it is suspended). */
int remote_scene_change(struct remote *remote, struct remote_scene *scene,
                        struct err *err);

bool remote_scene_runs(const struct remote_scene *scene);

/* The disk that params name, borrowed; NULL + err. */
json_t *remote_scene_disk(const struct remote_scene *scene,
                          const json_t *params, struct err *err);

/* Its device; NULL: it is not plugged. */
const struct vim_device *remote_scene_device(const struct remote_scene *scene,
                                             const json_t *disk);

/* The plan wants a disk with that file to be there, or gone. */
void remote_scene_expect(struct remote_plan *plan, const char *path,
                         bool there);

/* A step about a disk, which the receipt names. */
void remote_scene_put(struct remote_plan *plan, const json_t *doc,
                      const char *step);
