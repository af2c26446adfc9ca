// SPDX-License-Identifier: Apache-2.0
/* Disks: added, plugged, changed. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_disk_rows[];
extern const size_t cmd_disk_nrows;
