// SPDX-License-Identifier: Apache-2.0
/* The rows of `berthctl hook …`. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_hook_rows[];
extern const size_t cmd_hook_nrows;
