// SPDX-License-Identifier: Apache-2.0
/*
 * A function per STATS_ row of vdsm_fields.def. All of it is arithmetic on the
 * last sample: it is answered in the I/O thread.
 */
#include "agent/verbs/vdsm_usage.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/common/digest.h"
#include "agent/verbs/vdsm_facts.h"
#include "agent/verbs/vdsm_field.h"

#define KIB 1024
#define MIB (1024 * 1024)
#define FIRST_MS 1000
#define BITS 8

static const json_t *
figure(const struct vdsm_facts *facts, const char *key)
{
    return json_object_get(facts->host->value, key);
}

static json_t *
percent(double value)
{
    char text[32];

    snprintf(text, sizeof(text), "%.2f",
             value < 0     ? 0
             : value > 100 ? 100
                           : value);
    return json_string(text);
}

static double
rate(const json_t *obj, const char *key)
{
    return json_number_value(json_object_get(obj, key));
}

/* --- processors ---------------------------------------------------------- */

static const char *const user_times[] = {"user_ms_rate", "nice_ms_rate", NULL};
static const char *const system_times[] = {
    "system_ms_rate", "irq_ms_rate", "softirq_ms_rate", "steal_ms_rate", NULL};
static const char *const idle_times[] = {"idle_ms_rate", "iowait_ms_rate",
                                         NULL};

/* Milliseconds in a second of so many processors, as a share of a hundred. */
static double
share(const json_t *times, const char *const *keys, size_t cpus)
{
    double ms = 0;

    for (; *keys; keys++)
        ms += rate(times, *keys);
    return cpus ? ms / 10 / (double)cpus : 0;
}

static double
share_of_all(const struct vdsm_facts *facts, const char *const *keys)
{
    const json_t *times = figure(facts, "times");

    return share(json_object_get(times, "total"), keys,
                 json_object_size(json_object_get(times, "cpus")));
}

static json_t *
cpu_user(const struct vdsm_facts *facts)
{
    return percent(share_of_all(facts, user_times));
}

static json_t *
cpu_sys(const struct vdsm_facts *facts)
{
    return percent(share_of_all(facts, system_times));
}

static json_t *
cpu_idle(const struct vdsm_facts *facts)
{
    return percent(share_of_all(facts, idle_times));
}

static json_t *
cpu_load(const struct vdsm_facts *facts)
{
    char text[32];

    snprintf(text, sizeof(text), "%.2f",
             json_number_value(json_array_get(figure(facts, "load"), 0)));
    return json_string(text);
}

static json_t *
cpu_user_vdsmd(const struct vdsm_facts *facts)
{
    return percent(rate(figure(facts, "self"), "user_ms_rate") / 10);
}

static json_t *
cpu_sys_vdsmd(const struct vdsm_facts *facts)
{
    return percent(rate(figure(facts, "self"), "system_ms_rate") / 10);
}

static int
node_of(const struct vdsm_facts *facts, const char *cpu)
{
    json_t *nodes = json_object_get(facts->host->value, "nodes"), *node, *at;
    const char *name;
    size_t i;

    json_object_foreach (nodes, name, node)
        json_array_foreach (json_object_get(node, "cpus"), i, at)
            if (json_integer_value(at) == atoi(cpu))
                return atoi(name);
    return 0;
}

static json_t *
cpu_statistics(const struct vdsm_facts *facts)
{
    json_t *cpus = json_object_get(figure(facts, "times"), "cpus"), *times;
    json_t *obj = json_object();
    const char *name;

    json_object_foreach (cpus, name, times) {
        json_t *one = json_object();

        json_put(one, "cpuUser", percent(share(times, user_times, 1)));
        json_put(one, "cpuSys", percent(share(times, system_times, 1)));
        json_put(one, "cpuIdle", percent(share(times, idle_times, 1)));
        json_put_int(one, "nodeIndex", node_of(facts, name));
        json_put(obj, name, one);
    }
    return obj;
}

/* --- memory -------------------------------------------------------------- */

static json_t *
mib_of(const struct vdsm_facts *facts, const char *key)
{
    return json_integer(vdsm_facts_mib(figure(facts, "memory"), key));
}

static json_t *
mem_used(const struct vdsm_facts *facts)
{
    json_int_t total = vdsm_facts_mib(figure(facts, "memory"), "total");
    json_int_t free = vdsm_facts_mib(figure(facts, "memory"), "available");

    return vdsm_facts_text(total > 0 ? (total - free) * 100 / total : 0);
}

static json_t *
mem_free(const struct vdsm_facts *facts)
{
    return mib_of(facts, "available");
}

