// SPDX-License-Identifier: Apache-2.0
/*
 * Questions about berthd and its host. What libvirt must be asked for is
 * left null while it cannot be reached: these answers are wanted most when
 * something is wrong.
 */
#include "agent/verbs/host.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/host/host.h"
#include "agent/state/receipts.h"
#include "agent/verbs/hypervisor.h"
#include "agent/verbs/lane_view.h"
#include "agent/verbs/vm_view.h"

#define OPEN_MAX 1000 /* open operations that are counted */

static const struct cap {
    enum hyper_cap bit;
    const char *name;
} caps[] = {
    {HYPER_HOTPLUG, "hotplug"},
    {HYPER_POOLS, "pools"},
    {HYPER_SECRETS, "secrets"},
    {HYPER_QEMU_PID, "qemu_pid"},
};

static json_t *
capabilities(const struct hyper *hyper)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
        if (hyper_can(hyper, caps[i].bit))
            json_array_append_new(list, json_string(caps[i].name));
    return list;
}

static json_t *
ping(struct verb_call *call, struct err *err)
{
    json_t *result = json_object();
    char now[CLOCK_STAMP];

    (void)err;
    clock_stamp(clock_wall_ms(), now);
    json_put_text(result, "version", call->env->version);
    json_put_text(result, "time", now);
    return result;
}

/* connected, since when, and while it is not: why, and when it is tried. */
static void
put_link(json_t *obj, struct hyper *hyper)
{
    struct hyper_link link;
    char since[CLOCK_STAMP];

    hyper_link(hyper, &link);
    clock_stamp(link.since_ms, since);
    json_put_bool(obj, "connected", link.connected);
    json_put_text(obj, "since", since);
    json_put_text(obj, "last_error", link.connected ? NULL : link.error);
    json_put(obj, "next_try_ms",
             link.connected ? NULL : json_integer(link.next_try_ms));
}

static json_t *
list_hypervisors(struct verb_call *call, struct err *err)
{
    struct hyper *hyper = call->env->hyper;
    json_t *result = json_object(), *list = json_array();
    json_t *local = json_object();

    (void)err;
    json_put_text(local, "name", hyper_name(hyper));
    json_put_text(local, "uri", hyper_uri(hyper));
    put_link(local, hyper);
    json_put(local, "capabilities", capabilities(hyper));
    json_array_append_new(list, local);
    hypervisor_list_remote(call->env, list);
    json_put(result, "hypervisors", list);
    return result;
}

/* What libvirt accepts of a LUN's SCSI generic I/O. */
static json_t *
scsi_answers(struct env *env)
{
    json_t *obj = json_object();

    for (int i = 0; i < GRANT_FEATURES; i++)
        json_put_text(obj, grant_feature_name((enum grant_feature)i),
                      grant_answer_name(
                          (enum grant_answer)atomic_load(&env->accepts[i])));
    return obj;
}

static json_t *
get_capabilities(struct verb_call *call, struct err *err)
{
    struct env *env = call->env;
    json_t *result = json_object();

    (void)err;
    json_put_text(result, "version", env->version);
    json_put_int(result, "verbs", (json_int_t)env->nverbs);
    json_put_text(result, "virt", env->virt);
    json_put(result, "capabilities", capabilities(env->hyper));
    json_put(result, "scsi", scsi_answers(env));
    json_put(result, "host", host_facts());
    json_put_bool(result, "connected", hyper_connected(env->hyper));
    json_put(result, "hypervisor", hyper_info(env->hyper, NULL));
    return result;
}

/* --- GetHostStats ---------------------------------------------------------- */

/* Member key of member part of info, or null. */
static json_t *
told(const json_t *info, const char *part, const char *key)
{
    return json_incref(json_object_get(json_object_get(info, part), key));
}

static void
put_software(json_t *obj, struct hyper *hyper)
{
    CLEANUP_JSON json_t *info = hyper_info(hyper, NULL);
    json_t *libvirt = json_object(), *qemu = json_object();

    json_put(libvirt, "version", told(info, "libvirt", "version"));
    json_put_text(libvirt, "uri", hyper_uri(hyper));
    put_link(libvirt, hyper);
    json_put(qemu, "version", told(info, "hypervisor", "version"));
    json_put(obj, "libvirt", libvirt);
    json_put(obj, "qemu", qemu);
}

struct totals {
    size_t vms, running, disks, plugged;
    json_t *tightest; /* {name, free_ports, total_ports}; owned */
};

static void
note_ports(const struct vm_view *view, struct totals *totals)
{
    struct vm_view_ports ports = vm_view_ports(view);
    json_int_t least = json_get_int(totals->tightest, "free_ports", -1);

    if (!ports.total || (least >= 0 && (json_int_t)ports.free >= least))
        return;
    json_decref(totals->tightest);
    totals->tightest = json_object();
    json_put_text(totals->tightest, "name", view->info.record.name);
    json_put_int(totals->tightest, "free_ports", (json_int_t)ports.free);
    json_put_int(totals->tightest, "total_ports", (json_int_t)ports.total);
}

