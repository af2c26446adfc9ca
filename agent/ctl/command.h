// SPDX-License-Identifier: Apache-2.0
/*
 * The face of a command: one row says its words, the verb it calls, its
 * arguments and how its result is printed. Parsing, --help, the manual and
 * the shell completion are all made from these rows; commands.c gathers them.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/ctl/ctl.h"

enum arg_type {
    ARG_TEXT,
    ARG_VM,   /* names a VM: text that the shell can complete */
    ARG_DISK, /* names a disk of the VM before it */
    ARG_PATH, /* a path on the host of berthd */
    ARG_FILE, /* a local file (-: stdin) holding a JSON object to merge */
    ARG_CONTENT, /* a local file (-: stdin), as text */
    ARG_JSON, /* a JSON object or array (-: stdin) */
    ARG_SIZE, /* bytes, or with K M G T */
    ARG_INT,
    ARG_BOOL,     /* yes, no */
    ARG_WORD,     /* one of detail, "a|b|c" */
    ARG_DURATION, /* 500ms, 30s, 5m, 1h → milliseconds */
    ARG_SET,      /* no value: sets param to the JSON text in detail */
    ARG_FIELDS,   /* the rest: field=value of a disk, into the object param */
    ARG_TYPES
};

/* "--memory" is an option, "VM" (capitals) an argument at its place. */
struct arg {
    const char *name;
    enum arg_type type;
    const char *param;  /* of the verb; "source.path" makes an object */
    const char *detail; /* placeholder, words of ARG_WORD, JSON of ARG_SET */
    bool required;
    const char *doc;
};

struct client;
struct err;

struct command {
    const char *noun;
    const char *verb; /* NULL: the noun is the whole command */
    const char *wire; /* verb of the protocol */
    const char *doc;
    const struct arg *args;
    size_t nargs;
    bool local;       /* run without a connection: client is NULL */
    bool mutating;    /* takes --op-id --dry-run --deadline --flow-id */
    const char *done; /* of a receipt: "plugged" */
    const char *list; /* member of the result that is a list of things */
    const char *name; /* member of a thing that -o name prints */
    /* What the table of arguments cannot say; may be NULL. */
    int (*finish)(json_t *params, struct err *err);
    /* Print a result as a table; NULL: field by field. */
    void (*print)(const struct ctl *ctl, const struct command *command,
                  const json_t *result);
    /* Instead of one call of wire; returns an exit code. May be NULL. */
    int (*run)(const struct ctl *ctl, const struct command *command,
               struct client *client, const json_t *params);
    /* What can be done when berthd cannot be reached; may be NULL. */
    int (*outside)(const struct ctl *ctl, const json_t *params,
                   const struct err *why);
};

#define COMMAND_ARGS(rows) .args = rows, .nargs = sizeof(rows) / sizeof(*rows)
