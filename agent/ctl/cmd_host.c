// SPDX-License-Identifier: Apache-2.0
/*
 * Commands for the host and its berthd, and the one page of `host status`:
 * a line per thing that an administrator looks at first.
 */
#include "agent/ctl/cmd_host.h"

#include <inttypes.h>
#include <string.h>

#include "agent/ctl/client.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/print.h"
#include "agent/ctl/term.h"
#include "agent/ctl/value.h"

#define STATUS_WAIT_MS 30000

static const struct arg level_args[] = {
    {"LEVEL", ARG_WORD, "level", "error|warning|info|debug", true,
     "What is logged from now on, until a reload or restart"},
};

static const struct arg add_args[] = {
    {"NAME", ARG_TEXT, "name", NULL, true, "What it is called from now on"},
    {"--uri", ARG_TEXT, "uri", "URI", true,
     "esx://HOST/, gsx://HOST/ or vpx://VCENTER/DATACENTER/[CLUSTER/]HOST"},
    {"--credentials", ARG_PATH, "credentials", NULL, true,
     "file with user= and password=, readable by root alone"},
    {"--ca-file", ARG_PATH, "ca_file", NULL, false,
     "CA of its certificate (PEM)"},
    {"--fingerprint", ARG_TEXT, "fingerprint", "SHA256", false,
     "fingerprint of its certificate"},
};

static const struct arg test_args[] = {
    {"NAME", ARG_TEXT, "name", NULL, true, "The hypervisor (host ls)"},
};

/* --- status --------------------------------------------------------------- */

static void
status_berthd(const json_t *b, struct buf *out)
{
    print_plain(json_object_get(b, "version"), out);
    buf_add_text(out, ", up ");
    print_ms(json_object_get(b, "uptime_ms"), out);
}

static void
status_libvirt(const json_t *b, struct buf *out)
{
    const json_t *libvirt = json_object_get(b, "libvirt");

    print_plain(json_object_get(libvirt, "version"), out);
    buf_add_text(out, ", ");
    print_plain(json_object_get(libvirt, "uri"), out);
    if (json_get_bool(libvirt, "connected", 0)) {
        buf_add_text(out, ", connected");
        return;
    }
    buf_printf(out, ", NOT CONNECTED since %s: %s; next try in ",
               json_get_text(libvirt, "since", "?"),
               json_get_text(libvirt, "last_error", "?"));
    print_ms(json_object_get(libvirt, "next_try_ms"), out);
}

static void
status_qemu(const json_t *b, struct buf *out)
{
    print_plain(value_pick(b, "qemu.version"), out);
}

/* "5, 3 running": two counts of one member. */
static void
counts(const json_t *b, const char *key, const char *all, const char *some,
       struct buf *out)
{
    const json_t *obj = json_object_get(b, key);

    buf_printf(out, "%lld, %lld %s", (long long)json_get_int(obj, all, 0),
               (long long)json_get_int(obj, some, 0), some);
}

static void
status_vms(const json_t *b, struct buf *out)
{
    counts(b, "vms", "total", "running", out);
}

static void
status_disks(const json_t *b, struct buf *out)
{
    counts(b, "disks", "total", "plugged", out);
}

static void
status_operations(const json_t *b, struct buf *out)
{
    const json_t *ops = json_object_get(b, "operations");

    if (!json_is_object(ops)) {
        buf_add_text(out, "UNKNOWN: the record cannot be read");
        return;
    }
    buf_printf(out, "%lld open, %lld pending",
               (long long)json_get_int(ops, "open", 0),
               (long long)json_get_int(ops, "pending", 0));
}

static void
status_lanes(const json_t *b, struct buf *out)
{
    const json_t *lanes = json_object_get(b, "stuck_lanes"), *lane;
    size_t i;

    if (!json_array_size(lanes))
        buf_add_text(out, "none is stuck");
    json_array_foreach(lanes, i, lane)
    {
        buf_add_text(out, i ? "; " : "STUCK: ");
        if (!json_is_object(lane)) {
            print_plain(lane, out);
            continue;
        }
        buf_printf(
            out, "%s, %s of %s for ",
            json_get_text(lane, "vm_name", json_get_text(lane, "lane", "?")),
            json_get_text(lane, "label", "?"),
            json_get_text(lane, "peer", "berthd"));
        print_ms(json_object_get(lane, "running_ms"), out);
    }
}

static void
status_ports(const json_t *b, struct buf *out)
{
    const json_t *vm = json_object_get(b, "tightest_vm");

    if (!json_is_object(vm))
        return;
    buf_printf(out, "%s has the fewest free: %lld of %lld",
               json_get_text(vm, "name", "?"),
               (long long)json_get_int(vm, "free_ports", 0),
               (long long)json_get_int(vm, "total_ports", 0));
}

static void
status_certificate(const json_t *b, struct buf *out)
{
    const json_t *cert = json_object_get(b, "certificate");
    int64_t days = json_get_int(cert, "days_left", 0);

    if (!json_is_object(cert))
        buf_add_text(out, "none: no TLS listener");
    else if (json_object_get(cert, "error"))
        buf_printf(out, "DAMAGED, no TLS listener: %s",
                   json_get_text(cert, "error", "?"));
    else if (days < 0)
        buf_printf(out, "EXPIRED on %s", json_get_text(cert, "not_after", "?"));
    else
        buf_printf(out, "%" PRId64 " days left, until %s", days,
                   json_get_text(cert, "not_after", "?"));
}

