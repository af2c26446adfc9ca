// SPDX-License-Identifier: Apache-2.0
/* Help, the manual's part and the shell completion, all from the rows. */
#pragma once

#include <stdio.h>

#include "agent/ctl/command.h"

/* For one command, for a noun (command NULL), or for all (both NULL). */
void help_print(FILE *to, const char *noun, const struct command *command);

/* Every command with its options as POD for berthctl(1). */
void help_pod(FILE *to);
