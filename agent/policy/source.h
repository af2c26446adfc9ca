// SPDX-License-Identifier: Apache-2.0
/*
 * Which sources may be used: files below the allowed directories (resolved
 * without following links out of them), block devices by pattern. Worker
 * threads: it opens files.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/err.h"

struct source_rules {
    const char *const *images;  /* directories, NULL-terminated */
    const char *const *devices; /* fnmatch patterns, NULL-terminated */
};

/* Whether a source may be on that host; port 0: the protocol's own. err:
 * SOURCE_DENIED, naming what is allowed. */
int source_host(const char *const *hosts, const char *host, unsigned port,
                struct err *err);

/*
 * Open an existing source for reading. Returns a descriptor (owned), or
 * -1 + err: SOURCE_DENIED naming what is allowed and the setting, SOURCE_BAD
 * when it is missing or neither file nor block device.
 */
int source_open(const struct source_rules *rules, const char *path, bool block,
                struct err *err);

/* Whether a file may be created at path: its directory exists below an
 * allowed one, without links on the way, and nothing is there yet (EXISTS).
 */
int source_may_create(const struct source_rules *rules, const char *path,
                      struct err *err);
