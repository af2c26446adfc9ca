// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel's device mapper says of a multipath map's paths: one that
 * multipathd has failed may still be "running" in /sys. Worker threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The status of the map's first target; false when it cannot be asked. */
bool lun_map_status(dev_t dev, char *out, size_t size);

/* Add to names ("sdb, sdc") the paths that a status has as failed and that
 * are not among them. root as in lun.h. */
void lun_map_failed(const char *root, const char *status, char *names,
                    size_t size);