static void
status_database(const json_t *b, struct buf *out)
{
    const json_t *database = json_object_get(b, "database");

    if (json_get_bool(database, "healthy", 0))
        buf_add_text(out, "healthy");
    else
        buf_printf(out, "READ ONLY: %s", json_get_text(database, "why", "?"));
}

static void
status_log(const json_t *b, struct buf *out)
{
    const json_t *log = json_object_get(b, "log");
    int64_t lost = json_get_int(log, "lost_lines", 0);

    if (json_get_bool(log, "healthy", 1))
        buf_add_text(out, "written");
    else
        buf_printf(out, "NOT WRITTEN: %s", json_get_text(log, "why", "?"));
    if (lost)
        buf_printf(out, ", %" PRId64 " lines lost", lost);
}

static const struct {
    const char *title;
    void (*write)(const json_t *berth, struct buf *out);
} status_lines[] = {
    {"berthd", status_berthd},
    {"libvirt", status_libvirt},
    {"QEMU", status_qemu},
    {"VMs", status_vms},
    {"disks", status_disks},
    {"operations", status_operations},
    {"lanes", status_lanes},
    {"root ports", status_ports},
    {"certificate", status_certificate},
    {"database", status_database},
    {"log", status_log},
};

static void
print_status(const struct ctl *ctl, const json_t *stats)
{
    const json_t *b = json_object_get(stats, "berth");

    for (size_t i = 0; i < sizeof(status_lines) / sizeof(*status_lines); i++) {
        CLEANUP_BUF struct buf line = BUF_INIT;

        status_lines[i].write(b, &line);
        fprintf(ctl->out, "%-12s ", status_lines[i].title);
        term_print(ctl->out, line.len ? line.data : "-", false);
        fputc('\n', ctl->out);
    }
}

static int
run_status(const struct ctl *ctl, const struct command *command,
           struct client *client, const json_t *params)
{
    static const char *const verbs[] = {"GetCapabilities", "GetHostStats"};
    CLEANUP_JSON json_t *all = json_object();

    (void)command;
    for (size_t i = 0; i < 2; i++) {
        CLEANUP_JSON json_t *refusal = NULL;
        struct err err = ERR_INIT;
        json_t *result = client_call(client, verbs[i], params, STATUS_WAIT_MS,
                                     &refusal, &err);

        if (!result)
            return (int)fail_print(ctl->err, verbs[i], &err, refusal);
        json_put(all, i ? "stats" : "capabilities", result);
    }
    if (ctl->output == CTL_TABLE)
        print_status(ctl, json_object_get(all, "stats"));
    else
        print_json(ctl->out, all);
    return CTL_OK;
}

/* --- rows ----------------------------------------------------------------- */

static void
print_hypervisors(const struct ctl *ctl, const struct command *command,
                  const json_t *result)
{
    static const struct print_column columns[] = {
        {"NAME", "name", NULL},
        {"URI", "uri", NULL},
        {"CONNECTED", "connected", NULL},
        {"PRODUCT", "product", NULL},
        {"LAST ERROR", "last_error", NULL},
    };

    print_list(ctl->out, json_object_get(result, command->list), columns,
               sizeof(columns) / sizeof(*columns));
}

static void
print_settings(const struct ctl *ctl, const struct command *command,
               const json_t *result)
{
    static const struct print_column columns[] = {
        {"SECTION", "section", NULL},
        {"KEY", "key", NULL},
        {"VALUE", "value", NULL},
        {"FROM", "origin", NULL},
    };

    print_list(ctl->out, json_object_get(result, command->list), columns,
               sizeof(columns) / sizeof(*columns));
}

#define ROW(word, wire_verb, text) \
    .noun = "host", .verb = word, .wire = wire_verb, .doc = text

const struct command cmd_host_rows[] = {
    {ROW("status", "GetHostStats", "One page: is everything well?"),
     .run = run_status},
    {ROW("capabilities", "GetCapabilities",
         "What this host and its hypervisor can do")},
    {ROW("stats", "GetHostStats", "CPU, memory and load figures")},
    {ROW("add", "AddHypervisor", "Serve a VMware host from now on"),
     COMMAND_ARGS(add_args)},
    {ROW("test", "TestHypervisor", "Try it: what it is, what is missing"),
     COMMAND_ARGS(test_args)},
    {ROW("ls", "ListHypervisors", "The hypervisors served"),
     .list = "hypervisors", .name = "name", .print = print_hypervisors},
    {ROW("ping", "Ping", "Whether berthd answers")},
    {ROW("config", "GetConfig", "Settings in force (unix socket only)"),
     .list = "settings", .name = "key", .print = print_settings},
    {ROW("reload", "ReloadConfig",
         "Read the settings again (unix socket only)")},
    {ROW("log-level", "SetLogLevel",
         "Change what is logged "
         "(unix socket only)"),
     COMMAND_ARGS(level_args)},
};
const size_t cmd_host_nrows = sizeof(cmd_host_rows) / sizeof(*cmd_host_rows);
