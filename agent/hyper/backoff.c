// SPDX-License-Identifier: Apache-2.0
/* Doubling, a ceiling, and jitter around both. */
#include "agent/hyper/backoff.h"

#define FIRST_MS 500
#define MOST_MS 30000
#define SHARE 4 /* the jitter is at most this part of the pause */

int64_t
backoff_next(struct backoff *backoff, uint64_t random)
{
    int64_t pause = backoff->pause_ms ? backoff->pause_ms * 2 : FIRST_MS;
    int64_t jitter;

    if (pause > MOST_MS)
        pause = MOST_MS;
    backoff->pause_ms = pause;
    jitter = (int64_t)(random % (uint64_t)(2 * (pause / SHARE) + 1));
    return pause - pause / SHARE + jitter;
}
