// SPDX-License-Identifier: Apache-2.0
/*
 * Only below /dev, which is memory: a path elsewhere may lie on storage that
 * does not answer.
 */
#include "agent/host/device.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

char *
device_name(const char *path)
{
    CLEANUP_FREE char *real =
        strncmp(path, "/dev/", 5) == 0 ? realpath(path, NULL) : NULL;
    const char *node = real ? strrchr(real, '/') + 1 : NULL;
    CLEANUP_FREE char *map = NULL;

    if (!node || strncmp(node, "dm-", 3) != 0)
        return STEAL(real);
    map = sysfs_line("", "/sys/class/block/%s/dm/name", node);
    return map ? mem_printf("/dev/mapper/%s (%s)", map, node) : STEAL(real);
}
