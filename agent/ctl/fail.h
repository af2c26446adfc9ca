// SPDX-License-Identifier: Apache-2.0
/* Failures for people: what, why, what to do; and the exit code. */
#pragma once

#include <stdio.h>

#include "agent/common/json.h"
#include "agent/ctl/ctl.h"

/* The exit code of a kind of error. */
enum ctl_exit fail_code(enum err_kind kind);

/*
 * Say on `to` that what ("HotPlugDisk", or NULL) failed. refusal is the
 * daemon's error object, NULL when the failure is our own. Returns the code.
 */
enum ctl_exit fail_print(FILE *to, const char *what, const struct err *err,
                         const json_t *refusal);
