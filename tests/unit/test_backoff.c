// SPDX-License-Identifier: Apache-2.0
/* Pauses grow, have a ceiling, and scatter by a quarter. */
#include "tests/unit/unit.h"

#include "agent/hyper/backoff.h"

static void
pauses_double_up_to_a_ceiling(void **state)
{
    static const int64_t want[] = {500,  1000,  2000,  4000, 8000,
                                   16000, 30000, 30000, 30000};
    struct backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(backoff_next(&backoff, (uint64_t)want[i] / 4),
                         want[i]);
}

static void
pauses_scatter_by_a_quarter(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    for (uint64_t random = 0; random < 100000; random++) {
        struct backoff backoff = {.pause_ms = 4000};
        int64_t pause = backoff_next(&backoff, random * 2654435761u);

        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    assert_in_range(least, 6000, 6100);
    assert_in_range(most, 9900, 10000);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(pauses_double_up_to_a_ceiling),
        cmocka_unit_test(pauses_scatter_by_a_quarter),
    };

    return CASES(cases);
}
