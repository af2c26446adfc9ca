// SPDX-License-Identifier: Apache-2.0
/* VMs: created, run, looked at. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_vm_rows[];
extern const size_t cmd_vm_nrows;
