// SPDX-License-Identifier: Apache-2.0
/*
 * Facts of the host that disk plans need: whether a source may be used, is
 * there, is what was said, and is free. Changes nothing. Worker threads.
 */
#pragma once

#include "agent/plan/disk_plan.h"
#include "agent/plan/env.h"

/* gather functions of struct planner; wish is a struct disk_wish. */

/* wish->disk, or the recorded disk: its source checked for a plug; a missing
 * image with a size is to be created. */
int disk_facts_source(struct env *env, const struct known *known, void *wish,
                      struct err *err);

/* As disk_facts_source for each of a struct disk_wishes. */
int disk_facts_sources(struct env *env, const struct known *known, void *wish,
                       struct err *err);

/* UpdateVmDisk: a medium in wish->set is held against the rules; of a LUN,
 * what this host can give. */
int disk_facts_update(struct env *env, const struct known *known, void *wish,
                      struct err *err);

/* Who uses the image of a recorded disk that is to be deleted. */
int disk_facts_delete(struct env *env, const struct known *known, void *wish,
                      struct err *err);

/* The size that the image of a recorded disk has now. */
int disk_facts_size(struct env *env, const struct known *known, void *wish,
                    struct err *err);

/* One disk of a VM (known->vm may be NULL: it is to be made as uuid). Refused
 * where its source may not be used, is not what was said, or is another LUN
 * than row (NULL: new) recorded. */
int disk_facts_check(struct env *env, const struct known *known,
                     const struct disk *disk, const struct disk *row,
                     const char *uuid, struct disk_seen *seen,
                     struct err *err);

/* Whether anybody may use the image or device at path with that format: it is
 * allowed, what its header says, and names no further file. 0, -1 + err. */
int disk_facts_allowed(struct env *env, const char *path, bool block,
                       const char *format, struct err *err);
