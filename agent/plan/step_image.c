// SPDX-License-Identifier: Apache-2.0
/*
 * Steps on image files, and on volumes of libvirt's pools (a step with a disk
 * of that source). One is made only where nothing was, and undo removes only
 * what this operation made.
 */
#include "agent/plan/step.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct disk_far *
volume_of(const struct step *step)
{
    return step->disk && step->disk->source_type == DISK_SOURCE_VOLUME
               ? &step->disk->far
               : NULL;
}

static int
create_run(struct step_run *run, struct step *step, struct err *err)
{
    const struct disk_far *volume = volume_of(step);

    if (volume)
        return hyper_volume_create(run->env->hyper, volume->pool, volume->name,
                                   step->format, step->number, err);
    return image_create(step->text, step->format, step->number, err);
}

static int
remove_image(struct step_run *run, struct step *step, struct err *err)
{
    const struct disk_far *volume = volume_of(step);

    if (volume)
        return hyper_volume_delete(run->env->hyper, volume->pool, volume->name,
                                   err);
    if (unlink(step->text) == 0 || errno == ENOENT)
        return 0;
    return err_set(err, ERR_INTERNAL,
                   "The image \"%s\" cannot be deleted: %s; delete it by hand",
                   step->text, strerror(errno));
}

const struct step_ops step_image_create = {create_run, NULL, remove_image};
const struct step_ops step_image_delete = {remove_image, NULL, NULL};

static int
resize_run(struct step_run *run, struct step *step, struct err *err)
{
    const struct disk_far *volume = volume_of(step);

    if (volume)
        return hyper_volume_resize(run->env->hyper, volume->pool, volume->name,
                                   step->number, err);
    return image_resize(step->text, step->format, step->number, err);
}

const struct step_ops step_image_resize = {resize_run, NULL, NULL};
