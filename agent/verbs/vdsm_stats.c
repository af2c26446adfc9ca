// SPDX-License-Identifier: Apache-2.0
/*
 * Three sources: the table of VMs for what holds now (status, devices, hash),
 * the last sample for counters and rates, and words for what nobody asks the
 * guest about. Types are an engine's: it loses a processor time that is an
 * integer, and stumbles over a statusTime that is a number.
 */
#include "agent/verbs/vdsm_stats.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/verbs/vdsm_status.h"
#include "protocol/vdsm.h"

#define NS_PER_PERCENT 1e7 /* of a second */
#define NET_SPEED "1000"   /* what VDSM says of a virtual link */

/* --- values -------------------------------------------------------------- */

/* Most counters of most VMs are 0, and a thousand equal texts cost a thousand
 * allocations: an answer has one of each. */
struct vdsm_stats {
    json_t *zero;  /* "0" */
    json_t *words; /* members that are the same for every VM */
};

static void
put(json_t *obj, const char *key, json_t *value /* takes */)
{
    json_object_set_new_nocheck(obj, key, value);
}

static void
put_int(const struct vdsm_stats *v, json_t *obj, const char *key,
        json_int_t value)
{
    char text[24];

    if (value == 0) {
        put(obj, key, json_incref(v->zero));
        return;
    }
    snprintf(text, sizeof(text), "%lld", (long long)value);
    put(obj, key, json_string_nocheck(text));
}

static void
put_counter(const struct vdsm_stats *v, json_t *obj, const char *key,
            const json_t *from, const char *name)
{
    put_int(v, obj, key, json_get_int(from, name, 0));
}

static double
rate(const json_t *from, const char *name)
{
    const json_t *value = json_object_get(from, name);

    return json_is_real(value) ? json_real_value(value) : 0;
}

static void
put_percent(json_t *obj, const char *key, double value)
{
    char text[32];

    snprintf(text, sizeof(text), "%.2f", value > 0 ? value : 0);
    put(obj, key, json_string_nocheck(text));
}

/* A member with that text of an array of objects. */
static const json_t *
named(const json_t *list, const char *key, const char *name)
{
    const json_t *at;
    size_t i;

    json_array_foreach (list, i, at)
        if (strcmp(json_get_text(at, key, ""), name) == 0)
            return at;
    return NULL;
}

/* --- processor and memory ------------------------------------------------ */

/* QEMU's own time is the system's, the rest the guest's. */
static void
put_cpu(const struct vdsm_stats *v, json_t *obj, const json_t *stats,
        const struct domain *live)
{
    const json_t *cpu = json_object_get(stats, "cpu");
    double all = rate(cpu, "time_rate") / NS_PER_PERCENT;
    double system = rate(cpu, "system_rate") / NS_PER_PERCENT;

    put_percent(obj, "cpuUser", all - system);
    put_percent(obj, "cpuSys", system);
    put_counter(v, obj, "cpuUsage", cpu, "time");
    json_put_int(obj, "vcpuCount", live ? (json_int_t)live->vcpus : 0);
}

static json_t *
memory_stats(const struct vdsm_stats *v, const json_t *balloon)
{
    json_t *obj = json_object();

    if (!json_object_get(balloon, "available"))
        return obj;
    put_counter(v, obj, "mem_total", balloon, "available");
    put_counter(v, obj, "mem_unused", balloon, "unused");
    put_counter(v, obj, "mem_free", balloon, "usable");
    put_counter(v, obj, "swap_in", balloon, "swap_in");
    put_counter(v, obj, "swap_out", balloon, "swap_out");
    return obj;
}

/* Percent of what the guest sees; 0 where its balloon does not tell. */
static json_int_t
memory_usage(const json_t *balloon)
{
    json_int_t seen = json_get_int(balloon, "available", 0);
    json_int_t unused = json_get_int(balloon, "unused", seen);

    return seen > 0 ? (seen - unused) * 100 / seen : 0;
}

static void
put_memory(const struct vdsm_stats *v, json_t *obj, const json_t *stats,
           const struct domain *live)
{
    const json_t *balloon = json_object_get(stats, "balloon");
    json_int_t most = live ? (json_int_t)(live->memory / 1024) : 0;
    json_t *told = json_object();

    put_int(v, obj, "memUsage", memory_usage(balloon));
    json_put(obj, "memoryStats", memory_stats(v, balloon));
    put_int(v, told, "balloon_max", most);
    put_int(v, told, "balloon_min",
            live ? json_get_int(live->view, "balloon_min", most) : 0);
    put_int(v, told, "balloon_cur", json_get_int(balloon, "current", most));
    put_int(v, told, "balloon_target", json_get_int(balloon, "current", most));
    json_put(obj, "balloonInfo", told);
}

/* --- devices ------------------------------------------------------------- */

