// SPDX-License-Identifier: Apache-2.0
/* What is printed: columns, the tree, receipts, failures; exit codes. */
#include "tests/unit/unit.h"

#include "agent/common/json.h"
#include "agent/ctl/commands.h"
#include "agent/ctl/completion.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/grid.h"
#include "agent/ctl/help.h"
#include "agent/ctl/print.h"
#include "agent/ctl/result.h"
#include "agent/ctl/term.h"
#include "agent/ctl/tree.h"

/* A stream whose text can be looked at. */
struct page {
    FILE *file;
    char *text;
    size_t len;
};

static FILE *
page_open(struct page *page)
{
    page->file = open_memstream(&page->text, &page->len);
    assert_non_null(page->file);
    return page->file;
}

static void
page_is(struct page *page, const char *expected)
{
    fclose(page->file);
    assert_string_equal(page->text, expected);
    free(page->text);
}

static void
page_has(struct page *page, const char *part)
{
    fclose(page->file);
    if (!strstr(page->text, part))
        fail_msg("'%s' does not hold '%s'", page->text, part);
    free(page->text);
}

static json_t *
json_of(const char *text)
{
    struct err err = ERR_INIT;
    json_t *value = json_parse(text, strlen(text), NULL, &err);

    if (!value)
        fail_msg("%s: %s", text, err.message);
    return value;
}

static void
text_is_harmless(void **state)
{
    CLEANUP_BUF struct buf b = BUF_INIT;

    (void)state;
    term_add(&b, "ä\033[2J\n\xff\u202e\xc2\x9b", false);
    assert_string_equal(b.data, "ä\\u001b[2J\\u000a\\xff\\u202e\\u009b");
    buf_clear(&b);
    term_add(&b, "a\n\tb\r", true);
    assert_string_equal(b.data, "a\n\tb\\u000d");
}

static void
columns_align(void **state)
{
    static const char *const titles[] = {"NAME", ">SIZE", "LAST"};
    CLEANUP_GRID struct grid *grid = grid_new(titles, 3);
    struct page page;

    (void)state;
    grid_add(grid, "wéb");
    grid_add(grid, "1 GiB");
    grid_add(grid, "x");
    grid_add(grid, "database");
    grid_add(grid, "12");
    grid_add(grid, NULL);
    grid_print(grid, page_open(&page));
    page_is(&page, "NAME       SIZE  LAST\n"
                   "wéb       1 GiB  x\n"
                   "database     12  -\n");
}

static void
a_topology_is_a_tree(void **state)
{
    CLEANUP_JSON json_t *topology = json_of(
        "{\"name\": \"web\", \"machine\": \"q35\", \"state\": \"running\","
        "\"ports\": {\"total\": 9, \"free\": 8}, \"tree\": ["
        "{\"label\": \"pcie-root-port 1\", \"address\": \"0000:00:02.0\","
        " \"children\": [{\"label\": \"virtio-scsi 0\", \"children\": ["
        "  {\"label\": \"target 0\", \"children\": ["
        "   {\"label\": \"disk a\", \"address\": \"0:0:0:0\","
        "    \"alias\": \"ua-2b77c5f0-6f0e-4c53-9a3b-0d1c5a2e7f10\","
        "    \"state\": \"unplug_pending\"},"
        "   {\"label\": \"disk b\", \"address\": \"0:0:0:1\","
        "    \"detail\": \"/dev/sdx\", \"behind\": \"36001 IET\"}]}]}]},"
        "{\"label\": \"pcie-root-port 2\", \"free\": true}]}");
    struct page page;

    (void)state;
    tree_print(topology, page_open(&page));
    page_is(&page, "web  q35  running  8 of 9 root ports free\n"
                   "├─ pcie-root-port 1  0000:00:02.0\n"
                   "│  └─ virtio-scsi 0\n"
                   "│     └─ target 0\n"
                   "│        ├─ disk a  0:0:0:0  ua-2b77c5f0…  "
                   "unplug_pending\n"
                   "│        └─ disk b  0:0:0:1  /dev/sdx → 36001 IET\n"
                   "└─ pcie-root-port 2  (free)\n");
}

static void
objects_print_field_by_field(void **state)
{
    CLEANUP_JSON json_t *obj = json_of(
        "{\"name\": \"web\", \"memory\": 1073741824, \"age_ms\": 12,"
        "\"kernel\": null, \"tags\": [\"a\", \"b\"], \"nics\": [],"
        "\"disks\": [{\"address\": {\"type\": \"drive\", \"controller\": 0,"
        "\"bus\": 0, \"target\": 0, \"unit\": 3}}],"
        "\"ports\": {\"total\": 8}}");
    struct page page;

    (void)state;
    print_fields(page_open(&page), obj, 0);
    page_is(&page, "name: web\n"
                   "memory: 1 GiB\n"
                   "age_ms: 12 ms\n"
                   "kernel: -\n"
                   "tags: a, b\n"
                   "nics: -\n"
                   "disks:\n"
                   "  -\n"
                   "    address: 0:0:0:3\n"
                   "ports:\n"
                   "  total: 8\n");
}

