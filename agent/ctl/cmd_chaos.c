// SPDX-License-Identifier: Apache-2.0
/*
 * The command that kills: it runs a berthd of its own and connects to no
 * other.
 */
#include "agent/ctl/cmd_chaos.h"

#include "agent/ctl/chaos.h"

static const struct arg chaos_args[] = {
    {"--berthd", ARG_PATH, "berthd", "PATH", false,
     "The berthd to kill; default the one beside berthctl"},
    {"--verbs", ARG_TEXT, "verbs", "LIST", false,
     "What to do meanwhile, such as plug,unplug; default everything"},
    {"--points", ARG_TEXT, "points", "GLOB", false,
     "Only at crash points such as attach_disk.*; default all that are "
     "passed"},
    {"--jobs", ARG_INT, "jobs", NULL, false,
     "So many at a time, each with a VM of its own; default 2"},
    {"--twice", ARG_SET, "twice", "true", false,
     "Kill the start that follows at the same point, where it passes it"},
    {"--libvirtd", ARG_SET, "libvirtd", "true", false,
     "With a libvirtd of its own, in namespaces of its own, that is killed "
     "with each death; one job"},
    {"--keep", ARG_SET, "keep", "true", false,
     "Leave the folder with state and logs"},
};

static int
run_chaos(const struct ctl *ctl, const struct command *command,
          struct client *client, const json_t *params)
{
    (void)command;
    (void)client;
    return chaos_main(ctl, params);
}

const struct command cmd_chaos_rows[] = {
    {.noun = "chaos",
     .doc = "Kill a scratch berthd at each point, and judge",
     COMMAND_ARGS(chaos_args),
     .local = true,
     .run = run_chaos},
};
const size_t cmd_chaos_nrows = sizeof(cmd_chaos_rows) / sizeof(*cmd_chaos_rows);
