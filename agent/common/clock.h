// SPDX-License-Identifier: Apache-2.0
/* Time. All durations are milliseconds; stamps are RFC 3339 UTC. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CLOCK_STAMP 32 /* "2026-01-31T12:00:00.123Z" and its NUL */

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* since the epoch */

/* Wall time as RFC 3339 with milliseconds. */
void clock_stamp(int64_t wall_ms, char out[CLOCK_STAMP]);
