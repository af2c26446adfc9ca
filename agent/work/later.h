// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs that the pool gets when some time has passed: what is asked again holds
 * no worker meanwhile. Any thread may post; it never blocks.
 */
#pragma once

#include "agent/work/pool.h"

struct later;

struct later *later_new(struct pool *pool);

/* Submit the job to its lane (NULL: none) after so many ms; it is dropped
 * where the pool takes no more, or later_stop comes first. */
void later_post(struct later *later, int64_t after_ms, const char *lane,
                const struct job *job);

/* Drop what waits, and what is posted from now on; before pool_stop. */
void later_stop(struct later *later);

/* After later_stop, when nobody posts any more. */
void later_free(struct later *later);
