// SPDX-License-Identifier: Apache-2.0
/*
 * Flags and model come from /proc/cpuinfo, of the first processor: libvirt
 * migrates guests between hosts by them, so one that differs would be a host
 * nobody builds. The layout comes from sysfs.
 */
#include "agent/host/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

#define CPU "/sys/devices/system/cpu"
#define MAX_CPUS 8192

/* What stands behind "name\t*: " in the first processor's part; owned. */
static char *
info_line(const char *info, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = info; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, len) == 0 &&
            (at[len] == '\t' || at[len] == ':' || at[len] == ' ')) {
            at += len + strspn(at + len, "\t :");
            return mem_ndup(at, strcspn(at, "\n"));
        }
    }
    return NULL;
}

/* "0-3,8" as an array of numbers. */
static json_t *
range_list(const char *text)
{
    json_t *list = json_array();
    int first, last, n;

    while (text && *text && sscanf(text, "%d%n", &first, &n) == 1) {
        text += n;
        last = first;
        if (*text == '-' && sscanf(text + 1, "%d%n", &last, &n) == 1)
            text += 1 + n;
        for (; first >= 0 && first <= last && last < MAX_CPUS; first++)
            json_array_append_new(list, json_integer(first));
        if (*text++ != ',')
            break;
    }
    return list;
}

/* The node is a folder "node2" beside the processor's files. */
static long long
node_of(const char *root, long long cpu)
{
    CLEANUP_NAMES struct sysfs_names names =
        sysfs_list(root, CPU "/cpu%lld", cpu);
    int node;

    for (size_t i = 0; i < names.n; i++)
        if (sscanf(names.names[i], "node%d", &node) == 1)
            return node;
    return 0;
}

static json_t *
place_of(const char *root, long long cpu)
{
    json_t *place = json_object();

    json_put_int(place, "cpu", cpu);
    json_put_int(place, "core",
                 sysfs_number(root, cpu, CPU "/cpu%lld/topology/core_id", cpu));
    json_put_int(place, "die",
                 sysfs_number(root, 0, CPU "/cpu%lld/topology/die_id", cpu));
    json_put_int(place, "socket",
                 sysfs_number(root, 0,
                              CPU "/cpu%lld/topology/physical_package_id",
                              cpu));
    json_put_int(place, "node", node_of(root, cpu));
    return place;
}

static bool
same(const json_t *a, const json_t *b, const char *const *keys)
{
    for (; *keys; keys++)
        if (json_get_int(a, *keys, -1) != json_get_int(b, *keys, -1))
            return false;
    return true;
}

/* How many places differ in one of the keys. */
static json_int_t
count(const json_t *places, const char *const *keys)
{
    size_t n = json_array_size(places);
    json_int_t found = 0;

    for (size_t i = 0; i < n; i++) {
        bool seen = false;

        for (size_t k = 0; k < i && !seen; k++)
            seen = same(json_array_get(places, i), json_array_get(places, k),
                        keys);
        found += !seen;
    }
    return found;
}

static json_t *
words(char *text)
{
    json_t *list = json_array();
    char *save = NULL;

    for (char *word = text ? strtok_r(text, " ", &save) : NULL; word;
         word = strtok_r(NULL, " ", &save))
        json_array_append_new(list, json_string(word));
    return list;
}

static void
put_info(json_t *cpu, const char *root)
{
    CLEANUP_FREE char *info = sysfs_text(root, "/proc/cpuinfo");
    CLEANUP_FREE char *model = info_line(info, "model name");
    CLEANUP_FREE char *mhz = info_line(info, "cpu MHz");
    CLEANUP_FREE char *flags = info_line(info, "flags");

    json_put_text(cpu, "model", model);
    json_put(cpu, "speed_mhz", mhz ? json_real(strtod(mhz, NULL)) : NULL);
    json_put(cpu, "flags", words(flags));
}

json_t *
cpu_read(const char *root)
{
    static const char *const core_keys[] = {"socket", "die", "core", NULL};
    static const char *const socket_keys[] = {"socket", NULL};
    CLEANUP_FREE char *online = sysfs_line(root, CPU "/online");
    json_t *cpu = json_object(), *places = json_array();
    json_t *list = range_list(online), *number;
    size_t i;

    json_array_foreach (list, i, number)
        json_array_append_new(places,
                              place_of(root, json_integer_value(number)));
    json_put_int(cpu, "threads", (json_int_t)json_array_size(list));
    json_put_int(cpu, "cores", count(places, core_keys));
    json_put_int(cpu, "sockets", count(places, socket_keys));
    json_put(cpu, "online", list);
    json_put(cpu, "topology", places);
    put_info(cpu, root);
    return cpu;
}

/* --- how busy ------------------------------------------------------------ */

static const char *const columns[] = {
    "user_ms",   "nice_ms", "system_ms",  "idle_ms",
    "iowait_ms", "irq_ms",  "softirq_ms", "steal_ms",
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* proc(5), /proc/stat: clock ticks behind "cpu0". */
static json_t *
times_of(const char *text)
{
    long long tick = sysconf(_SC_CLK_TCK), value;
    json_t *times = json_object();
    int n;

    for (size_t i = 0; i < COLUMNS; i++) {
        if (sscanf(text, " %lld%n", &value, &n) != 1)
            break;
        json_put_int(times, columns[i], value * 1000 / (tick > 0 ? tick : 100));
        text += n;
    }
    return times;
}

json_t *
cpu_times(const char *root)
{
    CLEANUP_FREE char *text = sysfs_text(root, "/proc/stat");
    json_t *all, *cpus;
    char name[16];
    int n;

    if (!text || strncmp(text, "cpu ", 4) != 0)
        return NULL;
    all = json_object();
    cpus = json_object();
    json_put(all, "total", times_of(text + 4));
    for (const char *at = strchr(text, '\n');
         at && sscanf(at + 1, "cpu%15[0-9]%n", name, &n) == 1;
         at = strchr(at + 1, '\n'))
        json_put(cpus, name, times_of(at + 1 + n));
    json_put(all, "cpus", cpus);
    return all;
}
