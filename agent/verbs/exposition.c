// SPDX-License-Identifier: Apache-2.0
/*
 * Prometheus wants all samples of a metric together: rows of a table are the
 * metrics, and for each of them all VMs are walked. VMs come from one copy of
 * what is known, so that they are the same in every metric.
 */
#include "agent/verbs/exposition.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/hook_env.h"
#include "agent/state/receipts.h"
#include "agent/verbs/vm_view.h"

#define OPEN_MAX 1000 /* operations that are counted */
#define NANO 1e-9
#define KIB 1024.0

struct guest {
    struct vm_info info;
    const struct sampled_vm *sampled; /* borrowed; NULL: not read */
};

struct host {
    struct env *env;
    struct buf *out;
    struct guest *guests;
    size_t nguests;
    struct sampled_vm *sampled;
    size_t nsampled;
};

/* --- lines --------------------------------------------------------------- */

static void
begin(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_label(struct buf *out, const char *before, const char *name,
          const char *value)
{
    buf_printf(out, "%s%s=\"", before, name);
    for (; *value; value++) {
        if (*value == '\n')
            buf_add_text(out, "\\n");
        else if (*value == '"' || *value == '\\')
            buf_printf(out, "\\%c", *value);
        else
            buf_add(out, value, 1);
    }
    buf_add_text(out, "\"");
}

/* labels: pairs of name and value, NULL-ended; a NULL value is left out. */
static void
put(struct buf *out, const char *name, const char *const *labels, double value)
{
    const char *before = "{";

    buf_add_text(out, name);
    for (; labels && labels[0]; labels += 2) {
        if (!labels[1])
            continue;
        put_label(out, before, labels[0], labels[1]);
        before = ",";
    }
    buf_printf(out, "%s %.16g\n", *before == ',' ? "}" : "", value);
}

static void
one(struct buf *out, const char *name, const char *type, const char *help,
    double value)
{
    begin(out, name, type, help);
    put(out, name, NULL, value);
}

/* --- domains ---------------------------------------------------------------
 */

static const struct row {
    const char *name, *type, *help;
    const char *group, *key; /* of the sample */
    double scale;
} rows[] = {
    {"libvirt_domain_info_maximum_memory_bytes", "gauge",
     "Memory that the domain may have.", "balloon", "maximum", KIB},
    {"libvirt_domain_info_memory_usage_bytes", "gauge",
     "Memory that the domain has.", "balloon", "current", KIB},
    {"libvirt_domain_info_cpu_time_seconds_total", "counter",
     "Processor time of the domain.", "cpu", "time", NANO},
};

/* The same of every element of an array: disks and interfaces. */
static const struct row device_rows[] = {
    {"libvirt_domain_block_stats_read_bytes_total", "counter", "Bytes read.",
     "block", "rd_bytes", 1},
    {"libvirt_domain_block_stats_read_requests_total", "counter",
     "Requests to read.", "block", "rd_reqs", 1},
    {"libvirt_domain_block_stats_read_seconds_total", "counter",
     "Time of reading.", "block", "rd_times", NANO},
    {"libvirt_domain_block_stats_write_bytes_total", "counter",
     "Bytes written.", "block", "wr_bytes", 1},
    {"libvirt_domain_block_stats_write_requests_total", "counter",
     "Requests to write.", "block", "wr_reqs", 1},
    {"libvirt_domain_block_stats_write_seconds_total", "counter",
     "Time of writing.", "block", "wr_times", NANO},
    {"libvirt_domain_block_stats_flush_requests_total", "counter",
     "Requests to flush.", "block", "fl_reqs", 1},
    {"libvirt_domain_block_stats_flush_seconds_total", "counter",
     "Time of flushing.", "block", "fl_times", NANO},
    {"libvirt_domain_block_stats_capacity_bytes", "gauge",
     "Size that the guest sees.", "block", "capacity", 1},
    {"libvirt_domain_block_stats_allocation_bytes", "gauge",
     "Bytes of the image that are in use.", "block", "allocation", 1},
    {"libvirt_domain_block_stats_physicalsize_bytes", "gauge",
     "Size of the image where it lies.", "block", "physical", 1},
    {"libvirt_domain_interface_stats_receive_bytes_total", "counter",
     "Bytes received.", "net", "rx_bytes", 1},
    {"libvirt_domain_interface_stats_receive_packets_total", "counter",
     "Packets received.", "net", "rx_pkts", 1},
    {"libvirt_domain_interface_stats_receive_errors_total", "counter",
     "Errors while receiving.", "net", "rx_errs", 1},
    {"libvirt_domain_interface_stats_receive_drops_total", "counter",
     "Packets dropped while receiving.", "net", "rx_drop", 1},
    {"libvirt_domain_interface_stats_transmit_bytes_total", "counter",
     "Bytes sent.", "net", "tx_bytes", 1},
    {"libvirt_domain_interface_stats_transmit_packets_total", "counter",
     "Packets sent.", "net", "tx_pkts", 1},
    {"libvirt_domain_interface_stats_transmit_errors_total", "counter",
     "Errors while sending.", "net", "tx_errs", 1},
    {"libvirt_domain_interface_stats_transmit_drops_total", "counter",
     "Packets dropped while sending.", "net", "tx_drop", 1},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const json_t *
sample_of(const struct guest *guest)
{
    return guest->sampled && guest->sampled->sample
               ? guest->sampled->sample->value
               : NULL;
}

static void
put_value(struct buf *out, const struct row *row, const char *const *labels,
          const json_t *group)
{
    const json_t *value = json_object_get(group, row->key);

    if (json_is_number(value))
        put(out, row->name, labels, json_number_value(value) * row->scale);
}

static void
put_row(const struct host *host, const struct row *row)
{
    begin(host->out, row->name, row->type, row->help);
    for (size_t i = 0; i < host->nguests; i++) {
        const struct guest *guest = &host->guests[i];
        const char *const labels[] = {"domain", guest->info.record.name, "uuid",
                                      guest->info.record.uuid, NULL};

        put_value(host->out, row, labels,
                  json_object_get(sample_of(guest), row->group));
    }
}

static void
put_devices(const struct host *host, const struct row *row,
            const struct guest *guest)
{
    const json_t *list = json_object_get(sample_of(guest), row->group);
    const json_t *element;
    size_t i;

    json_array_foreach ((json_t *)(uintptr_t)list, i, element) {
        const char *const labels[] = {"domain",
                                      guest->info.record.name,
                                      "uuid",
                                      guest->info.record.uuid,
                                      "target_device",
                                      json_get_text(element, "name", ""),
                                      "source_file",
                                      json_get_text(element, "path", NULL),
                                      NULL};

        put_value(host->out, row, labels, element);
    }
}

static void
put_domains(const struct host *host)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        put_row(host, &rows[i]);
    begin(host->out, "libvirt_domain_info_virtual_cpus", "gauge",
          "Virtual processors of the domain.");
    for (size_t i = 0; i < host->nguests; i++) {
        const struct guest *guest = &host->guests[i];
        const char *const labels[] = {"domain", guest->info.record.name, "uuid",
                                      guest->info.record.uuid, NULL};
        const json_t *list = json_object_get(sample_of(guest), "vcpu");

        if (list)
            put(host->out, "libvirt_domain_info_virtual_cpus", labels,
                (double)json_array_size(list));
    }
    for (size_t i = 0; i < COUNT(device_rows); i++) {
        begin(host->out, device_rows[i].name, device_rows[i].type,
              device_rows[i].help);
        for (size_t k = 0; k < host->nguests; k++)
            put_devices(host, &device_rows[i], &host->guests[k]);
    }
}

/* --- what is known of each VM ------------------------------------------------
 */

static const char *const states[] = {"running",       "blocked",  "paused",
                                     "shutting_down", "shut_off", "crashed",
                                     "pm_suspended",  "unknown"};

static double
state_of(const struct host *host, const struct guest *guest)
{
    (void)host;
    for (size_t i = 0; i < COUNT(states) - 1; i++)
        if (strcmp(states[i], guest->info.state) == 0)
            return (double)(i + 1); /* as virDomainState counts */
    return 0;
}

/* Below zero: there is none. */
static double
age_of(const struct host *host, const struct guest *guest)
{
    (void)host;
    if (!guest->sampled || !guest->sampled->sample)
        return -1;
    return (double)(clock_mono_ms() - guest->sampled->sample->taken_ms) / 1000;
}

static double
stale_of(const struct host *host, const struct guest *guest)
{
    (void)host;
    return guest->sampled ? guest->sampled->stale : -1;
}

static double
ports_of(const struct host *host, const struct guest *guest, bool free)
{
    CLEANUP_VM_VIEW struct vm_view view = {.ndisks = 0};
    struct vm_view_ports ports;

    if (!vm_view_load(host->env->vms, guest->info.record.uuid, &view) ||
        !view.now)
        return -1;
    ports = vm_view_ports(&view);
    return (double)(free ? ports.free : ports.total);
}

static double
all_ports_of(const struct host *host, const struct guest *guest)
{
    return ports_of(host, guest, false);
}

static double
free_ports_of(const struct host *host, const struct guest *guest)
{
    return ports_of(host, guest, true);
}

static const struct fact {
    const char *name, *help;
    double (*value)(const struct host *host, const struct guest *guest);
} facts[] = {
    {"libvirt_domain_info_vstate",
     "State, as virDomainState counts: 1 running, 3 paused, 5 shut off.",
     state_of},
    {"berth_domain_sample_age_seconds", "Age of the figures of the domain.",
     age_of},
    {"berth_domain_sample_stale",
     "Whether the domain did not answer when it was asked last.", stale_of},
    {"berth_domain_ports", "Places for PCI devices.", all_ports_of},
    {"berth_domain_ports_free", "Those that are free.", free_ports_of},
};

static void
put_known(const struct host *host)
{
    for (size_t i = 0; i < COUNT(facts); i++) {
        begin(host->out, facts[i].name, "gauge", facts[i].help);
        for (size_t k = 0; k < host->nguests; k++) {
            const struct guest *guest = &host->guests[k];
            const char *const labels[] = {"domain", guest->info.record.name,
                                          "uuid", guest->info.record.uuid,
                                          NULL};
            double value = facts[i].value(host, guest);

            if (value >= 0)
                put(host->out, facts[i].name, labels, value);
        }
    }
}

static void
put_counts(const struct host *host)
{
    begin(host->out, "berth_vms", "gauge", "VMs by their state.");
    for (size_t i = 0; i < COUNT(states); i++) {
        const char *const labels[] = {"state", states[i], NULL};
        size_t n = 0;

        for (size_t k = 0; k < host->nguests; k++)
            n += strcmp(host->guests[k].info.state, states[i]) == 0;
        put(host->out, "berth_vms", labels, (double)n);
    }
}

/* --- berthd itself
 * ------------------------------------------------------------- */

static size_t
in_state(const json_t *list, const char *state)
{
    const json_t *op;
    size_t i, n = 0;

    json_array_foreach ((json_t *)(uintptr_t)list, i, op)
        n += strcmp(json_get_text(op, "state", ""), state) == 0;
    return n;
}

/* What waits and runs is in memory, what waits for a guest in the record. */
static void
put_operations(const struct host *host)
{
    static const char *const open[] = {"planned", "running"};
    CLEANUP_JSON json_t *list = ops_list(host->env->ops);
    CLEANUP_JSON json_t *recorded = NULL;
    const char *labels[] = {"state", "pending", NULL};

    begin(host->out, "berth_operations", "gauge",
          "Operations that are not over, by their state.");
    for (size_t i = 0; i < COUNT(open); i++) {
        labels[1] = open[i];
        put(host->out, "berth_operations", labels,
            (double)in_state(list, open[i]));
    }
    labels[1] = "pending";
    if (receipts_list(host->env->store, NULL, "open", OPEN_MAX, &recorded,
                      NULL) == 0)
        put(host->out, "berth_operations", labels,
            (double)in_state(recorded, "pending"));
}

static void
put_lanes(const struct host *host)
{
    size_t n, queued = 0, blocked = 0, stuck = 0, running = 0;
    CLEANUP_FREE struct lane_info *lanes = pool_lanes(host->env->pool, &n);

    for (size_t i = 0; i < n; i++) {
        queued += lanes[i].queued;
        running += lanes[i].label != NULL;
        blocked += lanes[i].blocked;
        stuck += lanes[i].stuck;
    }
    one(host->out, "berth_lanes_running", "gauge", "Lanes with a job at work.",
        (double)running);
    one(host->out, "berth_lanes_blocked", "gauge",
        "Lanes whose worker is written off.", (double)blocked);
    one(host->out, "berth_lanes_stuck", "gauge",
        "Lanes whose job has run for [ops] stuck_ms.", (double)stuck);
    one(host->out, "berth_jobs_queued", "gauge", "Jobs that wait for a turn.",
        (double)queued);
}

static void
put_hooks(const struct host *host)
{
    static const struct row counters[] = {
        {"berth_hook_runs_total", NULL, "Runs of a hook script.", NULL, "runs",
         1},
        {"berth_hook_failures_total", NULL, "Those that failed.", NULL,
         "failures", 1},
        {"berth_hook_seconds_total", NULL, "Time that it has taken.", NULL,
         "total_us", 1e-6},
    };
    CLEANUP_JSON json_t *scripts = hook_env_counts(host->env);
    const json_t *script;
    size_t i;

    for (size_t k = 0; k < COUNT(counters); k++) {
        begin(host->out, counters[k].name, "counter", counters[k].help);
        json_array_foreach (scripts, i, script) {
            const char *const labels[] = {
                "point",  json_get_text(script, "point", ""),
                "script", json_get_text(script, "path", ""),
                NULL};

            put_value(host->out, &counters[k], labels, script);
        }
    }
}

static void
put_certificate(const struct host *host)
{
    struct env *env = host->env;
    CLEANUP_JSON json_t *info = env->tls_info ? env->tls_info(env->ctx) : NULL;
    const json_t *days = json_object_get(info, "days_left");

    if (days)
        one(host->out, "berth_certificate_days_left", "gauge",
            "Days until the first of the certificates ends.",
            json_number_value(days));
    one(host->out, "berth_tls_up", "gauge",
        "Whether there are certificates that can be used.", days != NULL);
}

static void
put_self(const struct host *host)
{
    struct env *env = host->env;
    const char *const version[] = {"version", env->version, NULL};
    int64_t commits, batches;
    struct log_health log;

    begin(host->out, "berth_build_info", "gauge", "The version of berthd.");
    put(host->out, "berth_build_info", version, 1);
    one(host->out, "berth_start_time_seconds", "gauge",
        "When berthd was started, since the epoch.",
        (double)env->started_ms / 1000);
    one(host->out, "libvirt_up", "gauge", "Whether libvirt is connected.",
        hyper_connected(env->hyper));
    store_counts(env->store, &commits, &batches);
    one(host->out, "berth_database_healthy", "gauge",
        "Whether the record can be written.",
        store_healthy(env->store, NULL, 0));
    one(host->out, "berth_database_commits_total", "counter",
        "Commits that were asked for.", (double)commits);
    one(host->out, "berth_database_batches_total", "counter",
        "Commits that reached the disk, each of one or more.", (double)batches);
    log_health(&log);
    one(host->out, "berth_log_lost_lines_total", "counter",
        "Lines that the log did not take.", (double)log.lost);
}

/* --- all of it
 * ------------------------------------------------------------------ */

static void
load(struct host *host)
{
    struct vm_info *infos = vm_table_all(host->env->vms, &host->nguests);

    host->sampled = sampled_vms(host->env->sampled, &host->nsampled);
    host->guests = mem_zalloc(host->nguests + 1, sizeof(*host->guests));
    for (size_t i = 0; i < host->nguests; i++) {
        host->guests[i].info = infos[i];
        host->guests[i].sampled =
            sampled_find(host->sampled, host->nsampled, infos[i].record.uuid);
    }
    free(infos);
}

static void
unload(struct host *host)
{
    for (size_t i = 0; i < host->nguests; i++)
        vm_info_clear(&host->guests[i].info);
    free(host->guests);
    sampled_vms_free(host->sampled, host->nsampled);
}

void
exposition_write(struct env *env, struct buf *out)
{
    struct host host = {.env = env, .out = out};

    load(&host);
    put_self(&host);
    put_certificate(&host);
    put_operations(&host);
    put_lanes(&host);
    put_hooks(&host);
    put_counts(&host);
    put_known(&host);
    put_domains(&host);
    unload(&host);
}
