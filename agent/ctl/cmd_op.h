// SPDX-License-Identifier: Apache-2.0
/* Operations: looked at, cancelled; and the bare call. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_op_rows[];
extern const size_t cmd_op_nrows;