static json_t *
mem_available(const struct vdsm_facts *facts)
{
    return mib_of(facts, "available");
}

static json_t *
mem_committed(const struct vdsm_facts *facts)
{
    return json_integer((json_int_t)(facts->committed / MIB));
}

static json_t *
mem_shared(const struct vdsm_facts *facts)
{
    json_int_t pages = json_get_int(figure(facts, "ksm"), "pages_sharing", 0);

    return json_integer(pages * sysconf(_SC_PAGESIZE) / MIB);
}

static json_t *
swap_total(const struct vdsm_facts *facts)
{
    return mib_of(facts, "swap_total");
}

static json_t *
swap_free(const struct vdsm_facts *facts)
{
    return mib_of(facts, "swap_free");
}

static json_t *
anon_huge_pages(const struct vdsm_facts *facts)
{
    return vdsm_facts_text(
        vdsm_facts_mib(figure(facts, "memory"), "anon_huge"));
}

static json_t *
thp_state(const struct vdsm_facts *facts)
{
    return json_string(json_get_text(facts->host->value, "thp", "never"));
}

static json_t *
ksm_state(const struct vdsm_facts *facts)
{
    return json_boolean(json_get_int(figure(facts, "ksm"), "run", 0) == 1);
}

static json_t *
ksm_pages(const struct vdsm_facts *facts)
{
    return json_integer(json_get_int(figure(facts, "ksm"), "pages_to_scan", 0));
}

static json_t *
ksm_merge_across_nodes(const struct vdsm_facts *facts)
{
    return json_boolean(
        json_get_int(figure(facts, "ksm"), "merge_across_nodes", 0) == 1);
}

static json_t *
hugepages(const struct vdsm_facts *facts)
{
    static const char *const names[][2] = {{"nr_hugepages", "total"},
                                           {"free_hugepages", "free"},
                                           {"resv_hugepages", "reserved"},
                                           {"surplus_hugepages", "surplus"},
                                           {"vm.free_hugepages", "free"}};
    json_t *sizes = json_object_get(facts->host->value, "hugepages"), *counts;
    json_t *obj = json_object();
    const char *bytes;
    char key[24];

    json_object_foreach (sizes, bytes, counts) {
        json_t *one = json_object();

        snprintf(key, sizeof(key), "%lld", atoll(bytes) / KIB);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            json_put_int(one, names[i][0],
                         json_get_int(counts, names[i][1], 0));
        json_put(obj, key, one);
    }
    return obj;
}

static json_t *
numa_node_mem_free(const struct vdsm_facts *facts)
{
    json_t *nodes = json_object_get(facts->host->value, "nodes"), *node;
    json_t *obj = json_object();
    const char *name;

    json_object_foreach (nodes, name, node) {
        json_int_t total = vdsm_facts_mib(node, "total");
        json_int_t free = vdsm_facts_mib(node, "free");
        json_t *one = json_object();

        json_put(one, "memFree", vdsm_facts_text(free));
        json_put_int(one, "memPercent",
                     total > 0 ? (total - free) * 100 / total : 0);
        json_put(obj, name, one);
    }
    return obj;
}

/* --- traffic and disks --------------------------------------------------- */

/* Percent of the link's speed; 0 where that is not known. */
static json_t *
load_of(const json_t *link, const char *key)
{
    double speed = (double)json_get_int(link, "speed", 0) * 1e6;

    return percent(speed > 0 ? rate(link, key) * BITS * 100 / speed : 0);
}

static json_t *
link_of(const char *name, const json_t *link, double sampled_s)
{
    static const char *const counters[][2] = {
        {"rx", "rx_bytes"},          {"tx", "tx_bytes"},
        {"rxErrors", "rx_errors"},   {"txErrors", "tx_errors"},
        {"rxDropped", "rx_dropped"}, {"txDropped", "tx_dropped"}};
    json_int_t speed = json_get_int(link, "speed", 0);
    json_t *obj = json_object();

    json_put_text(obj, "name", name);
    json_put_text(obj, "macAddr", json_get_text(link, "mac", ""));
    json_put_text(obj, "state", json_get_bool(link, "up", 0) ? "up" : "down");
    json_put(obj, "speed", vdsm_facts_text(speed));
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        json_put(obj, counters[i][0],
                 vdsm_facts_text(json_get_int(link, counters[i][1], 0)));
    json_put(obj, "rxRate", load_of(link, "rx_bytes_rate"));
    json_put(obj, "txRate", load_of(link, "tx_bytes_rate"));
    json_put(obj, "sampleTime", json_real(sampled_s));
    return obj;
}

