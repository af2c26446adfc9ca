// SPDX-License-Identifier: Apache-2.0
/* Differences of integers; a rate is a real number, never an integer. */
#include "agent/state/rates.h"

#include <stdio.h>
#include <string.h>

void
rates_put(json_t *now, const json_t *before, const char *const *counters,
          double seconds)
{
    char key[64];

    for (; *counters; counters++) {
        json_int_t to = json_get_int(now, *counters, 0);
        json_int_t from = json_get_int(before, *counters, to);
        double grown = to > from && seconds > 0 ? (double)(to - from) : 0;

        snprintf(key, sizeof(key), "%s_rate", *counters);
        json_put(now, key, json_real(grown > 0 ? grown / seconds : 0));
    }
}

/* Mostly at the same place as before. */
static const json_t *
named(const json_t *list, const char *name, size_t guess)
{
    const json_t *at = json_array_get(list, guess);
    size_t i;

    if (at && strcmp(json_get_text(at, "name", ""), name) == 0)
        return at;
    json_array_foreach (list, i, at)
        if (strcmp(json_get_text(at, "name", ""), name) == 0)
            return at;
    return NULL;
}

void
rates_put_each(json_t *now, const json_t *before, const char *const *counters,
               double seconds)
{
    json_t *at;
    size_t i;

    json_array_foreach (now, i, at)
        rates_put(at, named(before, json_get_text(at, "name", ""), i), counters,
                  seconds);
}

void
rates_put_members(json_t *now, const json_t *before,
                  const char *const *counters, double seconds)
{
    const char *key;
    json_t *at;

    json_object_foreach (now, key, at)
        rates_put(at, json_object_get(before, key), counters, seconds);
}
