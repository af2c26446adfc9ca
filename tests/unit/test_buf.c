// SPDX-License-Identifier: Apache-2.0
/* Buffers and the aborting allocations behind them. */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/mem.h"

static void
grows_and_stays_text(void **state)
{
    CLEANUP_BUF struct buf b = BUF_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        buf_add(&b, "ab", 2);
        assert_int_equal(b.data[b.len], '\0');
    }
    buf_printf(&b, "-%d-%s", 7, "end");
    assert_int_equal(b.len, 2006);
    assert_string_equal(b.data + 2000, "-7-end");
    buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 2006);
}

static void
consumes_from_the_front(void **state)
{
    CLEANUP_BUF struct buf b = BUF_INIT;

    (void)state;
    buf_add_text(&b, "one two");
    buf_consume(&b, 4);
    assert_string_equal(b.data, "two");
    buf_consume(&b, 99);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    buf_add_text(&b, "x");
    assert_string_equal(b.data, "x");
}

static void
steal_hands_out_and_empties(void **state)
{
    struct buf b = BUF_INIT;
    char *text = buf_steal(&b);

    (void)state;
    assert_string_equal(text, "");
    free(text);
    buf_add_text(&b, "mine");
    text = buf_steal(&b);
    assert_string_equal(text, "mine");
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    free(text);
}

static void
vector_grows_zeroed(void **state)
{
    int *vec = NULL;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        vec = mem_more(vec, i, sizeof(*vec));
        assert_int_equal(vec[i], 0);
        vec[i] = (int)i + 1;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(vec[i], i + 1);
    free(vec);
}

static void
copies_of_text(void **state)
{
    CLEANUP_FREE char *whole = mem_dup("text");
    CLEANUP_FREE char *part = mem_ndup("text", 2);
    CLEANUP_FREE char *made = mem_printf("%s-%d", "a", 1);

    (void)state;
    assert_string_equal(whole, "text");
    assert_string_equal(part, "te");
    assert_string_equal(made, "a-1");
    assert_null(mem_dup(NULL));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(grows_and_stays_text),
        cmocka_unit_test(consumes_from_the_front),
        cmocka_unit_test(steal_hands_out_and_empties),
        cmocka_unit_test(vector_grows_zeroed),
        cmocka_unit_test(copies_of_text),
    };

    return CASES(cases);
}
