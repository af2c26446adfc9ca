// SPDX-License-Identifier: Apache-2.0
/*
 * From a command line to an exit code: parse, connect, call, print. Reads
 * are waited for by a bound of our own; a change as long as it takes, unless
 * --deadline says how long that may be.
 */
#include "agent/ctl/run.h"

#include <string.h>

#include "agent/ctl/args.h"
#include "agent/ctl/client.h"
#include "agent/ctl/completion.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/help.h"
#include "agent/ctl/print.h"
#include "agent/ctl/result.h"
#include "agent/ctl/term.h"

#define READ_WAIT_MS 60000
#define GRACE_MS 10000 /* for the answer after a deadline */

static int
usage(FILE *to, const struct args *args, const struct err *err)
{
    const struct command *c = args->command;

    fputs("berthctl: ", to);
    term_print(to, err->message, false);
    fprintf(to, "\n  try `berthctl%s%s%s%s --help`\n",
            c || args->noun ? " " : "",
            c            ? c->noun
            : args->noun ? args->noun
                         : "",
            c && c->verb ? " " : "", c && c->verb ? c->verb : "");
    return CTL_USAGE;
}

static int64_t
patience(const struct command *command, const json_t *params)
{
    json_int_t deadline_ms = json_get_int(params, "deadline_ms", -1);

    if (!command->mutating)
        return READ_WAIT_MS;
    return deadline_ms < 0 ? -1 : deadline_ms + GRACE_MS;
}

/* No answer to a change is not a failure: it may still happen. */
static int
no_answer(const struct ctl *ctl, const struct command *command,
          const struct err *err)
{
    int code = (int)fail_print(ctl->err, command->wire, err, NULL);

    if (!command->mutating)
        return err->kind == ERR_TIMEOUT ? CTL_UNREACHABLE : code;
    fputs("  hint: the change may have happened or go on; `berthctl op ls` "
          "tells.\n",
          ctl->err);
    return err->kind == ERR_TIMEOUT ? CTL_PENDING : code;
}

static int
call_once(const struct ctl *ctl, const struct command *command,
          struct client *client, const json_t *params)
{
    CLEANUP_JSON json_t *refusal = NULL;
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *result =
        client_call(client, command->wire, params, patience(command, params),
                    &refusal, &err);

    if (result)
        return (int)result_print(ctl, command, result);
    if (!refusal)
        return no_answer(ctl, command, &err);
    if (ctl->output == CTL_JSON) {
        print_json(ctl->err, refusal);
        return (int)fail_code(err.kind);
    }
    return (int)fail_print(ctl->err, command->wire, &err, refusal);
}

static int
run_command(const struct ctl *ctl, const struct args *args)
{
    const struct command *command = args->command;
    struct err err = ERR_INIT;
    CLEANUP_CONN struct conn *conn =
        command->local ? NULL : conn_open(ctl, &err);
    struct client client = {.conn = conn};

    if (command->local)
        return command->run(ctl, command, NULL, args->params);
    if (!conn && err.kind == ERR_INVALID)
        return usage(ctl->err, args, &err);
    if (!conn && command->outside && err.kind == ERR_UNREACHABLE)
        return command->outside(ctl, args->params, &err);
    if (!conn)
        return (int)fail_print(ctl->err, NULL, &err, NULL);
    if (term_is_tty(ctl->err))
        client.progress = ctl->err;
    if (command->run)
        return command->run(ctl, command, &client, args->params);
    return call_once(ctl, command, &client, args->params);
}

int
run_berthctl(int argc, char *const *argv, FILE *out, FILE *err_to)
{
    struct ctl ctl = {.out = out, .err = err_to};
    CLEANUP_ARGS struct args args = {0};
    struct err err = ERR_INIT;

    if (args_parse(argc, argv, &ctl, &args, &err) < 0)
        return usage(err_to, &args, &err);
    if (args.help)
        help_print(out, args.noun, args.command);
    else if (args.version)
        fputs("berthctl " BERTH_VERSION "\n", out);
    else if (args.dump && strcmp(args.dump, "--completion") == 0)
        completion_bash(out);
    else if (args.dump)
        help_pod(out);
    else
        return run_command(&ctl, &args);
    return CTL_OK;
}
