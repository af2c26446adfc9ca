// SPDX-License-Identifier: Apache-2.0
/*
 * `doctor`: what is wrong on this host, asked of its berthd, or, when that
 * does not answer, of a berthd that is run for it and looks from outside.
 */
#include "agent/ctl/cmd_doctor.h"

#include <inttypes.h>
#include <string.h>

#include "agent/ctl/berthd.h"
#include "agent/ctl/client.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/print.h"
#include "agent/ctl/term.h"

#define LIVE_WAIT_MS 40000

static const struct arg doctor_args[] = {
    {"--config", ARG_PATH, "config", "FILE", false,
     "Settings of a berthd that does not run, not those of /etc/berth"},
};

static void
print_finding(FILE *to, const json_t *finding)
{
    static const char *const marks[][2] = {
        {"ok", "ok"}, {"warning", "WARNING"}, {"error", "ERROR"}};
    const char *level = json_get_text(finding, "level", "?");
    const char *fix = json_get_text(finding, "fix", NULL);

    for (size_t i = 0; i < 3; i++)
        if (strcmp(level, marks[i][0]) == 0)
            level = marks[i][1];
    fprintf(to, "%-8s %-12s ", level, json_get_text(finding, "check", "?"));
    term_print(to, json_get_text(finding, "what", "?"), false);
    if (fix) {
        fprintf(to, "\n%21s fix: ", "");
        term_print(to, fix, false);
    }
    fputc('\n', to);
}

static int
print_report(const struct ctl *ctl, const json_t *report)
{
    const json_t *list = json_object_get(report, "findings"), *finding;
    json_int_t errors = json_get_int(report, "errors", 0);
    size_t i;

    if (ctl->output == CTL_JSON)
        print_json(ctl->out, report);
    json_array_foreach(list, i, finding)
    {
        if (ctl->output == CTL_TABLE)
            print_finding(ctl->out, finding);
        else if (ctl->output == CTL_NAME &&
                 json_is_string(json_object_get(finding, "fix")))
            fprintf(ctl->out, "%s\n", json_get_text(finding, "check", "?"));
    }
    if (ctl->output == CTL_TABLE)
        fprintf(ctl->out, "%" JSON_INTEGER_FORMAT " errors, %" JSON_INTEGER_FORMAT
                          " warnings\n",
                errors, json_get_int(report, "warnings", 0));
    return errors ? CTL_FAILED : CTL_OK;
}

/* --- from outside ----------------------------------------------------------- */

/* why: berthd could not be asked. */
static int
run_outside(const struct ctl *ctl, const json_t *params, const struct err *why)
{
    const char *config = json_get_text(params, "config", NULL);
    const char *const args[] = {"--doctor", "--output", "json",
                                config ? "--config" : NULL, config, NULL};
    CLEANUP_JSON json_t *report = NULL;
    struct err err = ERR_INIT;

    if (ctl->connect)
        return (int)fail_print(ctl->err, NULL, why, NULL);
    fputs("berthctl: berthd does not answer, so this is looked at from "
          "outside: ",
          ctl->err);
    term_print(ctl->err, why->message, false);
    fputc('\n', ctl->err);
    report = berthd_report(args, &err);
    if (!report)
        return (int)fail_print(ctl->err, "doctor", &err, NULL);
    return print_report(ctl, report);
}

static int
run_doctor(const struct ctl *ctl, const struct command *command,
           struct client *client, const json_t *params)
{
    CLEANUP_JSON json_t *refusal = NULL;
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *report = client_call(client, command->wire, NULL,
                                              LIVE_WAIT_MS, &refusal, &err);

    if (report)
        return print_report(ctl, report);
    if (refusal)
        return (int)fail_print(ctl->err, command->wire, &err, refusal);
    return run_outside(ctl, params, &err);
}

const struct command cmd_doctor_rows[] = {
    {.noun = "doctor",
     .wire = "Doctor",
     .doc = "What is wrong on this host, and what helps",
     COMMAND_ARGS(doctor_args),
     .run = run_doctor,
     .outside = run_outside},
};
const size_t cmd_doctor_nrows =
    sizeof(cmd_doctor_rows) / sizeof(*cmd_doctor_rows);