static void
count_vm(const struct vm_view *view, void *arg)
{
    struct totals *totals = arg;

    totals->vms++;
    totals->running += view->info.active;
    totals->disks += view->ndisks;
    for (size_t i = 0; i < view->ndisks; i++)
        totals->plugged += view->disks[i]->state != DISK_UNPLUGGED;
    note_ports(view, totals);
}

static json_t *
two_counts(const char *a, size_t n, const char *b, size_t m)
{
    json_t *obj = json_object();

    json_put_int(obj, a, (json_int_t)n);
    json_put_int(obj, b, (json_int_t)m);
    return obj;
}

static void
put_totals(json_t *obj, struct vm_table *vms)
{
    struct totals totals = {0};

    vm_view_each(vms, count_vm, &totals);
    json_put(obj, "vms",
             two_counts("total", totals.vms, "running", totals.running));
    json_put(obj, "disks",
             two_counts("total", totals.disks, "plugged", totals.plugged));
    json_put(obj, "tightest_vm", totals.tightest);
}

/* Null while the record cannot be read: "none" would be a guess. */
static void
put_operations(json_t *obj, struct store *store)
{
    CLEANUP_JSON json_t *open = NULL;
    json_t *op;
    size_t i, pending = 0;

    json_put(obj, "operations", NULL);
    if (receipts_list(store, NULL, "open", OPEN_MAX, &open, NULL) < 0)
        return;
    json_array_foreach(open, i, op)
        pending += strcmp(json_get_text(op, "state", ""), "pending") == 0;
    json_put(obj, "operations",
             two_counts("open", json_array_size(open), "pending", pending));
}

/* Lanes whose worker was written off or is stuck, with the name of the VM
 * whose lane it is. */
static json_t *
stuck_lanes(struct env *env)
{
    size_t n;
    CLEANUP_FREE struct lane_info *lanes = pool_lanes(env->pool, &n);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        CLEANUP_VM_INFO struct vm_info info = {0};
        json_t *lane;

        if (!lanes[i].blocked && !lanes[i].stuck)
            continue;
        lane = lane_view_json(&lanes[i]);
        json_put_text(lane, "vm_name",
                      vm_table_get(env->vms, lanes[i].name, &info)
                          ? info.record.name
                          : NULL);
        json_array_append_new(list, lane);
    }
    return list;
}

static json_t *
database(struct store *store)
{
    json_t *obj = json_object();
    char why[512];
    int64_t commits, batches;

    json_put_bool(obj, "healthy", store_healthy(store, why, sizeof(why)));
    json_put_text(obj, "why", *why ? why : NULL);
    store_counts(store, &commits, &batches);
    json_put_int(obj, "commits", commits);
    json_put_int(obj, "batches", batches);
    return obj;
}

static json_t *
log_target(void)
{
    json_t *obj = json_object();
    struct log_health health;

    log_health(&health);
    json_put_bool(obj, "healthy", !health.closed && !health.error);
    json_put_text(obj, "why",
                  health.closed  ? "stderr was closed at the start"
                  : health.error ? strerror(health.error)
                                 : NULL);
    json_put_int(obj, "lost_lines", health.lost);
    return obj;
}

static json_t *
berth_stats(struct env *env)
{
    json_t *obj = json_object();

    json_put_text(obj, "version", env->version);
    json_put_int(obj, "uptime_ms", clock_wall_ms() - env->started_ms);
    put_software(obj, env->hyper);
    put_totals(obj, env->vms);
    put_operations(obj, env->store);
    json_put(obj, "stuck_lanes", stuck_lanes(env));
    json_put(obj, "certificate",
             env->tls_info ? env->tls_info(env->ctx) : NULL);
    json_put(obj, "database", database(env->store));
    json_put(obj, "log", log_target());
    return obj;
}

static json_t *
get_host_stats(struct verb_call *call, struct err *err)
{
    json_t *result = host_stats();

    (void)err;
    json_put(result, "berth", berth_stats(call->env));
    return result;
}

/* --- rows ------------------------------------------------------------------ */

const struct verb host_verbs[] = {
    {.name = "Ping",
     .group = "host",
     .action_group = VERB_FOR_ALL,
     .lane = VERB_INLINE,
     .doc = "Answers at once with berthd's version and the host's time.",
     .run = ping},
    {.name = "GetCapabilities",
     .group = "host",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .doc = "Tells what this host has and can do: processors, memory, libvirt "
            "and QEMU, and whether guests run with KVM.",
     .run = get_capabilities},
    {.name = "GetHostStats",
     .group = "host",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .doc = "Reads the host's load and memory and berthd's own state: VMs, "
            "disks, open operations, stuck lanes, the tightest VM, the "
            "certificate's last day, the database, the log.",
     .run = get_host_stats},
    {.name = "ListHypervisors",
     .group = "host",
     .action_group = "HOST_READ",
     .lane = VERB_INLINE,
     .doc = "Lists the hypervisors that berthd works with, whether each is "
            "connected, and what it can do.",
     .run = list_hypervisors},
};
const size_t host_nverbs = sizeof(host_verbs) / sizeof(host_verbs[0]);
