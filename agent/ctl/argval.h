// SPDX-License-Identifier: Apache-2.0
/* The value of one argument. */
#pragma once

#include "agent/ctl/command.h"

/* text by arg's type (all but ARG_FIELDS); returns owned. err: INVALID, or
 * what reading and parsing a file gives. */
json_t *argval_read(const struct arg *arg, const char *text, struct err *err);
