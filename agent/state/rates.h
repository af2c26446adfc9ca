// SPDX-License-Identifier: Apache-2.0
/*
 * How fast counters grow between two readings. Pure.
 */
#pragma once

#include "agent/common/json.h"

/*
 * For each counter of now: its growth per second as a member of now,
 * "rx_bytes_rate" for "rx_bytes"; 0 where before (NULL: none) has no such
 * counter, or a greater one: then it began anew.
 */
void rates_put(json_t *now, const json_t *before, const char *const *counters,
               double seconds);

/* The same for each object of an array, whose like in before is that of the
 * same "name". */
void rates_put_each(json_t *now, const json_t *before,
                    const char *const *counters, double seconds);

/* The same for each member of an object of objects. */
void rates_put_members(json_t *now, const json_t *before,
                       const char *const *counters, double seconds);
