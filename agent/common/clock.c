// SPDX-License-Identifier: Apache-2.0
/* Readings of the two clocks, and the one format in which stamps are told. */
#include "agent/common/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
read_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_mono_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

void
clock_stamp(int64_t wall_ms, char out[CLOCK_STAMP])
{
    int64_t ms = wall_ms % 1000;
    time_t seconds;
    struct tm tm = {0};
    size_t n;

    if (ms < 0)
        ms += 1000;
    seconds = (time_t)((wall_ms - ms) / 1000);
    gmtime_r(&seconds, &tm);
    n = strftime(out, CLOCK_STAMP, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_STAMP - n, ".%03dZ", (int)ms);
}
