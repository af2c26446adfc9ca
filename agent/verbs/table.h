// SPDX-License-Identifier: Apache-2.0
/* All verbs. Static; any thread. */
#pragma once

#include "agent/verbs/verb.h"

/* NULL when there is none of that name. */
const struct verb *table_find(const char *name);

/* The row by which hosts by proxy serve that verb; NULL: they do not. */
const struct verb *table_find_remote(const char *name);

/* The nth verb in the order of the manual, NULL past the end. */
const struct verb *table_at(size_t n);

/* [{name, group, action_group, mutating, lane, doc, params: […]}] as
 * --dump-verbs prints it; returns owned. */
json_t *table_json(void);
