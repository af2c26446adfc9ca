// SPDX-License-Identifier: Apache-2.0
/*
 * What came of a command: its exit code, and a line for a receipt that says
 * what happened and nothing that did not.
 */
#include "agent/ctl/result.h"

#include <string.h>

#include "agent/ctl/print.h"
#include "agent/ctl/term.h"
#include "agent/ctl/value.h"

static void
print_warnings(const struct ctl *ctl, const json_t *result)
{
    const json_t *text;
    size_t i;

    json_array_foreach(json_object_get(result, "warnings"), i, text)
    {
        fputs("warning: ", ctl->out);
        term_print(ctl->out,
                   json_is_string(text) ? json_string_value(text) : "?", false);
        fputc('\n', ctl->out);
    }
}

static void
print_plan(const struct ctl *ctl, const json_t *steps)
{
    const json_t *step;
    size_t i;

    fputs("nothing was changed; the plan is:\n", ctl->out);
    json_array_foreach(steps, i, step)
    {
        fprintf(ctl->out, "%zu.\n", i + 1);
        if (json_is_object(step))
            print_fields(ctl->out, step, 3);
    }
    if (!json_array_size(steps))
        fputs("nothing to do\n", ctl->out);
}

static void
add_target(struct buf *line, const json_t *result)
{
    static const char *const keys[] = {"disk_id", "name", "device", "vm"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const char *text = json_get_text(result, keys[i], NULL);

        if (text && *text) {
            buf_printf(line, " %s", text);
            return;
        }
    }
}

static void
print_outcome(const struct ctl *ctl, const struct command *command,
              const json_t *result)
{
    CLEANUP_BUF struct buf line = BUF_INIT;
    const json_t *address = json_object_get(result, "address");
    const json_t *total = value_pick(result, "timings_ms.total");

    if (json_get_bool(result, "changed", 1))
        buf_add_text(&line, command->done ? command->done : "done");
    else
        buf_printf(&line, "already %s", command->done ? command->done : "done");
    add_target(&line, result);
    if (json_is_object(address)) {
        buf_add_text(&line, " at ");
        print_plain(address, &line);
    }
    if (json_is_integer(total)) {
        buf_add_text(&line, " (");
        print_ms(total, &line);
        buf_add_text(&line, ")");
    }
    term_print(ctl->out, line.data, false);
    fputc('\n', ctl->out);
}

void
result_receipt(const struct ctl *ctl, const struct command *command,
               const json_t *result)
{
    const char *state = json_get_text(result, "state", "done");
    const char *op_id = json_get_text(result, "op_id", "?");
    const json_t *steps = json_object_get(result, "steps");

    if (json_is_array(steps)) {
        print_plan(ctl, steps);
    } else if (strcmp(state, "done") == 0) {
        print_outcome(ctl, command, result);
    } else {
        term_print(ctl->out, state, false);
        fputs(": operation ", ctl->out);
        term_print(ctl->out, op_id, false);
        if (strcmp(state, "pending") == 0)
            fputs(" goes on; `berthctl op show` with this id says how it "
                  "ends",
                  ctl->out);
        fputc('\n', ctl->out);
    }
    print_warnings(ctl, result);
}

enum ctl_exit
result_code(const json_t *result)
{
    static const struct {
        const char *state;
        enum ctl_exit code;
    } codes[] = {
        {"pending", CTL_PENDING}, {"running", CTL_PENDING},
        {"refused", CTL_FAILED},  {"cancelled", CTL_FAILED},
        {"failed", CTL_FAILED},   {"unknown", CTL_FAILED},
    };
    const char *state = json_get_text(result, "state", "");

    if (!json_object_get(result, "op_id"))
        return CTL_OK;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (strcmp(codes[i].state, state) == 0)
            return codes[i].code;
    return CTL_OK;
}

static void
print_name(FILE *to, const json_t *thing, const char *key)
{
    CLEANUP_BUF struct buf text = BUF_INIT;

    print_plain(key ? json_object_get(thing, key) : NULL, &text);
    if (!text.len)
        return;
    term_print(to, text.data, false);
    fputc('\n', to);
}

static void
print_names(const struct ctl *ctl, const struct command *command,
            const json_t *result)
{
    const json_t *thing;
    size_t i;

    if (!command->list) {
        print_name(ctl->out, result, command->name);
        return;
    }
    json_array_foreach(json_object_get(result, command->list), i, thing)
        print_name(ctl->out, thing, command->name);
}

enum ctl_exit
result_print(const struct ctl *ctl, const struct command *command,
             const json_t *result)
{
    if (ctl->output == CTL_JSON)
        print_json(ctl->out, result);
    else if (ctl->output == CTL_NAME)
        print_names(ctl, command, result);
    else if (command->print)
        command->print(ctl, command, result);
    else if (command->mutating)
        result_receipt(ctl, command, result);
    else
        print_fields(ctl->out, result, 0);
    return command->mutating ? result_code(result) : CTL_OK;
}
