// SPDX-License-Identifier: Apache-2.0
/* One run of berthctl. */
#pragma once

#include <stdio.h>

/* Do what the command line says; returns the exit code. */
int run_berthctl(int argc, char *const *argv, FILE *out, FILE *err);
