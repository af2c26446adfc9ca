// SPDX-License-Identifier: Apache-2.0
/*
 * The rack of commands. Its members (cmd_*.c) include command.h and never
 * this face, so table and rows form no circle.
 */
#include "agent/ctl/commands.h"

#include <string.h>

#include "agent/ctl/cmd_audit.h"
#include "agent/ctl/cmd_chaos.h"
#include "agent/ctl/cmd_disk.h"
#include "agent/ctl/cmd_doctor.h"
#include "agent/ctl/cmd_event.h"
#include "agent/ctl/cmd_hook.h"
#include "agent/ctl/cmd_host.h"
#include "agent/ctl/cmd_op.h"
#include "agent/ctl/cmd_vm.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

const struct arg commands_global[] = {
    {"--socket", ARG_FILE, NULL, "PATH", false,
     "Unix socket of berthd; default $BERTH_SOCKET, else "
     "/run/berth/berthd.sock as root and "
     "$XDG_RUNTIME_DIR/berth/berthd.sock otherwise"},
    {"--connect", ARG_TEXT, NULL, "HOST:PORT", false,
     "Use TLS to this address, with --ca, --cert and --key"},
    {"--ca", ARG_FILE, NULL, "FILE", false,
     "CA certificates (PEM) that the host's certificate must come from"},
    {"--cert", ARG_FILE, NULL, "FILE", false, "Your certificate (PEM)"},
    {"--key", ARG_FILE, NULL, "FILE", false, "Its private key (PEM)"},
    {"--hypervisor", ARG_TEXT, NULL, "NAME", false,
     "the hypervisor that is meant (host ls), where its VM does not tell"},
    {"--output", ARG_WORD, NULL, "table|json|name", false,
     "How to print, also -o; default table"},
    {"--help", ARG_SET, NULL, NULL, false, "Say how this is used, also -h"},
    {"--version", ARG_SET, NULL, NULL, false, "Print the version"},
};
const size_t commands_nglobal = COUNT(commands_global);

const struct arg commands_mutating[] = {
    {"--op-id", ARG_TEXT, "op_id", "UUID", false,
     "Identity of the operation: repeating it returns its receipt"},
    {"--dry-run", ARG_SET, "dry_run", "true", false,
     "Print the plan, change nothing"},
    {"--deadline", ARG_DURATION, "deadline_ms", NULL, false,
     "Give up when it is not done by then"},
    {"--flow-id", ARG_TEXT, "flow_id", "ID", false,
     "Correlation that reaches log, events and audit"},
};
const size_t commands_nmutating = COUNT(commands_mutating);

static const struct {
    const char *name;
    const char *doc;
} nouns[] = {
    {"vm", "Virtual machines"},
    {"disk", "Disks: recorded in a VM, plugged and unplugged"},
    {"host", "This host and its berthd"},
    {"hook", "Hook scripts: what runs when, and trial runs"},
    {"op", "Operations: what was asked and what became of it"},
    {"event", "What happened, numbered"},
    {"audit", "Who was granted or denied what"},
    {"call", "Any verb of the protocol"},
    {"doctor", "An examination, also with berthd stopped"},
    {"chaos", "The proof that a killed berthd loses nothing"},
};

const struct command *
commands_at(size_t n)
{
    const struct {
        const struct command *rows;
        size_t count;
    } racks[] = {
        {cmd_vm_rows, cmd_vm_nrows},     {cmd_disk_rows, cmd_disk_nrows},
        {cmd_hook_rows, cmd_hook_nrows},
        {cmd_host_rows, cmd_host_nrows}, {cmd_event_rows, cmd_event_nrows},
        {cmd_op_rows, cmd_op_nrows},     {cmd_doctor_rows, cmd_doctor_nrows},
        {cmd_chaos_rows, cmd_chaos_nrows}, {cmd_audit_rows, cmd_audit_nrows},
    };

    for (size_t i = 0; i < COUNT(racks); i++) {
        if (n < racks[i].count)
            return &racks[i].rows[n];
        n -= racks[i].count;
    }
    return NULL;
}

const struct command *
commands_find(const char *noun, const char *verb)
{
    const struct command *c;

    for (size_t i = 0; (c = commands_at(i)); i++)
        if (strcmp(c->noun, noun) == 0 && !c->verb == !verb &&
            (!verb || strcmp(c->verb, verb) == 0))
            return c;
    return NULL;
}

const char *
commands_noun(const char *noun)
{
    for (size_t i = 0; i < COUNT(nouns); i++)
        if (strcmp(nouns[i].name, noun) == 0)
            return nouns[i].doc;
    return NULL;
}
