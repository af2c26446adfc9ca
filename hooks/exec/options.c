// SPDX-License-Identifier: Apache-2.0
/* A table of options, each a number or a text. */
#include "hooks/exec/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct options *to;
    int64_t numbers[6];
};

static const char *const names[] = {
    "--parent", "--timeout-ms", "--grace-ms", "--output-max", "--uid", "--gid"};
enum { PARENT, TIMEOUT, GRACE, OUTPUT, UID, GID, NUMBERS };

static int
usage(const char *what)
{
    fprintf(stderr,
            "berth-exec: %s\n"
            "usage: berth-exec --parent PID --timeout-ms N --grace-ms N "
            "--output-max N [--uid N --gid N] [--cwd DIR] -- SCRIPT\n"
            "It is started by berthd, to run one hook script.\n",
            what);
    return -1;
}

static int
take(struct reading *r, const char *name, const char *value)
{
    char *end = NULL;

    if (strcmp(name, "--cwd") == 0) {
        r->to->cwd = value;
        return 0;
    }
    for (int i = 0; i < NUMBERS; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        errno = 0;
        r->numbers[i] = strtoll(value, &end, 10);
        return errno || end == value || *end || r->numbers[i] < 0 ? -1 : 0;
    }
    return -1;
}

int
options_read(int argc, char **argv, struct options *out)
{
    struct reading r = {.to = out, .numbers = {-1, -1, -1, -1, -1, -1}};
    int i = 1;

    *out = (struct options){.cwd = "/"};
    for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2)
        if (take(&r, argv[i], argv[i + 1]) < 0)
            return usage(argv[i]);
    if (i + 2 != argc || strcmp(argv[i], "--") != 0)
        return usage("one script is expected behind --");
    for (int k = PARENT; k <= OUTPUT; k++)
        if (r.numbers[k] < 0)
            return usage("an option is missing");
    if ((r.numbers[UID] < 0) != (r.numbers[GID] < 0))
        return usage("--uid and --gid come together");
    out->parent = (pid_t)r.numbers[PARENT];
    out->timeout_ms = r.numbers[TIMEOUT];
    out->grace_ms = r.numbers[GRACE];
    out->output_max = r.numbers[OUTPUT];
    out->has_user = r.numbers[UID] >= 0;
    out->uid = (uid_t)r.numbers[UID];
    out->gid = (gid_t)r.numbers[GID];
    out->path = argv[i + 1];
    return 0;
}
