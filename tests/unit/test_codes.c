// SPDX-License-Identifier: Apache-2.0
/* The table of error kinds, and the page that is printed from it. */
#include "tests/unit/unit.h"

#include <stdbool.h>

#include "agent/common/buf.h"
#include "agent/common/file.h"
#include "protocol/codes.h"

#define PAGE "protocol/README.md"
#define BEGIN "<!-- codes: begin -->\n"
#define END "<!-- codes: end -->\n"

static void
the_codes_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(codes_number(ERR_PARSE), -32700);
    assert_int_equal(codes_number(ERR_INVALID_REQUEST), -32600);
    assert_int_equal(codes_number(ERR_NO_METHOD), -32601);
    assert_int_equal(codes_number(ERR_INVALID), -32602);
    assert_int_equal(codes_number(ERR_INTERNAL), -32603);
}

static void
every_other_code_is_its_own_and_in_the_server_range(void **state)
{
    (void)state;
    for (int a = ERR_NONE + 1; a < ERR_KINDS; a++) {
        int number = codes_number((enum err_kind)a);

        assert_true((number <= -32000 && number >= -32099) ||
                    (number <= -32600 && number >= -32700));
        for (int b = a + 1; b < ERR_KINDS; b++)
            assert_int_not_equal(number, codes_number((enum err_kind)b));
    }
}

static void
every_class_is_known(void **state)
{
    static const char *const classes[] = {
        "retry_now", "retry_after", "retry_after_guest_action",
        "fix_input", "fix_host",    "never",
    };

    (void)state;
    for (int kind = ERR_NONE + 1; kind < ERR_KINDS; kind++) {
        const char *class = codes_class((enum err_kind)kind);
        bool known = false;

        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
            known |= strcmp(class, classes[i]) == 0;
        assert_true(known);
        assert_true(codes_text((enum err_kind)kind)[0]);
    }
}

static void
an_unknown_kind_is_internal(void **state)
{
    (void)state;
    assert_int_equal(codes_number(ERR_NONE), -32603);
    assert_int_equal(codes_number((enum err_kind)9999), -32603);
}

static void
vdsm_codes_are_those_of_its_border(void **state)
{
    (void)state;
    assert_int_equal(codes_vdsm(ERR_NO_METHOD), -32601);
    assert_int_equal(codes_vdsm(ERR_NOT_FOUND), 1);
    assert_int_equal(codes_vdsm(ERR_RECOVERING), 99);
    assert_int_equal(codes_vdsm(ERR_DENIED), 100);
    assert_int_equal(codes_vdsm(ERR_HYPERVISOR_FAILED), 0);
}

static void
print_code(struct buf *out, int number)
{
    if (number)
        buf_printf(out, "| %d ", number);
    else
        buf_add_text(out, "| the verb's ");
}

static void
print_table(struct buf *out)
{
    buf_add_text(out, "| code | VDSM's | kind | class | meaning |\n"
                      "|---|---|---|---|---|\n");
    for (int kind = ERR_NONE + 1; kind < ERR_KINDS; kind++) {
        print_code(out, codes_number((enum err_kind)kind));
        print_code(out, codes_vdsm((enum err_kind)kind));
        buf_printf(out, "| `%s` | `%s` | %s |\n",
                   err_kind_name((enum err_kind)kind),
                   codes_class((enum err_kind)kind),
                   codes_text((enum err_kind)kind));
    }
}

/* BERTH_GOLDEN_UPDATE=1 writes the page anew. */
static void
the_page_holds_the_table(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP_FREE char *page = file_read(PAGE, 1 << 20, NULL, &err);
    const char *begin = page ? strstr(page, BEGIN) : NULL;
    const char *end = begin ? strstr(begin, END) : NULL;
    CLEANUP_BUF struct buf wanted = BUF_INIT;

    (void)state;
    assert_non_null(end);
    buf_add(&wanted, page, (size_t)(begin - page) + strlen(BEGIN));
    print_table(&wanted);
    buf_add_text(&wanted, end);
    if (getenv("BERTH_GOLDEN_UPDATE"))
        assert_int_equal(file_write(PAGE, wanted.data, wanted.len, 0644, &err),
                         0);
    else
        assert_string_equal(page, wanted.data);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(the_codes_of_the_specification),
        cmocka_unit_test(every_other_code_is_its_own_and_in_the_server_range),
        cmocka_unit_test(every_class_is_known),
        cmocka_unit_test(an_unknown_kind_is_internal),
        cmocka_unit_test(vdsm_codes_are_those_of_its_border),
        cmocka_unit_test(the_page_holds_the_table),
    };

    return CASES(cases);
}
