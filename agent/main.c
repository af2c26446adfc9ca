// SPDX-License-Identifier: Apache-2.0
/*
 * berthd's main: the command line, the libraries' one-time starts, and what
 * was asked for: to run, or to print something and end. Exit status: 0, 1 for
 * a failure, 2 for a wrong command line.
 */
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/common/xml.h"
#include "agent/front/server.h"
#include "agent/host/host.h"
#include "agent/hyper/vim_http.h"
#include "agent/hyper/virt_esx.h"
#include "agent/plan/crash.h"
#include "agent/verbs/audit_view.h"
#include "agent/verbs/doctor.h"
#include "agent/verbs/table.h"
#include "hooks/points.h"

/* What a mode works with; conf is NULL where it needs none. */
struct start {
    struct settings settings;
    struct conf *conf;
};

static void
tell(const char *state)
{
    sd_notify(0, state);
}

static int
run(struct start *start)
{
    enum agent_end end =
        agent_run(&start->settings, start->conf,
                  start->settings.options->crash_at, tell);

    if (end == AGENT_STUCK || end == AGENT_LEFT)
        _exit(end == AGENT_STUCK);
    return end == AGENT_STOPPED ? 0 : 1;
}

static int
check_conf(struct start *start)
{
    (void)start;
    puts("The settings are good.");
    return 0;
}

static int
dump_conf(struct start *start)
{
    conf_dump(start->conf, stdout);
    return 0;
}

static int
dump_sample_conf(struct start *start)
{
    (void)start;
    conf_sample(stdout);
    return 0;
}

static int
dump_verbs(struct start *start)
{
    CLEANUP_JSON json_t *verbs = table_json();
    CLEANUP_TEXT char *text = json_pretty(verbs);

    (void)start;
    puts(text);
    return 0;
}

static int
dump_crash_points(struct start *start)
{
    char name[128];

    (void)start;
    for (size_t i = 0; crash_name(i, name, sizeof(name)); i++)
        puts(name);
    return 0;
}

static int
dump_hook_points(struct start *start)
{
    CLEANUP_JSON json_t *points = points_json();
    CLEANUP_TEXT char *text = json_pretty(points);

    (void)start;
    puts(text);
    return 0;
}

/* From outside; a berthd that runs is asked by the verb. */
static int
doctor(struct start *start)
{
    struct err err = ERR_INIT;
    const struct conf *conf = settings_load(&start->settings, &err);
    const struct doctor_case about = {.conf = conf,
                                      .conf_why = err.message,
                                      .rules = settings_rules(
                                          &start->settings, conf),
                                      .kvm = host_kvm_works(),
                                      .tls_examine = server_tls_examine};
    CLEANUP_JSON json_t *report = NULL;
    CLEANUP_TEXT char *text = NULL;

    log_set_level(LOG_ERROR); /* what is found is printed */
    report = doctor_report(&about);
    if (start->settings.options->json) {
        text = json_pretty(report);
        puts(text);
    } else {
        doctor_print(report, stdout);
    }
    return json_get_bool(report, "healthy", 0) ? 0 : 1;
}

/* The record as it lies there, whether a berthd uses it or not. */
static int
verify_audit(struct start *start)
{
    const char *dir = conf_text(start->conf, CONF_STATE_DIR);
    const char *text = start->settings.options->noted;
    struct audit_head noted;
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *report = NULL;
    struct store *store;

    log_set_level(LOG_ERROR); /* what is found is printed */
    if (text && audit_head_parse(text, &noted, &err) < 0) {
        log_error("--noted: %s", err.message);
        return 2;
    }
    store = store_peek(dir, &err);
    if (store)
        report = audit_verify(store, dir, text ? &noted : NULL, &err);
    store_close(store);
    if (!report) {
        log_error("The audit cannot be verified: %s", err.message);
        return 1;
    }
    audit_view_print(report, start->settings.options->json, stdout);
    return json_get_bool(report, "whole", 0) ? 0 : 1;
}

static int
hypervisor_child(struct start *start)
{
    (void)start;
    return virt_esx_serve();
}

static int
version(struct start *start)
{
    (void)start;
    puts("berthd " BERTH_VERSION);
    return 0;
}

static int
help(struct start *start)
{
    (void)start;
    options_help(stdout);
    return 0;
}

static const struct mode {
    bool needs_conf;
    int (*run)(struct start *start);
} modes[OPTIONS_MODES] = {
    [OPTIONS_RUN] = {true, run},
    [OPTIONS_CHECK_CONF] = {true, check_conf},
    [OPTIONS_DUMP_CONF] = {true, dump_conf},
    [OPTIONS_DUMP_SAMPLE_CONF] = {false, dump_sample_conf},
    [OPTIONS_DUMP_VERBS] = {false, dump_verbs},
    [OPTIONS_DUMP_CRASH_POINTS] = {false, dump_crash_points},
    [OPTIONS_DUMP_HOOK_POINTS] = {false, dump_hook_points},
    [OPTIONS_DOCTOR] = {false, doctor},
    [OPTIONS_VERIFY_AUDIT] = {true, verify_audit},
    [OPTIONS_HYPERVISOR_CHILD] = {false, hypervisor_child},
    [OPTIONS_VERSION] = {false, version},
    [OPTIONS_HELP] = {false, help},
};

static int
run_mode(const struct options *options)
{
    const struct mode *mode = &modes[options->mode];
    struct start start = {.settings = {.options = options}};
    struct err err = ERR_INIT;
    int rc = 1;

    if (mode->needs_conf)
        start.conf = settings_load(&start.settings, &err);
    if (mode->needs_conf && !start.conf)
        log_error("The settings cannot be used: %s", err.message);
    else
        rc = mode->run(&start);
    settings_free(&start.settings);
    return rc;
}

int
main(int argc, char **argv)
{
    struct options options;
    struct err err = ERR_INIT;
    int rc = 2;

    log_guard();
    log_init();
    mem_init();
    json_init();
    xml_init();
    vim_http_init(); /* before threads, and before libvirt does it */
    if (options_parse(argc, argv, &options, &err) < 0)
        fprintf(stderr, "berthd: %s\nTry berthd --help.\n", err.message);
    else
        rc = run_mode(&options);
    options_clear(&options);
    vim_http_cleanup();
    xml_cleanup();
    /* What was asked for may not have been written. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && rc == 0)
        rc = 1;
    return rc;
}
