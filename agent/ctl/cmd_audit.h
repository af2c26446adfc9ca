// SPDX-License-Identifier: Apache-2.0
/* The audit: read and verified. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_audit_rows[];
extern const size_t cmd_audit_nrows;
