// SPDX-License-Identifier: Apache-2.0
/* What a script's environment holds, and which names cannot come in. */
#include "tests/unit/unit.h"

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"
#include "hooks/environ.h"

static const char *
value_of(char **list, const char *name)
{
    size_t len = strlen(name);

    for (; *list; list++)
        if (!strncmp(*list, name, len) && (*list)[len] == '=')
            return *list + len + 1;
    return NULL;
}

static void
test_only_what_is_listed(void **state)
{
    static const struct environ_base base = {.python_path = "/lib/python",
                                             .payload_key = "_hook_domxml",
                                             .payload = "/run/x",
                                             .vm = "1234",
                                             .op_id = "op",
                                             .point = "before_vm_start"};
    static const struct environ_property props[] = {
        {"sap_agent", "true"}, {"viodiskcache", "old"}, {"viodiskcache", ""}};
    char **list;
    size_t n = 0;

    (void)state;
    setenv("LEAKED", "yes", 1);
    list = environ_make(&base, props, 3);
    while (list[n])
        n++;
    assert_int_equal(n, 10);
    assert_null(value_of(list, "LEAKED"));
    assert_null(value_of(list, "flow_id"));
    assert_string_equal(value_of(list, "vmId"), "1234");
    assert_string_equal(value_of(list, "op_id"), "op");
    assert_string_equal(value_of(list, "_hook_domxml"), "/run/x");
    assert_string_equal(value_of(list, "PYTHONPATH"), "/lib/python");
    assert_string_equal(value_of(list, "sap_agent"), "true");
    assert_string_equal(value_of(list, "viodiskcache"), ""); /* the VM's */
    assert_non_null(value_of(list, "PATH"));
    environ_free(list);
}

static void
test_names_that_steer_something(void **state)
{
    static const char *const bad[] = {"PATH",
                                      "LD_PRELOAD",
                                      "LD_LIBRARY_PATH",
                                      "PYTHONPATH",
                                      "PYTHONHOME",
                                      "PYTHONSTARTUP",
                                      "IFS",
                                      "ENV",
                                      "BASH_ENV",
                                      "BASH_FUNC_ls",
                                      "SHELLOPTS",
                                      "PS4",
                                      "PERL5LIB",
                                      "RUBYOPT",
                                      "NODE_OPTIONS",
                                      "GCONV_PATH",
                                      "LOCPATH",
                                      "LC_ALL",
                                      "vmId",
                                      "op_id",
                                      "flow_id",
                                      "_hook_domxml",
                                      "_hook_json",
                                      "hook_point",
                                      "",
                                      "1a",
                                      "a-b",
                                      "a b",
                                      "a=b",
                                      "BASH_FUNC_x%%",
                                      "a\n",
                                      "TMPDIR",
                                      "HOME",
                                      "MALLOC_CHECK_",
                                      "OPENSSL_CONF",
                                      "JAVA_TOOL_OPTIONS"};
    static const char *const good[] = {
        "sap_agent", "viodiskcache", "qemu_cmdline", "extnet",  "SMBIOS",
        "a",         "_x",           "hugepages",    "pathway", "ld_x"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const struct environ_property prop = {bad[i], "x"};
        struct err err = ERR_INIT;

        if (environ_check(&prop, 1, &err) == 0)
            fail_msg("\"%s\" was let in", bad[i]);
        unit_err(&err, ERR_HOOK_UNSAFE, bad[i]);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        const struct environ_property prop = {good[i], "x"};
        struct err err = ERR_INIT;

        if (environ_check(&prop, 1, &err) < 0)
            fail_msg("%s", err.message);
    }
}

static void
test_bounds(void **state)
{
    static struct environ_property many[ENVIRON_PROPERTIES_MAX + 1];
    CLEANUP_FREE char *wide = mem_zalloc(1, ENVIRON_VALUE_MAX + 2);
    struct environ_property one = {"wide", wide};
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i <= ENVIRON_PROPERTIES_MAX; i++)
        many[i] = (struct environ_property){"a", "b"};
    assert_int_equal(environ_check(many, ENVIRON_PROPERTIES_MAX, &err), 0);
    assert_int_equal(environ_check(many, ENVIRON_PROPERTIES_MAX + 1, &err), -1);
    unit_err(&err, ERR_HOOK_UNSAFE, "at most 256");
    memset(wide, 'x', ENVIRON_VALUE_MAX);
    assert_int_equal(environ_check(&one, 1, &err), 0);
    wide[ENVIRON_VALUE_MAX] = 'x';
    assert_int_equal(environ_check(&one, 1, &err), -1);
    unit_err(&err, ERR_HOOK_UNSAFE, "32768");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_listed),
        cmocka_unit_test(test_names_that_steer_something),
        cmocka_unit_test(test_bounds),
    };

    return CASES(tests);
}
