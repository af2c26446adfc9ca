// SPDX-License-Identifier: Apache-2.0
/*
 * One run of berthctl: where the daemon is, how to print, and the streams to
 * print on (tests give their own). Filled by args.c, borrowed by all others.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum ctl_output { CTL_TABLE, CTL_JSON, CTL_NAME, CTL_OUTPUTS };

/* The exit codes that berthctl(1) promises. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,
    CTL_USAGE = 2,
    CTL_NOT_FOUND = 3,
    CTL_PENDING = 4,
    CTL_DENIED = 5,
    CTL_BUSY = 6,
    CTL_UNREACHABLE = 7,
};

struct ctl {
    const char *socket;  /* unix socket, NULL: the default of this user */
    const char *connect; /* HOST:PORT; then ca, cert and key are set too */
    const char *ca, *cert, *key;
    enum ctl_output output;
    FILE *out, *err;
};
