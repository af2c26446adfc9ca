// SPDX-License-Identifier: Apache-2.0
/* The readers of this room, one after the other. */
#include "agent/host/usage.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "agent/common/mem.h"
#include "agent/host/cpu.h"
#include "agent/host/memory.h"
#include "agent/host/net.h"
#include "agent/host/sysfs.h"

/* Folders whose room an engine looks at. */
static const char *const folders[] = {"/var/log", "/tmp", "/run"};

static json_t *
disks(const char *root)
{
    json_t *obj = json_object();

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        CLEANUP_FREE char *path = mem_printf("%s%s", root, folders[i]);
        struct statvfs fs;
        json_t *disk;

        if (statvfs(path, &fs) < 0)
            continue;
        disk = json_object();
        json_put_int(disk, "free", (json_int_t)(fs.f_bavail * fs.f_frsize));
        json_put_int(disk, "total", (json_int_t)(fs.f_blocks * fs.f_frsize));
        json_put(obj, folders[i], disk);
    }
    return obj;
}

static json_t *
load(const char *root)
{
    CLEANUP_FREE char *line = sysfs_line(root, "/proc/loadavg");
    double a = 0, b = 0, c = 0;

    if (line)
        sscanf(line, "%lf %lf %lf", &a, &b, &c);
    return json_pack("[f, f, f]", a, b, c);
}

static json_int_t
ms_of(const struct timeval *time)
{
    return (json_int_t)time->tv_sec * 1000 + time->tv_usec / 1000;
}

static json_t *
self(void)
{
    struct rusage used = {.ru_maxrss = 0};
    json_t *obj = json_object();

    getrusage(RUSAGE_SELF, &used);
    json_put_int(obj, "user_ms", ms_of(&used.ru_utime));
    json_put_int(obj, "system_ms", ms_of(&used.ru_stime));
    return obj;
}

json_t *
usage_read(const char *root)
{
    CLEANUP_FREE char *uptime = sysfs_line(root, "/proc/uptime");
    CLEANUP_FREE char *thp = memory_thp(root);
    json_t *usage = json_object();
    double seconds = uptime ? strtod(uptime, NULL) : 0;

    json_put_int(usage, "uptime_ms", (json_int_t)(seconds * 1000));
    json_put(usage, "load", load(root));
    json_put(usage, "times", cpu_times(root));
    json_put(usage, "self", self());
    json_put(usage, "memory", memory_read(root));
    json_put(usage, "nodes", memory_nodes(root));
    json_put(usage, "hugepages", memory_hugepages(root));
    json_put(usage, "ksm", memory_ksm(root));
    json_put_text(usage, "thp", thp);
    json_put(usage, "net", net_counters(root));
    json_put(usage, "disks", disks(root));
    return usage;
}
