// SPDX-License-Identifier: Apache-2.0
/* A command line against the rows of the commands. */
#pragma once

#include "agent/ctl/command.h"

struct args {
    const struct command *command; /* NULL: only a noun, or nothing */
    const char *noun;              /* borrowed from argv, may be NULL */
    json_t *params;                /* owned object */
    char *socket;                  /* owned: the default path, when used */
    bool help, version;
    const char *dump; /* "--completion", "--help-pod": print and end */
};

/*
 * Words of a command line; ctl gets the settings of the run (borrowed from
 * argv and args). err: INVALID (exit code 2), with what is possible instead.
 */
int args_parse(int argc, char *const *argv, struct ctl *ctl, struct args *out,
               struct err *err);
void args_free(struct args *args);

/* $BERTH_SOCKET, else the place of this user; returns owned. */
char *args_default_socket(void);

/* What stands for an option's value in help: "SIZE"; NULL: it has none. */
const char *args_placeholder(const struct arg *arg);

#define CLEANUP_ARGS CLEANUP(args_free)
