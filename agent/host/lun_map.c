// SPDX-License-Identifier: Apache-2.0
/*
 * DM_TABLE_STATUS on the map's number. In a multipath target's status a path
 * is "MAJOR:MINOR A" when it is active and "MAJOR:MINOR F" when it has failed
 * (Documentation/admin-guide/device-mapper/dm-queue-length.rst has examples).
 */
#include "agent/host/lun_map.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/host/sysfs.h"

#define CONTROL "/dev/mapper/control"
#define ANSWER_MAX 16384

union answer {
    struct dm_ioctl head;
    char bytes[ANSWER_MAX];
};

bool
lun_map_status(dev_t dev, char *out, size_t size)
{
    CLEANUP_FD int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
    union answer answer;
    size_t text;

    memset(&answer, 0, sizeof(answer));
    answer.head.version[0] = DM_VERSION_MAJOR;
    answer.head.data_size = sizeof(answer);
    answer.head.data_start = sizeof(answer.head);
    answer.head.dev = dev;
    if (fd < 0 || ioctl(fd, DM_TABLE_STATUS, &answer) < 0)
        return false;
    text = answer.head.data_start + sizeof(struct dm_target_spec);
    if (answer.head.target_count == 0 || text >= sizeof(answer))
        return false;
    answer.bytes[sizeof(answer) - 1] = '\0';
    snprintf(out, size, "%s", answer.bytes + text);
    return true;
}

/* Whether name is one of "sdb, sdc". */
static bool
is_listed(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = names; *at;) {
        size_t n = strcspn(at, ",");

        if (n == len && strncmp(at, name, n) == 0)
            return true;
        at += n;
        at += strspn(at, ", ");
    }
    return false;
}

void
lun_map_failed(const char *root, const char *status, char *names, size_t size)
{
    char copy[ANSWER_MAX], *rest = NULL, path[32] = "";

    snprintf(copy, sizeof(copy), "%s", status);
    for (char *word = strtok_r(copy, " \n", &rest); word;
         word = strtok_r(NULL, " \n", &rest)) {
        unsigned major_number, minor_number;
        size_t len = strlen(names);
        CLEANUP_FREE char *name = NULL;

        if (strcmp(word, "F") != 0 ||
            sscanf(path, "%u:%u", &major_number, &minor_number) != 2) {
            snprintf(path, sizeof(path), "%s", word);
            continue;
        }
        name = sysfs_link(root, "/sys/dev/block/%s", path);
        if (!is_listed(names, name ? name : path) && len < size)
            snprintf(names + len, size - len, "%s%s", len ? ", " : "",
                     name ? name : path);
    }
}
