// SPDX-License-Identifier: Apache-2.0
/*
 * How long to wait before the next try: 0.5 s, doubled each time up to 30 s,
 * and up to a quarter more or less, so that what failed together does not
 * come back together. Pure; locked by its owner.
 */
#pragma once

#include <stdint.h>

struct backoff {
    int64_t pause_ms; /* of the last try; 0: there was none */
};

/* random: any number that others do not share. Returns milliseconds. */
int64_t backoff_next(struct backoff *backoff, uint64_t random);
