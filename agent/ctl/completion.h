// SPDX-License-Identifier: Apache-2.0
/* Completion for bash, made from the rows. */
#pragma once

#include <stdio.h>

void completion_bash(FILE *to);
