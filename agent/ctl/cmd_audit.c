// SPDX-License-Identifier: Apache-2.0
/*
 * `audit ls` and `audit verify`. Whether the chain is whole is asked of this
 * host's berthd, or, when that does not answer, of a berthd that is run to
 * look at the record as it lies there.
 */
#include "agent/ctl/cmd_audit.h"

#include "agent/ctl/berthd.h"
#include "agent/ctl/client.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/print.h"
#include "agent/ctl/term.h"

#define WAIT_MS 60000

static const struct arg ls_args[] = {
    {"--since", ARG_INT, "since", "SEQ", false, "Rows after this number"},
    {"--limit", ARG_INT, "limit", NULL, false, "At most so many"},
    {"--what", ARG_WORD, "what", "grant|release|denial|policy|fault", false,
     "Only rows of this kind"},
    {"--peer", ARG_TEXT, "peer", "PEER", false,
     "Only what this peer asked for, such as cn:engine-1"},
    {"--vm", ARG_VM, "vm", NULL, false, "Only rows about this VM"},
    {"--disk", ARG_TEXT, "disk", "UUID", false,
     "Only rows about the disk with this id"},
};

static const struct arg verify_args[] = {
    {"--noted", ARG_TEXT, "noted", "ROWS:HASH", false,
     "An earlier end of the audit (the log has it after \"AUDIT head=\") that "
     "must still be there"},
    {"--config", ARG_PATH, "config", "FILE", false,
     "Settings of a berthd that does not run, not those of /etc/berth"},
};

static const struct print_column columns[] = {
    {">SEQ", "seq", NULL},      {"TIME", "time", NULL},
    {"WHAT", "what", NULL},     {"RESULT", "result", NULL},
    {"PEER", "peer", NULL},     {"VERB", "verb", NULL},
    {"SUBJECT", "subject", NULL}, {"VM", "vm_name", NULL},
    {"DISK", "disk", print_short}, {"LUN", "lun", NULL},
    {"BEFORE", "before", NULL}, {"AFTER", "after", NULL},
};

static void
print_rows(const struct ctl *ctl, const struct command *command,
           const json_t *result)
{
    print_list(ctl->out, json_object_get(result, command->list), columns,
               sizeof(columns) / sizeof(*columns));
}

/* --- verify --------------------------------------------------------------- */

static int
print_report(const struct ctl *ctl, const json_t *report)
{
    const json_t *list = json_object_get(report, "faults"), *fault;
    bool whole = json_get_bool(report, "whole", 0) == 1;
    size_t i;

    if (ctl->output == CTL_JSON)
        print_json(ctl->out, report);
    json_array_foreach(list, i, fault)
    {
        if (ctl->output == CTL_JSON)
            continue;
        if (ctl->output == CTL_NAME)
            fprintf(ctl->out, "%lld", (long long)json_get_int(fault, "seq", 0));
        else
            term_print(ctl->out, json_get_text(fault, "fault", "?"), false);
        fputc('\n', ctl->out);
    }
    if (ctl->output == CTL_TABLE)
        fprintf(ctl->out, "%s: %lld rows, %lld faults; head %lld:%s\n",
                whole ? "whole" : "NOT WHOLE",
                (long long)json_get_int(report, "rows", 0),
                (long long)json_get_int(report, "fault_count", 0),
                (long long)json_get_int(report, "count", 0),
                json_get_text(report, "head", "-"));
    return whole ? CTL_OK : CTL_FAILED;
}

static int
run_outside(const struct ctl *ctl, const json_t *params, const struct err *why)
{
    const char *config = json_get_text(params, "config", NULL);
    const char *noted = json_get_text(params, "noted", NULL);
    const char *args[8] = {"--verify-audit", "--output", "json"};
    CLEANUP_JSON json_t *report = NULL;
    struct err err = ERR_INIT;
    size_t n = 3;

    if (ctl->connect)
        return (int)fail_print(ctl->err, NULL, why, NULL);
    if (config) {
        args[n++] = "--config";
        args[n++] = config;
    }
    if (noted) {
        args[n++] = "--noted";
        args[n++] = noted;
    }
    fputs("berthctl: berthd does not answer, so the record is read as it "
          "lies there: ",
          ctl->err);
    term_print(ctl->err, why->message, false);
    fputc('\n', ctl->err);
    report = berthd_report(args, &err);
    if (!report)
        return (int)fail_print(ctl->err, "audit verify", &err, NULL);
    return print_report(ctl, report);
}

static int
run_verify(const struct ctl *ctl, const struct command *command,
           struct client *client, const json_t *params)
{
    CLEANUP_JSON json_t *refusal = NULL;
    CLEANUP_JSON json_t *asked = json_copy((json_t *)params);
    CLEANUP_JSON json_t *report = NULL;
    struct err err = ERR_INIT;

    json_object_del(asked, "config");
    report = client_call(client, command->wire, asked, WAIT_MS, &refusal, &err);
    if (report)
        return print_report(ctl, report);
    if (refusal)
        return (int)fail_print(ctl->err, command->wire, &err, refusal);
    return run_outside(ctl, params, &err);
}

const struct command cmd_audit_rows[] = {
    {.noun = "audit",
     .verb = "ls",
     .wire = "GetAudit",
     .doc = "Grants, denials, changes of roles and policy",
     COMMAND_ARGS(ls_args),
     .list = "rows",
     .name = "seq",
     .print = print_rows},
    {.noun = "audit",
     .verb = "verify",
     .wire = "VerifyAudit",
     .doc = "Whether it is whole; with berthd stopped, too",
     COMMAND_ARGS(verify_args),
     .run = run_verify,
     .outside = run_outside},
};
const size_t cmd_audit_nrows = sizeof(cmd_audit_rows) / sizeof(*cmd_audit_rows);