/* Time per request since the last sample, in nanoseconds. */
static json_int_t
latency(const json_t *block, const char *times, const char *requests)
{
    double n = rate(block, requests);

    return n > 0 ? (json_int_t)(rate(block, times) / n) : 0;
}

/* The ids by which an engine knows the disk: it takes a LUN that is not named
 * for one that has no statistics at all, and gives up on the whole host. */
static void
put_ids(json_t *obj, const json_t *disk)
{
    const json_t *ids = json_object_get(disk, "ids");
    const char *guid = json_get_text(ids, "GUID", NULL);
    const char *image = json_get_text(ids, "imageID", guid);

    if (guid)
        json_put_text(obj, "lunGUID", guid);
    if (image)
        json_put_text(obj, "imageID", image);
}

/* libvirt's physical size is what lies on the storage; a raw file, which may
 * have holes, looks as long as its guest sees it. */
static void
put_sizes(const struct vdsm_stats *v, json_t *obj, const json_t *disk,
          const json_t *block)
{
    bool raw = strcmp(json_get_text(disk, "format", "raw"), "raw") == 0;

    put_counter(v, obj, "truesize", block, "physical");
    put_counter(v, obj, "apparentsize", block, raw ? "capacity" : "physical");
}

static json_t *
disk_stats(const struct vdsm_stats *v, const json_t *disk, const json_t *block)
{
    json_t *obj = json_object();

    put_counter(v, obj, "readOps", block, "rd_reqs");
    put_counter(v, obj, "writeOps", block, "wr_reqs");
    put_counter(v, obj, "readBytes", block, "rd_bytes");
    put_counter(v, obj, "writtenBytes", block, "wr_bytes");
    put_int(v, obj, "readRate", (json_int_t)rate(block, "rd_bytes_rate"));
    put_int(v, obj, "writeRate", (json_int_t)rate(block, "wr_bytes_rate"));
    put_int(v, obj, "readLatency",
            latency(block, "rd_times_rate", "rd_reqs_rate"));
    put_int(v, obj, "writeLatency",
            latency(block, "wr_times_rate", "wr_reqs_rate"));
    put_int(v, obj, "flushLatency",
            latency(block, "fl_times_rate", "fl_reqs_rate"));
    put_sizes(v, obj, disk, block);
    put_ids(obj, disk);
    return obj;
}

static json_t *
disks_of(const struct vdsm_stats *v, const struct domain *live,
         const json_t *stats)
{
    json_t *disks = live ? json_object_get(live->view, "disks") : NULL;
    json_t *obj = json_object(), *disk;
    const char *name;

    json_object_foreach (disks, name, disk)
        json_object_set_new(
            obj, name,
            disk_stats(v, disk,
                       named(json_object_get(stats, "block"), "name", name)));
    return obj;
}

static json_t *
nic_stats(const struct vdsm_stats *v, const json_t *nic, const json_t *net,
          double sampled_s)
{
    json_t *obj = json_object();

    json_put_text(obj, "name", json_get_text(nic, "name", ""));
    json_put_text(obj, "macAddr", json_get_text(nic, "mac", ""));
    put_counter(v, obj, "rx", net, "rx_bytes");
    put_counter(v, obj, "tx", net, "tx_bytes");
    put_counter(v, obj, "rxErrors", net, "rx_errs");
    put_counter(v, obj, "txErrors", net, "tx_errs");
    put_counter(v, obj, "rxDropped", net, "rx_drop");
    put_counter(v, obj, "txDropped", net, "tx_drop");
    put_int(v, obj, "rxRate", (json_int_t)rate(net, "rx_bytes_rate"));
    put_int(v, obj, "txRate", (json_int_t)rate(net, "tx_bytes_rate"));
    json_put_text(obj, "state", "unknown");
    json_put_text(obj, "speed", NET_SPEED);
    json_put(obj, "sampleTime", json_real(sampled_s));
    return obj;
}

static json_t *
nics_of(const struct vdsm_stats *v, const struct domain *live,
        const json_t *stats, double sampled_s)
{
    const json_t *nics = live ? json_object_get(live->view, "nics") : NULL;
    json_t *obj = json_object(), *nic;
    size_t i;

    json_array_foreach (nics, i, nic) {
        const char *name = json_get_text(nic, "name", NULL);

        if (name)
            json_object_set_new(
                obj, name,
                nic_stats(v, nic,
                          named(json_object_get(stats, "net"), "name", name),
                          sampled_s));
    }
    return obj;
}

static json_t *
displays_of(const struct vdsm_stats *v, const struct domain *live)
{
    const json_t *graphics =
        live ? json_object_get(live->view, "graphics") : NULL;
    json_t *list = json_array(), *at;
    size_t i;

    json_array_foreach (graphics, i, at) {
        json_t *obj = json_object();

        json_put_text(obj, "type", json_get_text(at, "type", ""));
        put_counter(v, obj, "port", at, "port");
        put_counter(v, obj, "tlsPort", at, "tls_port");
        json_put_text(obj, "ipAddress", json_get_text(at, "address", "0"));
        json_array_append_new(list, obj);
    }
    return list;
}