/* A receipt of `disk plug`: what is printed and the exit code. */
static void
check_receipt(const char *text, const char *expected, enum ctl_exit code)
{
    CLEANUP_JSON json_t *result = json_of(text);
    struct page page;
    struct ctl ctl = {.out = page_open(&page)};

    assert_int_equal(result_print(&ctl, commands_find("disk", "plug"), result),
                     code);
    page_is(&page, expected);
}

static void
receipts_say_what_happened(void **state)
{
    (void)state;
    check_receipt("{\"op_id\": \"o\", \"state\": \"done\", \"changed\": true,"
                  "\"disk_id\": \"d1\", \"address\": {\"type\": \"pci\","
                  "\"domain\": 0, \"bus\": 2, \"slot\": 0, \"function\": 0},"
                  "\"warnings\": [\"look\"], \"timings_ms\": {\"total\": 12}}",
                  "plugged d1 at 0000:02:00.0 (12 ms)\nwarning: look\n",
                  CTL_OK);
    check_receipt("{\"op_id\": \"o\", \"state\": \"done\", \"changed\": false,"
                  "\"disk_id\": \"d1\"}",
                  "already plugged d1\n", CTL_OK);
    check_receipt("{\"op_id\": \"o\", \"state\": \"pending\"}",
                  "pending: operation o goes on; `berthctl op show` with "
                  "this id says how it ends\n",
                  CTL_PENDING);
    check_receipt("{\"op_id\": \"o\", \"state\": \"refused\"}",
                  "refused: operation o\n", CTL_FAILED);
    check_receipt("{\"steps\": [{\"step\": \"attach_disk\"}]}",
                  "nothing was changed; the plan is:\n1.\n"
                  "   step: attach_disk\n",
                  CTL_OK);
}

static void
names_print_alone(void **state)
{
    CLEANUP_JSON json_t *result =
        json_of("{\"vms\": [{\"name\": \"a\"}, {\"name\": \"b\\n\"}]}");
    struct page page;
    struct ctl ctl = {.out = page_open(&page), .output = CTL_NAME};

    (void)state;
    result_print(&ctl, commands_find("vm", "ls"), result);
    page_is(&page, "a\nb\\u000a\n");
}

static void
kinds_have_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(fail_code(ERR_NOT_FOUND), 3);
    assert_int_equal(fail_code(ERR_DENIED), 5);
    assert_int_equal(fail_code(ERR_BUSY), 6);
    assert_int_equal(fail_code(ERR_RECOVERING), 6);
    assert_int_equal(fail_code(ERR_UNREACHABLE), 7);
    assert_int_equal(fail_code(ERR_TLS_UNTRUSTED), 7);
    assert_int_equal(fail_code(ERR_INVALID), 1);
    assert_int_equal(fail_code(ERR_INTERNAL), 1);
}

static void
failures_say_what_to_do(void **state)
{
    CLEANUP_JSON json_t *refusal =
        json_of("{\"code\": -32602, \"message\": \"m\", \"data\": {\"kind\":"
                "\"INVALID\", \"class\": \"fix_input\", \"param\": \"size\","
                "\"value\": \"7\", \"expected\": \"a multiple of 512\","
                "\"libvirt\": {\"message\": \"no\\u001b\"}}}");
    struct err err = {.kind = ERR_INVALID, .message = "it is odd"};
    struct page page;

    (void)state;
    assert_int_equal(fail_print(page_open(&page), "AddDisk", &err, refusal),
                     CTL_FAILED);
    page_is(&page, "berthctl: AddDisk: it is odd\n"
                   "  parameter: size\n"
                   "  value: 7\n"
                   "  expected: a multiple of 512\n"
                   "  libvirt says: no\\u001b\n"
                   "  hint: Correct the value and repeat the command.\n");
}

static void
help_tells_every_row(void **state)
{
    const struct command *c;
    struct page page;

    (void)state;
    for (size_t i = 0; (c = commands_at(i)); i++) {
        help_print(page_open(&page), c->noun, c);
        page_has(&page, c->doc);
        help_print(page_open(&page), NULL, NULL);
        page_has(&page, c->doc);
        help_pod(page_open(&page));
        page_has(&page, c->doc);
    }
    completion_bash(page_open(&page));
    page_has(&page, "complete -F _berthctl berthctl\n");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(text_is_harmless),
        cmocka_unit_test(columns_align),
        cmocka_unit_test(a_topology_is_a_tree),
        cmocka_unit_test(objects_print_field_by_field),
        cmocka_unit_test(receipts_say_what_happened),
        cmocka_unit_test(names_print_alone),
        cmocka_unit_test(kinds_have_exit_codes),
        cmocka_unit_test(failures_say_what_to_do),
        cmocka_unit_test(help_tells_every_row),
    };

    return CASES(cases);
}
