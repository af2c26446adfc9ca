// SPDX-License-Identifier: Apache-2.0
/* Events: read and followed. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_event_rows[];
extern const size_t cmd_event_nrows;
