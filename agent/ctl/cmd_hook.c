// SPDX-License-Identifier: Apache-2.0
/*
 * `hook ls`: which scripts run at which point, and how they have fared.
 * `hook test`: what they would make of a VM, a disk or a file.
 */
#include "agent/ctl/cmd_hook.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/ctl/client.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/print.h"
#include "agent/ctl/term.h"

#define TEST_WAIT_MS 3700000 /* scripts may be given an hour */

static const struct arg test_args[] = {
    {"POINT", ARG_TEXT, "point", NULL, true,
     "Point whose scripts are run, such as before_disk_hotplug"},
    {"--vm", ARG_VM, "vm", NULL, false, "On the XML of this VM"},
    {"--disk", ARG_TEXT, "disk", "DISK", false,
     "On the XML of this disk of the VM"},
    {"--file", ARG_CONTENT, "payload", "XML", false,
     "On what stands in this file (-: standard input)"},
    {"--custom", ARG_JSON, "custom", "JSON", false,
     "With these custom properties too: {\"name\": \"text\"}"},
};

/* --- ls ----------------------------------------------------------------------
 */

/* "ok, 2.3 ms" of the last run, or why it is not run. */
static char *
state_text(const json_t *script)
{
    const json_t *last = json_object_get(script, "last");
    struct buf text = BUF_INIT;

    if (json_get_text(script, "unsafe", NULL))
        buf_printf(&text, "UNSAFE: %s", json_get_text(script, "unsafe", ""));
    else if (json_is_object(last))
        buf_printf(&text, "%s, %.1f ms", json_get_text(last, "result", "?"),
                   (double)json_get_int(last, "us", 0) / 1000);
    else
        buf_add_text(&text, "has not run");
    return buf_steal(&text);
}

/* One row per script, of all points. */
static json_t *
flat(const json_t *points)
{
    json_t *list = json_array(), *script;
    const json_t *point;
    size_t i, k;

    json_array_foreach (points, i, point) {
        json_array_foreach (json_object_get(point, "scripts"), k, script) {
            json_t *row = json_deep_copy(script);
            CLEANUP_FREE char *state = state_text(script);
            CLEANUP_FREE char *sum =
                mem_dup(json_get_text(script, "sha256", ""));

            if (strlen(sum) > 12)
                sum[12] = '\0';
            json_put_text(row, "point", json_get_text(point, "point", "?"));
            json_put_text(row, "sum", sum);
            json_put_text(row, "state",
                          json_get_bool(point, "never_run", 0)
                              ? "NEVER RUN: berthd does not do this"
                              : state);
            json_put(row, "time",
                     json_incref(json_object_get(
                         json_object_get(script, "last"), "time")));
            json_array_append_new(list, row);
        }
    }
    return list;
}

static void
print_hooks(const struct ctl *ctl, const struct command *command,
            const json_t *result)
{
    static const struct print_column columns[] = {
        {"POINT", "point", NULL}, {">ORDER", "order", NULL},
        {"FILE", "path", NULL},   {"CHECKSUM", "sum", NULL},
        {">RUNS", "runs", NULL},  {">FAILED", "failures", NULL},
        {"LAST", "state", NULL},  {"AT", "time", NULL},
    };
    CLEANUP_JSON json_t *list = flat(json_object_get(result, command->list));
    const json_t *path;
    size_t i;

    print_list(ctl->out, list, columns, sizeof(columns) / sizeof(*columns));
    json_array_foreach (json_object_get(result, "strange"), i, path) {
        fputs("nothing runs what is in ", ctl->out);
        term_print(ctl->out, json_string_value(path), false);
        fputc('\n', ctl->out);
    }
}

/* --- test
 * --------------------------------------------------------------------- */

static void
print_changes(const struct ctl *ctl, const json_t *changes)
{
    const json_t *change, *need;
    size_t i, k;

    json_array_foreach (changes, i, change) {
        CLEANUP_BUF struct buf line = BUF_INIT;

        buf_printf(&line, "%s: ", json_get_text(change, "what", "?"));
        buf_printf(&line, "%s -> %s", json_get_text(change, "from", "(none)"),
                   json_get_text(change, "to", "(none)"));
        json_array_foreach (json_object_get(change, "needs"), k, need)
            buf_printf(&line, "%s%s", k ? ", " : "   needs ",
                       json_string_value(need));
        fputs("    ", ctl->out);
        term_print(ctl->out, line.data, false);
        fputc('\n', ctl->out);
    }
}

static void
print_trial(const struct ctl *ctl, const json_t *result)
{
    const json_t *script;
    size_t i;

    json_array_foreach (json_object_get(result, "scripts"), i, script) {
        CLEANUP_BUF struct buf line = BUF_INIT;

        buf_printf(&line, "%s: %s, %.1f ms",
                   json_get_text(script, "script", "?"),
                   json_get_text(script, "result", "?"),
                   (double)json_get_int(script, "us", 0) / 1000);
        if (*json_get_text(script, "stderr", ""))
            buf_printf(&line, ": %s", json_get_text(script, "stderr", ""));
        term_print(ctl->out, line.data, false);
        fputc('\n', ctl->out);
        print_changes(ctl, json_object_get(script, "changes"));
    }
    if (json_get_bool(result, "accepted", 0)) {
        fputs("this would go on\n", ctl->out);
        return;
    }
    fputs("this would be refused: ", ctl->out);
    term_print(ctl->out, json_get_text(result, "why", "?"), false);
    fputc('\n', ctl->out);
}

static int
run_test(const struct ctl *ctl, const struct command *command,
         struct client *client, const json_t *params)
{
    CLEANUP_JSON json_t *refusal = NULL;
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *result = client_call(client, command->wire, params,
                                              TEST_WAIT_MS, &refusal, &err);

    if (!result)
        return (int)fail_print(ctl->err, command->wire, &err, refusal);
    if (ctl->output == CTL_TABLE)
        print_trial(ctl, result);
    else
        print_json(ctl->out, result);
    return json_get_bool(result, "accepted", 0) ? CTL_OK : CTL_FAILED;
}

const struct command cmd_hook_rows[] = {
    {.noun = "hook",
     .verb = "ls",
     .wire = "ListHooks",
     .doc = "Scripts in the order they run, and their last end",
     .list = "points",
     .name = "point",
     .print = print_hooks},
    {.noun = "hook",
     .verb = "test",
     .wire = "TestHook",
     .doc = "Run a point's scripts and show the difference",
     COMMAND_ARGS(test_args),
     .run = run_test},
};
const size_t cmd_hook_nrows = sizeof(cmd_hook_rows) / sizeof(*cmd_hook_rows);
