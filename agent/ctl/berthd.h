// SPDX-License-Identifier: Apache-2.0
/* The berthd that belongs to this berthctl: where it is, and what it prints
 * when it is run for a report. */
#pragma once

#include "agent/common/json.h"

/* The one beside this program, in a build or an installation, else "berthd",
 * to be found on PATH. Returns owned. */
char *berthd_path(void);

/*
 * Run it with these arguments (NULL-ended, without its name) and read the JSON
 * that it prints, whatever its exit status is. Returns owned, NULL + err
 * (TIMEOUT, INTERNAL).
 */
json_t *berthd_report(const char *const *args, struct err *err);
