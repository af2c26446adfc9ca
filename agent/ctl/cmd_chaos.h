// SPDX-License-Identifier: Apache-2.0
/* The proof that a killed berthd loses nothing. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_chaos_rows[];
extern const size_t cmd_chaos_nrows;
