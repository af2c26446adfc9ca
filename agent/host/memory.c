// SPDX-License-Identifier: Apache-2.0
/* Figures of /proc/meminfo and of the folders of nodes and huge pages. */
#include "agent/host/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

#define NODES "/sys/devices/system/node"
#define KIB 1024

static const struct figure {
    const char *name, *kernel;
} figures[] = {
    {"total", "MemTotal"},          {"free", "MemFree"},
    {"available", "MemAvailable"},  {"buffers", "Buffers"},
    {"cached", "Cached"},           {"committed", "Committed_AS"},
    {"swap_total", "SwapTotal"},    {"swap_free", "SwapFree"},
    {"anon_huge", "AnonHugePages"},
};

static void
put_kib(json_t *obj, const char *name, long long kib)
{
    if (kib >= 0)
        json_put_int(obj, name, kib * KIB);
}

json_t *
memory_read(const char *root)
{
    CLEANUP_FREE char *text = sysfs_text(root, "/proc/meminfo");
    json_t *memory = json_object();

    for (size_t i = 0; text && i < sizeof(figures) / sizeof(figures[0]); i++)
        put_kib(memory, figures[i].name, sysfs_field(text, figures[i].kernel));
    return memory;
}

/* --- huge pages ---------------------------------------------------------- */

/* Folders "hugepages-2048kB"; a node has no file of what is reserved. */
static json_t *
pages_below(const char *root, const char *folder)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, "%s", folder);
    static const char *const files[][2] = {{"total", "nr_hugepages"},
                                           {"free", "free_hugepages"},
                                           {"reserved", "resv_hugepages"},
                                           {"surplus", "surplus_hugepages"}};
    json_t *sizes = json_object();
    long long kib;
    char key[32];

    for (size_t i = 0; i < names.n; i++) {
        json_t *counts = json_object();

        if (sscanf(names.names[i], "hugepages-%lldkB", &kib) != 1 || kib <= 0) {
            json_decref(counts);
            continue;
        }
        for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++)
            json_put_int(counts, files[k][0],
                         sysfs_number(root, 0, "%s/%s/%s", folder,
                                      names.names[i], files[k][1]));
        snprintf(key, sizeof(key), "%lld", kib * KIB);
        json_put(sizes, key, counts);
    }
    return sizes;
}

json_t *
memory_hugepages(const char *root)
{
    return pages_below(root, "/sys/kernel/mm/hugepages");
}

/* --- nodes --------------------------------------------------------------- */

/* "Node 0 MemTotal:  123 kB": the words of a node's meminfo. */
static long long
node_field(const char *text, long long node, const char *name)
{
    char key[64];

    snprintf(key, sizeof(key), "Node %lld %s", node, name);
    return sysfs_field(text, key);
}

static json_t *
cpus_of(const char *root, long long node)
{
    CLEANUP_NAMES struct sysfs_names names =
        sysfs_list(root, NODES "/node%lld", node);
    json_t *cpus = json_array();
    int cpu, end;

    for (size_t i = 0; i < names.n; i++)
        if (sscanf(names.names[i], "cpu%d%n", &cpu, &end) == 1 &&
            !names.names[i][end])
            json_array_append_new(cpus, json_integer(cpu));
    return cpus;
}

static json_t *
distances_of(const char *root, long long node)
{
    CLEANUP_FREE char *line =
        sysfs_line(root, NODES "/node%lld/distance", node);
    json_t *list = json_array();
    const char *at = line;
    int value, n;

    for (; at && sscanf(at, "%d%n", &value, &n) == 1; at += n)
        json_array_append_new(list, json_integer(value));
    return list;
}

static json_t *
node_read(const char *root, long long node)
{
    CLEANUP_FREE char *text = sysfs_text(root, NODES "/node%lld/meminfo", node);
    char folder[128];
    json_t *obj = json_object();

    snprintf(folder, sizeof(folder), NODES "/node%lld/hugepages", node);
    json_put(obj, "cpus", cpus_of(root, node));
    put_kib(obj, "total", text ? node_field(text, node, "MemTotal") : -1);
    put_kib(obj, "free", text ? node_field(text, node, "MemFree") : -1);
    json_put(obj, "distances", distances_of(root, node));
    json_put(obj, "hugepages", pages_below(root, folder));
    return obj;
}

/* All that there is, as the only node of a kernel that knows no nodes. */
static json_t *
whole(const char *root)
{
    CLEANUP_JSON json_t *memory = memory_read(root);
    json_t *node = json_object(), *nodes = json_object();

    json_put(node, "cpus", json_array());
    json_put_int(node, "total", json_get_int(memory, "total", 0));
    json_put_int(node, "free", json_get_int(memory, "free", 0));
    json_put(node, "distances", json_pack("[i]", 10));
    json_put(node, "hugepages", memory_hugepages(root));
    json_put(nodes, "0", node);
    return nodes;
}

json_t *
memory_nodes(const char *root)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, NODES);
    json_t *nodes = json_object();
    char key[32];
    int node;

    for (size_t i = 0; i < names.n; i++) {
        if (sscanf(names.names[i], "node%d", &node) != 1)
            continue;
        snprintf(key, sizeof(key), "%d", node);
        json_put(nodes, key, node_read(root, node));
    }
    if (json_object_size(nodes) > 0)
        return nodes;
    json_decref(nodes);
    return whole(root);
}

/* --- merging ------------------------------------------------------------- */

json_t *
memory_ksm(const char *root)
{
    static const char *const files[][2] = {
        {"run", "run"},
        {"pages_sharing", "pages_sharing"},
        {"pages_to_scan", "pages_to_scan"},
        {"sleep_ms", "sleep_millisecs"},
        {"merge_across_nodes", "merge_across_nodes"},
    };
    json_t *ksm;

    if (!sysfs_exists(root, "/sys/kernel/mm/ksm/run"))
        return NULL;
    ksm = json_object();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        json_put_int(
            ksm, files[i][0],
            sysfs_number(root, 0, "/sys/kernel/mm/ksm/%s", files[i][1]));
    return ksm;
}

static int
write_number(const char *root, const char *file, int value, struct err *err)
{
    CLEANUP_FREE char *path = mem_printf("%s/sys/kernel/mm/ksm/%s", root, file);
    CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", value);

    if (fd >= 0 && write(fd, text, (size_t)n) == n)
        return 0;
    return err_set(err, ERR_INTERNAL, "Cannot write %d to %s: %s", value, path,
                   strerror(errno));
}

int
memory_ksm_set(const char *root, int run, int across, struct err *err)
{
    const char *run_file = "run", *across_file = "merge_across_nodes";
    CLEANUP_JSON json_t *now = memory_ksm(root);

    if (!now && run == 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "This host's kernel cannot merge pages (CONFIG_KSM)");
    if (!now)
        return 0;
    /* Only while nothing is merged can that be changed: 2 takes all apart. */
    if (across >= 0 &&
        json_get_int(now, "merge_across_nodes", across) != across &&
        (write_number(root, run_file, 2, err) < 0 ||
         write_number(root, across_file, across, err) < 0))
        return -1;
    if (run < 0 && across < 0)
        return 0;
    if (run < 0)
        run = json_get_int(now, "run", 0) == 1;
    return write_number(root, run_file, run, err);
}

char *
memory_thp(const char *root)
{
    CLEANUP_FREE char *line =
        sysfs_line(root, "/sys/kernel/mm/transparent_hugepage/enabled");
    char *from = line ? strchr(line, '[') : NULL;

    return mem_ndup(from ? from + 1 : "never",
                    from ? strcspn(from + 1, "]") : strlen("never"));
}
