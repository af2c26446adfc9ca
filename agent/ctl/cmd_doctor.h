// SPDX-License-Identifier: Apache-2.0
/* The examination of a host. Static rows. */
#pragma once

#include "agent/ctl/command.h"

extern const struct command cmd_doctor_rows[];
extern const size_t cmd_doctor_nrows;
