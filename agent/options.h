// SPDX-License-Identifier: Apache-2.0
/* berthd's command line: its options are rows, the help is printed from them.
 * Main thread. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "agent/common/err.h"

enum options_mode {
    OPTIONS_RUN,
    OPTIONS_CHECK_CONF,
    OPTIONS_DUMP_CONF,
    OPTIONS_DUMP_SAMPLE_CONF,
    OPTIONS_DUMP_VERBS,
    OPTIONS_DUMP_CRASH_POINTS,
    OPTIONS_DUMP_HOOK_POINTS,
    OPTIONS_DOCTOR,
    OPTIONS_VERIFY_AUDIT,
    OPTIONS_HYPERVISOR_CHILD,
    OPTIONS_VERSION,
    OPTIONS_HELP,
    OPTIONS_MODES
};

struct options {
    enum options_mode mode;
    const char *file;  /* borrowed from argv; NULL: the usual files */
    const char **sets; /* owned vector, texts borrowed from argv */
    size_t nsets;
    bool json; /* print JSON, not text */
    const char *noted; /* borrowed from argv; NULL: nothing was */
    const char *crash_at; /* borrowed from argv; NULL: nowhere */
};

/* Returns 0, -1 + err: INVALID naming the argument. */
int options_parse(int argc, char **argv, struct options *out,
                  struct err *err);
void options_clear(struct options *options);

void options_help(FILE *to);