json_t *
vdsm_stats_limits(const struct domain *live)
{
    json_t *list = json_array();

    for (size_t i = 0; live && i < live->ndisks; i++) {
        const struct disk *disk = live->disks[i];
        json_t *obj, *tune;

        if (!disk->target || disk->kind == DISK_CDROM)
            continue;
        obj = json_object();
        tune = json_object();
        for (size_t k = 0; k < DISK_IOTUNE_ROWS; k++)
            json_put_int(tune, disk_iotune_name(k),
                         (json_int_t)disk_iotune_get(&disk->iotune, k));
        json_put_text(obj, "name", disk->target);
        json_put_text(obj, "path", disk->path ? disk->path : "");
        json_put(obj, "ioTune", tune);
        json_array_append_new(list, obj);
    }
    return list;
}

/* --- the whole ----------------------------------------------------------- */

/* What is known of a guest that is not asked: words VDSM has for that. */
static json_t *
words(void)
{
    static const char *const texts[][2] = {
        {"username", "Unknown"}, {"session", "Unknown"}, {"guestIPs", ""},
        {"guestFQDN", ""},       {"guestName", ""},      {"guestOs", ""},
        {"clientIp", ""},        {"acpiEnable", "true"}, {"timeOffset", "0"},
        {"vmType", "kvm"},       {"lastLogin", "0"},     {"vcpuQuota", "-1"},
        {"vcpuPeriod", "0"},
    };
    static const char *const lists[] = {"appsList", "netIfaces", "disksUsage"};
    static const char *const objects[] = {"vmJobs", "vCpuRuntimeInfo",
                                          "vNodeRuntimeInfo"};
    json_t *obj = json_object();

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        json_put_text(obj, texts[i][0], texts[i][1]);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        json_put(obj, lists[i], json_array());
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
        json_put(obj, objects[i], json_object());
    json_put_int(obj, "guestCPUCount", -1);
    return obj;
}

struct vdsm_stats *
vdsm_stats_new(void)
{
    struct vdsm_stats *v = mem_zalloc(1, sizeof(*v));

    v->zero = json_string("0");
    v->words = words();
    return v;
}

void
vdsm_stats_free(struct vdsm_stats *v)
{
    json_decref(v->zero);
    json_decref(v->words);
    free(v);
}

static json_int_t
elapsed_s(const struct domain *live)
{
    const json_t *start =
        live ? json_object_get(live->view, "start_time") : NULL;
    double since = (double)clock_wall_ms() / 1000 - json_real_value(start);

    return start && since > 0 ? (json_int_t)since : 0;
}

json_t *
vdsm_stats_status(const struct vm_info *info)
{
    json_t *obj = json_object();
    char now[24];

    snprintf(now, sizeof(now), "%lld", (long long)vdsm_time());
    json_put_text(obj, "vmId", info->record.uuid);
    json_put_text(obj, "statusTime", now);
    vdsm_status_put(obj, info);
    if (!info->active && info->life.state == VM_LIFE_NONE)
        vdsm_status_put_exit(obj, info->reason);
    return obj;
}

static void
put_known(const struct vdsm_stats *v, json_t *obj, const struct vm_info *info)
{
    const struct domain *live = info->live;
    bool kvm = live && live->type && strcmp(live->type, "kvm") == 0;

    json_put_text(obj, "vmName", info->record.name);
    json_put_text(obj, "hash",
                  live ? json_get_text(live->view, "hash", "0") : "0");
    json_put_text(obj, "kvmEnable", kvm ? "true" : "false");
    put_int(v, obj, "elapsedTime", elapsed_s(live));
    json_put(obj, "displayInfo", displays_of(v, live));
    json_put(obj, "ioTune", vdsm_stats_limits(live));
}

json_t *
vdsm_stats_vm(const struct vdsm_stats *v, const struct vm_info *info,
              const struct sampled_vm *sampled)
{
    const struct sample *sample = sampled ? sampled->sample : NULL;
    const json_t *stats = sample ? sample->value : NULL;
    bool stale = sampled && sampled->stale;
    json_t *obj = vdsm_stats_status(info);

    if (!info->active)
        return obj;
    put_known(v, obj, info);
    json_object_update(obj, v->words);
    put_cpu(v, obj, stats, info->live);
    put_memory(v, obj, stats, info->live);
    json_put(obj, "disks", disks_of(v, info->live, stats));
    json_put(obj, "network",
             nics_of(v, info->live, stats,
                     sample ? (double)sample->taken_ms / 1000 : 0));
    put_int(v, obj, "monitorResponse", stale ? -1 : 0);
    json_put_bool(obj, "stale", stale);
    json_put(obj, "ageMs",
             sample ? json_integer(clock_mono_ms() - sample->taken_ms) : NULL);
    return obj;
}
