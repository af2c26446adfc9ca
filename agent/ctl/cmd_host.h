// SPDX-License-Identifier: Apache-2.0
/* The host: state, settings, log. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_host_rows[];
extern const size_t cmd_host_nrows;
