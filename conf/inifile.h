// SPDX-License-Identifier: Apache-2.0
/* The one door to inih: a file's settings with the line each stands on. */
#pragma once

#include "agent/common/err.h"

/* One setting was read; -1 + err ends the reading. */
typedef int (*inifile_fn)(void *ctx, const char *section, const char *key,
                          const char *value, int line, struct err *err);

/*
 * Read path, at most 1 MiB. Errors (INVALID; NOT_FOUND when it is missing)
 * begin with "path:line: ". A section that holds no key is not seen.
 */
int inifile_read(const char *path, inifile_fn fn, void *ctx, struct err *err);
