// SPDX-License-Identifier: Apache-2.0
/*
 * Plans as text: tests/golden/plan/NAME.json sets a VM up on the scripted
 * backend and asks for one more verb as a dry run; NAME.txt is the plan, or
 * the refusal. BERTH_GOLDEN_UPDATE=1 writes the texts anew. Every XML of a
 * plan is valid against libvirt's schema.
 */
#include <glob.h>

#include "agent/common/file.h"
#include "agent/common/proc.h"
#include "tests/unit/house.h"

#define FOLDER "tests/golden/plan/"
#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"
#define CASES_MAX 64

/* "/images" of the cases is the test's own folder, both ways. */
static char *
swap(const char *text, const char *from, const char *to)
{
    char *out = mem_zalloc(strlen(text) * 8 + 1, 1), *at = out;
    size_t len = strlen(from);

    while (*text) {
        if (!strncmp(text, from, len)) {
            at = stpcpy(at, to);
            text += len;
        } else {
            *at++ = *text++;
        }
    }
    return out;
}

static json_t *
call(struct house *house, const json_t *pair, bool dry)
{
    CLEANUP_JSON json_t *params = json_deep_copy(json_array_get(pair, 1));
    CLEANUP_FREE char *text = NULL, *here = NULL;

    if (dry)
        json_put_bool(params, "dry_run", true);
    text = json_text(params, NULL);
    here = swap(text, "/images", house->folder);
    return house_call(house, json_string_value(json_array_get(pair, 0)), here);
}

static char *
plan_text(struct house *house, const json_t *test)
{
    json_t *answer = call(house, json_object_get(test, "dry_run"), true);
    CLEANUP_FREE char *text = NULL;

    if (answer)
        text = json_pretty(answer);
    else
        text = mem_printf("%s: %s", err_kind_name(house->err.kind),
                          house->err.message);
    return swap(text, house->folder, "/images");
}

/* A device needs a domain around it to be valid. */
static void
check_xml(const struct house *house, const char *xml)
{
    CLEANUP_FREE char *path = mem_printf("%s/check.xml", house->folder);
    bool whole = !strncmp(xml, "<domain", 7);
    CLEANUP_FREE char *text =
        whole ? mem_dup(xml)
              : mem_printf("<domain type='qemu'><name>x</name><memory>1024"
                           "</memory><os><type>hvm</type></os><devices>%s"
                           "</devices></domain>",
                           xml);
    const char *argv[] = {"xmllint", "--noout", "--relaxng", SCHEMA, path,
                          NULL};
    struct proc_result result;
    struct err err = ERR_INIT;

    unit_write(path, text);
    if (proc_run(&(struct proc){.argv = argv, .timeout_ms = 60000,
                                .max_output = 65536},
                 &result, &err) < 0)
        fail_msg("%s", err.message);
    if (result.status != 0)
        fail_msg("%s\n%s", result.errout, text);
    proc_result_free(&result);
}

static void
check_all_xml(const struct house *house, const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    json_object_foreach((json_t *)value, key, member)
    {
        if (!strcmp(key, "xml"))
            check_xml(house, json_string_value(member));
        check_all_xml(house, member);
    }
    if (json_is_array(value))
        json_array_foreach(value, i, member)
            check_all_xml(house, member);
}

static void
run_case(void **state)
{
    const char *path = *state;
    CLEANUP_FREE char *golden = mem_ndup(path, strlen(path) - 5);
    CLEANUP_FREE char *want_path = mem_printf("%s.txt", golden);
    CLEANUP_FREE char *text = file_read(path, 1 << 20, NULL, NULL);
    CLEANUP_FREE char *have = NULL, *want = NULL, *line = NULL;
    CLEANUP_JSON json_t *test = NULL;
    struct house house;
    json_t *pair;
    size_t i;

    house_start(&house);
    test = json_parse(text, strlen(text), &(struct json_limits){32, 0},
                      &house.err);
    assert_non_null(test);
    json_array_foreach(json_object_get(test, "setup"), i, pair)
    {
        if (!call(&house, pair, false))
            fail_msg("%s: %s", path, house.err.message);
    }
    have = plan_text(&house, test);
    check_all_xml(&house, house.answer);
    line = mem_printf("%s\n", have);
    if (getenv("BERTH_GOLDEN_UPDATE"))
        unit_write(want_path, line);
    want = file_read(want_path, 1 << 20, NULL, NULL);
    if (!want || strcmp(want, line) != 0)
        fail_msg("%s differs; the plan is now:\n%s", want_path, line);
    house_end(&house);
}

int
main(void)
{
    struct CMUnitTest tests[CASES_MAX] = {{.name = NULL}};
    glob_t files = {.gl_pathc = 0};
    size_t n = 0;
    int failed;

    if (glob(FOLDER "*.json", 0, NULL, &files) != 0 ||
        files.gl_pathc >= CASES_MAX)
        return 1;
    for (; n < files.gl_pathc; n++) {
        tests[n].name = strrchr(files.gl_pathv[n], '/') + 1;
        tests[n].test_func = run_case;
        tests[n].initial_state = files.gl_pathv[n];
    }
    failed = _cmocka_run_group_tests("golden_plan", tests, n, NULL, NULL);
    globfree(&files);
    return failed;
}