static json_t *
network(const struct vdsm_facts *facts)
{
    json_t *links = json_object_get(facts->host->value, "net"), *link;
    json_t *obj = json_object();
    const char *name;

    json_object_foreach (links, name, link)
        json_put(obj, name,
                 link_of(name, link, (double)facts->host->taken_ms / 1000));
    return obj;
}

static json_t *
sum_of(const struct vdsm_facts *facts, const char *key)
{
    json_t *links = json_object_get(facts->host->value, "net"), *link;
    const char *name;
    json_int_t sum = 0;

    json_object_foreach (links, name, link)
        sum += json_get_int(link, key, 0);
    return vdsm_facts_text(sum);
}

static json_t *
rx_dropped(const struct vdsm_facts *facts)
{
    return sum_of(facts, "rx_dropped");
}

static json_t *
tx_dropped(const struct vdsm_facts *facts)
{
    return sum_of(facts, "tx_dropped");
}

static json_t *
disk_stats(const struct vdsm_facts *facts)
{
    json_t *disks = json_object_get(facts->host->value, "disks"), *disk;
    json_t *obj = json_object();
    const char *path;

    json_object_foreach (disks, path, disk) {
        json_t *one = json_object();

        json_put(one, "free", vdsm_facts_text(vdsm_facts_mib(disk, "free")));
        json_put(obj, path, one);
    }
    return obj;
}

/* --- VMs and time -------------------------------------------------------- */

static json_t *
vm_count(const struct vdsm_facts *facts)
{
    return json_integer((json_int_t)facts->vms);
}

static json_t *
vm_active(const struct vdsm_facts *facts)
{
    return json_integer((json_int_t)facts->active);
}

static json_t *
elapsed_time(const struct vdsm_facts *facts)
{
    return vdsm_facts_text((clock_wall_ms() - facts->env->started_ms) / 1000);
}

static json_t *
date_time(const struct vdsm_facts *facts)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    char text[64] = "";
    struct tm tm;

    (void)facts;
    if (gmtime_r(&now, &tm))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S GMT", &tm);
    return json_string(text);
}

/* The start's time and pid, in the form of a UUID. */
static json_t *
generation_id(const struct vdsm_facts *facts)
{
    char text[64], hex[DIGEST_HEX], uuid[UUID_TEXT];
    int n = snprintf(text, sizeof(text), "%lld %d",
                     (long long)facts->env->started_ms, (int)getpid());

    digest_sha256(text, (size_t)n, hex);
    snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
             hex + 12, hex + 16, hex + 20);
    return json_string(uuid);
}

static json_t *
boot_time(const struct vdsm_facts *facts)
{
    json_int_t uptime_ms = json_get_int(facts->host->value, "uptime_ms", 0) +
                           clock_mono_ms() - facts->host->taken_ms;

    return json_integer((clock_wall_ms() - uptime_ms) / 1000);
}

static json_t *
age_ms(const struct vdsm_facts *facts)
{
    return json_integer(clock_mono_ms() - facts->host->taken_ms);
}

/* --- the answer ---------------------------------------------------------- */

static const struct vdsm_field rows[] = {
#define STATS_REAL(name, type, make, doc) \
    {#name, VDSM_FIELD_##type, make, NULL},
#define STATS_FIXED(name, type, json, doc) \
    {#name, VDSM_FIELD_##type, NULL, json},
#include "agent/verbs/vdsm_fields.def"
};

static json_t *
host_get_stats(struct verb_call *call, struct err *err)
{
    CLEANUP_VDSM_FACTS struct vdsm_facts facts = {.root = ""};
    json_t *stats;

    vdsm_facts_usage(&facts, call->env);
    if (!facts.host) {
        err_set(err, ERR_RECOVERING,
                "berthd has just started and reads the host's figures; ask "
                "again in a second");
        err->retry_after_ms = FIRST_MS;
        return NULL;
    }
    stats = json_object();
    vdsm_field_put(stats, rows, sizeof(rows) / sizeof(rows[0]), &facts);
    return stats;
}

const struct verb vdsm_usage_verbs[] = {
    {.name = "Host.getStats",
     .group = "vdsm",
     .action_group = "HOST_READ",
     .lane = VERB_INLINE,
     .vdsm_code = 100,
     .scripts = HOOK_VERB_STATS,
     .doc = "How the host is used, as it was read last; ageMs tells when.",
     .run = host_get_stats},
};
const size_t vdsm_usage_nverbs =
    sizeof(vdsm_usage_verbs) / sizeof(vdsm_usage_verbs[0]);
