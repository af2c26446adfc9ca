// SPDX-License-Identifier: Apache-2.0
/*
 * Commands for operations, and `call`, which sends any verb and prints what
 * came back and nothing else: the result on stdout, the error on stderr.
 */
#include "agent/ctl/cmd_op.h"

#include "agent/ctl/client.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/print.h"
#include "agent/ctl/result.h"

static const struct arg op_args[] = {
    {"OP", ARG_TEXT, "op_id", NULL, true, "UUID of the operation"},
};

static const struct arg answer_args[] = {
    {"OPERATION", ARG_TEXT, "op_id", NULL, true, "Its op_id"},
    {"CHOICE", ARG_TEXT, "answer", NULL, true,
     "Key or label of one of the choices"},
};

static const struct arg ls_args[] = {
    {"--vm", ARG_VM, "vm", NULL, false, "Of one VM"},
    {"--state", ARG_TEXT, "state", "STATE", false,
     "In one state, such as pending; open: all that are not over"},
    {"--limit", ARG_INT, "limit", NULL, false, "At most so many"},
};

static const struct arg call_args[] = {
    {"VERB", ARG_TEXT, "verb", NULL, true, "Verb, such as GetVm"},
    {"JSON", ARG_JSON, "params", NULL, false,
     "Its parameters: an object or array, -: from standard input"},
};

/* Of the lanes, those with something to do. */
static json_t *
busy(const json_t *lanes)
{
    json_t *list = json_array(), *lane;
    size_t i;

    json_array_foreach(lanes, i, lane)
    {
        if (*json_get_text(lane, "label", "") ||
            json_get_int(lane, "queued", 0))
            json_array_append(list, lane);
    }
    return list;
}

static void
print_operations(const struct ctl *ctl, const struct command *command,
                 const json_t *result)
{
    static const struct print_column columns[] = {
        {"OPERATION", "op_id", NULL}, {"VERB", "verb", NULL},
        {"VM", "vm", print_short},    {"STATE", "state", NULL},
        {"STARTED", "started", NULL}, {"ENDED", "ended", NULL},
        {"PEER", "peer", NULL},
    };
    static const struct print_column lane_columns[] = {
        {"LANE", "lane", print_short},        {"AT WORK ON", "label", NULL},
        {"FOR", "peer", NULL},
        {"OPERATION", "op_id", print_short},  {"SINCE", "since", NULL},
        {">RUNNING", "running_ms", print_ms}, {"BLOCKED", "blocked", NULL},
        {"STUCK", "stuck", NULL},             {">QUEUED", "queued", NULL},
    };
    CLEANUP_JSON json_t *lanes = busy(json_object_get(result, "lanes"));

    print_list(ctl->out, json_object_get(result, command->list), columns,
               sizeof(columns) / sizeof(*columns));
    if (!json_array_size(lanes))
        return;
    fputc('\n', ctl->out);
    print_list(ctl->out, lanes, lane_columns,
               sizeof(lane_columns) / sizeof(*lane_columns));
}

static int
run_call(const struct ctl *ctl, const struct command *command,
         struct client *client, const json_t *params)
{
    CLEANUP_JSON json_t *refusal = NULL;
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *result =
        client_call(client, json_get_text(params, "verb", ""),
                    json_object_get(params, "params"), -1, &refusal, &err);

    (void)command;
    if (result) {
        print_json(ctl->out, result);
        return (int)result_code(result);
    }
    if (!refusal)
        return (int)fail_print(ctl->err, NULL, &err, NULL);
    print_json(ctl->err, refusal);
    return (int)fail_code(err.kind);
}

const struct command cmd_op_rows[] = {
    {.noun = "op",
     .verb = "show",
     .wire = "GetOperation",
     .doc = "An operation, its steps and its receipt",
     COMMAND_ARGS(op_args),
     .name = "op_id"},
    {.noun = "op",
     .verb = "ls",
     .wire = "ListOperations",
     .doc = "Operations, newest first, and lanes at work",
     COMMAND_ARGS(ls_args),
     .list = "operations",
     .name = "op_id",
     .print = print_operations},
    {.noun = "op",
     .verb = "cancel",
     .wire = "CancelOperation",
     .doc = "Stop it, if it has not had its effect yet",
     COMMAND_ARGS(op_args),
     .name = "op_id"},
    {.noun = "op",
     .verb = "answer",
     .wire = "AnswerQuestion",
     .doc = "Answer the question it waits for",
     COMMAND_ARGS(answer_args),
     .name = "op_id"},
    {.noun = "call",
     .doc = "Call a verb and print its bare result",
     COMMAND_ARGS(call_args),
     .run = run_call},
};
const size_t cmd_op_nrows = sizeof(cmd_op_rows) / sizeof(*cmd_op_rows);
