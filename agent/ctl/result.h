// SPDX-License-Identifier: Apache-2.0
/* The result of a command, printed in the chosen form. */
#pragma once

#include "agent/ctl/command.h"

/* "plugged disk … at 0:0:0:1 (12 ms)", or what else became of it, and its
 * warnings. A dry run's plan step by step. */
void result_receipt(const struct ctl *ctl, const struct command *command,
                    const json_t *result);

/* In the chosen form. Returns CTL_OK, or what a receipt's state says. */
enum ctl_exit result_print(const struct ctl *ctl, const struct command *command,
                           const json_t *result);

/* The exit code that a result's state asks for; CTL_OK without one. */
enum ctl_exit result_code(const json_t *result);
