// SPDX-License-Identifier: Apache-2.0
/*
 * Scripts of a point, run for real by berth-exec: what they are given and
 * what they may hand back.
 */
#include "tests/unit/hookery.h"

#include <pthread.h>

/* --- contract --------------------------------------------------------------
 */

static void
test_nothing_is_done_without_scripts(void **state)
{
    struct hookery h;
    struct scripts found;

    (void)state;
    hookery_open(&h);
    assert_false(hooks_find(&h.rules, PLUG, &found));
    scripts_free(&found);
    assert_int_not_equal(access(h.work, F_OK), 0);
    hookery_close(&h);
}

static void
test_scripts_share_the_payload(void **state)
{
    struct hookery h;
    CLEANUP_FREE char *note = NULL;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "10_a",
                   SED("<driver ", "<driver io=\"x\" "));
    hookery_script(
        &h, "before_disk_hotplug", "20_b",
        "cat \"$_hook_domxml\" >$NOTE\n" SED("io=\"x\"", "io=\"y\""));
    assert_int_equal(hookery_run(&h, PLUG, DISK), 0);
    note = hookery_noted(&h);
    assert_non_null(strstr(note, "io=\"x\""));
    assert_non_null(h.out.text);
    assert_non_null(strstr(h.out.text, "io=\"y\""));
    assert_string_equal(hookery_row(&h, 0, "script"), "10_a");
    assert_string_equal(hookery_row(&h, 1, "result"), "ok");
    assert_true(hookery_empty(h.work));
    hookery_close(&h);
}

static void
test_same_text_is_no_result(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "a",
                   "cat \"$_hook_domxml\" >/dev/null");
    assert_int_equal(hookery_run(&h, PLUG, DISK), 0);
    assert_null(h.out.text);
    /* A point whose result is dropped: whatever is written. */
    hookery_script(&h, "after_disk_hotplug", "a",
                   "echo '<' >\"$_hook_domxml\"");
    assert_int_equal(hookery_run(&h, AFTER, DISK), 0);
    assert_null(h.out.text);
    hookery_close(&h);
}

static void
test_environment_and_surroundings(void **state)
{
    static const struct environ_property props[] = {{"size", "big"}};
    struct hookery h;
    CLEANUP_FREE char *note = NULL;

    (void)state;
    setenv("LEAKED", "yes", 1);
    hookery_open(&h);
    hookery_script(
        &h, "before_disk_hotplug", "a",
        "{ env; umask; pwd; ls -l /proc/self/fd | wc -l; readlink "
        "/proc/self/fd/0; ulimit -c; stat -c %a . \"$_hook_domxml\"; } >$NOTE");
    assert_int_equal(hookery_call(&h, &(struct hook_call){.point = PLUG,
                                                          .text = DISK,
                                                          .vm = "vm-uuid",
                                                          .flow_id = "flow-7",
                                                          .op_id = "op-9",
                                                          .props = props,
                                                          .nprops = 1,
                                                          .flags = -1}),
                     0);
    note = hookery_noted(&h);
    assert_null(strstr(note, "LEAKED"));
    assert_null(strstr(note, "HOME="));
    assert_non_null(strstr(note, "vmId=vm-uuid\n"));
    assert_non_null(strstr(note, "flow_id=flow-7\n"));
    assert_non_null(strstr(note, "op_id=op-9\n"));
    assert_non_null(strstr(note, "size=big\n"));
    assert_non_null(strstr(note, "hook_point=before_disk_hotplug\n"));
    assert_non_null(strstr(note, "libexec/python\n"));
    assert_non_null(strstr(note, "\n0077\n"));
    assert_non_null(strstr(note, "/work/point-"));
    /* 0, 1, 2, the directory that ls reads, and the line "total". */
    assert_non_null(strstr(note, "\n5\n/dev/null\n0\n700\n600\n"));
    hookery_close(&h);
}

static void
test_exit_codes(void **state)
{
    struct hookery h;
    CLEANUP_FREE char *note = NULL;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "1", "echo one >>$NOTE; exit 1");
    hookery_script(
        &h, "before_disk_hotplug", "2",
        "echo two >>$NOTE; echo no, not today >&2; echo why >&2; exit 7");
    hookery_script(&h, "before_disk_hotplug", "3",
                   "echo three >>$NOTE; exit 2");
    hookery_script(&h, "before_disk_hotplug", "4", "echo four >>$NOTE");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED,
                   "\"1\" of before_disk_hotplug failed with exit code 1");
    note = hookery_noted(&h);
    assert_string_equal(note, "one\ntwo\nthree\n");
    assert_string_equal(hookery_row(&h, 1, "stderr"), "no, not today; why");
    unlink(h.out.scripts ? hookery_sh(&h, "before_disk_hotplug", "1", "") : "");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED,
                   "\"2\" of before_disk_hotplug failed with exit code 7: no, "
                   "not today; why");
    hookery_close(&h);
}

static void
test_failure_after_the_fact_is_ignored(void **state)
{
    struct hookery h;
    CLEANUP_FREE char *note = NULL;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "after_disk_hotplug", "1", "echo one >>$NOTE; exit 1");
    hookery_file(&h, 2, "after_disk_hotplug", "2", 0755, "no shebang");
    hookery_file(&h, 2, "after_disk_hotplug", "3", 0777, "#!/bin/sh\n");
    hookery_script(&h, "after_disk_hotplug", "4",
                   "echo four >>$NOTE; kill -9 $$");
    hookery_script(&h, "after_disk_hotplug", "5", "echo five >>$NOTE");
    assert_int_equal(hookery_run(&h, AFTER, DISK), 0);
    note = hookery_noted(&h);
    assert_string_equal(note, "one\nfour\nfive\n");
    hookery_close(&h);
}

static void
test_launch_flags(void **state)
{
    struct hookery h;
    const struct hook_call call = {
        .point = POINT_BEFORE_VM_START, .text = "<domain/>", .flags = 1};

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_vm_start", "a",
                   "read f <\"$_hook_launchflags\"; [ $f = 1 ] || exit 1\n"
                   "echo 0 >\"$_hook_launchflags\"");
    assert_int_equal(hookery_call(&h, &call), 0);
    assert_int_equal(h.out.flags, 0);
    hookery_script(&h, "before_vm_start", "a",
                   "echo many >\"$_hook_launchflags\"");
    assert_int_equal(hookery_call(&h, &call), -1);
    unit_err(&h.err, ERR_HOOK_FAILED, "expected a decimal number");
    hookery_close(&h);
}

/* --- judged ----------------------------------------------------------------
 */

static void
test_grants_are_needed(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "50_raw",
                   SED("<disk ", "<disk rawio=\"yes\" "));
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED,
                   "[hook 50_raw] may = privilege");
    unit_err(&h.err, ERR_HOOK_FAILED, "disk[ua-1]@rawio");
    assert_string_equal(hookery_row(&h, 0, "result"), "result refused");
    h.granted = JUDGE_PRIVILEGE;
    assert_int_equal(hookery_run(&h, PLUG, DISK), 0);
    assert_true(h.out.privileged);
    assert_non_null(strstr(h.out.text, "rawio"));
    h.granted = 0;
    assert_int_equal(hookery_call(&h, &(struct hook_call){.point = PLUG,
                                                          .text = DISK,
                                                          .flags = -1,
                                                          .test = true}),
                     0);
    assert_non_null(strstr(hookery_row(&h, 0, "refused"), "may = privilege"));
    hookery_close(&h);
}

static void
test_sources_by_the_allow_list(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "a",
                   SED("file=\"/a\"", "file=\"/b\""));
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "may = source");
    h.sources_ok = true;
    assert_int_equal(hookery_run(&h, PLUG, DISK), 0);
    hookery_close(&h);
}

static void
test_address_is_fixed(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    h.granted = 15;
    hookery_script(&h, "before_disk_hotplug", "a",
                   SED("unit=\"1\"", "unit=\"2\""));
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "no grant allows that");
    hookery_script(&h, "before_disk_hotplug", "a", SED("ua-1", "ua-2"));
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "alias@name");
    hookery_close(&h);
}

static void
test_bad_results(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "a",
                   "echo '<disk>' >\"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "Not well-formed XML");
    hookery_script(&h, "before_disk_hotplug", "a",
                   "echo '<!DOCTYPE a [<!ENTITY x \"y\">]><disk>&x;</disk>' "
                   ">\"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "document type");
    hookery_script(&h, "before_disk_hotplug", "a", ": >\"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "wrote XML");
    hookery_script(&h, "before_disk_hotplug", "a", "rm \"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "cannot be read again");
    hookery_script(&h, "before_disk_hotplug", "a",
                   "ln -sf /etc/passwd \"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "cannot be read again");
    hookery_script(&h, "before_disk_hotplug", "a",
                   "rm \"$_hook_domxml\"; mkfifo \"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "no regular file");
    hookery_script(&h, "before_disk_hotplug", "a",
                   "printf '<disk/>\\000' >\"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "NUL byte");
    hookery_script(&h, "before_disk_hotplug", "a",
                   "head -c 100000000 /dev/zero >>\"$_hook_domxml\"");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "at most 16777216");
    assert_true(hookery_empty(h.work));
    hookery_close(&h);
}

/* --- places, lists
 * ------------------------------------------------------------ */

struct holder {
    struct hookery *h;
    struct hook_rules rules; /* its own: the test changes those of h */
    struct hook_outcome out;
    int rc;
};

static void *
hold(void *arg)
{
    struct holder *holder = arg;
    struct scripts scripts;

    hooks_find(&holder->rules, AFTER, &scripts);
    holder->rc = hooks_run(holder->h->hooks,
                           &(struct hook_call){.point = AFTER,
                                               .scripts = &scripts,
                                               .rules = &holder->rules,
                                               .text = DISK,
                                               .flags = -1},
                           &holder->out, NULL);
    scripts_free(&scripts);
    return NULL;
}

static void
test_places_are_limited(void **state)
{
    struct hookery h;
    struct holder holder = {.h = &h, .out = {.flags = -1}, .rc = -1};
    CLEANUP_FREE char *path = NULL, *go = NULL;
    pthread_t thread;

    (void)state;
    hookery_open(&h);
    h.rules.max = 1;
    path = hookery_note(&h);
    go = mem_printf("%s/go", h.folder);
    hookery_script(
        &h, "after_disk_hotplug", "a",
        "echo here >$NOTE; while [ ! -e ${NOTE%note}go ]; do sleep 0.01; done");
    hookery_script(&h, "before_disk_hotplug", "a", "");
    holder.rules = h.rules;
    assert_int_equal(pthread_create(&thread, NULL, hold, &holder), 0);
    while (access(path, F_OK) < 0)
        usleep(1000);
    h.rules.point_ms = 50;
    hookery_refuse(&h, PLUG, DISK, ERR_BUSY, "[hooks] max");
    unit_write(go, "");
    pthread_join(thread, NULL);
    assert_int_equal(holder.rc, 0);
    h.rules.point_ms = 0;
    assert_int_equal(hookery_run(&h, PLUG, DISK), 0);
    hook_outcome_clear(&holder.out);
    hookery_close(&h);
}

static void
test_lists_and_checksums(void **state)
{
    struct hookery h;
    CLEANUP_JSON json_t *list = NULL, *sums = NULL;
    const json_t *script;

    (void)state;
    hookery_open(&h);
    h.granted = JUDGE_SOURCE;
    hookery_file(&h, 0, "before_disk_hotplug", "a", 0755, "#!/bin/sh\nexit 2");
    hookery_file(&h, 2, "before_disk_hotplug", "b", 0775, "#!/bin/sh\n");
    hookery_file(&h, 1, "before_vm_migrate_source", "c", 0755, "#!/bin/sh\n");
    hookery_file(&h, 1, "before_lunch", "d", 0755, "#!/bin/sh\n");
    hookery_file(&h, 1, "before_dinner", "README", 0644, "");
    assert_int_equal(hookery_run(&h, PLUG, DISK), -1);
    unlink(hookery_file(&h, 2, "before_disk_hotplug", "b", 0644, ""));
    assert_int_equal(hookery_run(&h, PLUG, DISK), -1);
    list = hooks_list(h.hooks, &h.rules);
    script = json_array_get(
        json_object_get(json_array_get(json_object_get(list, "points"), 1),
                        "scripts"),
        0);
    assert_string_equal(json_get_text(script, "script", ""), "a");
    assert_int_equal(json_get_int(script, "runs", 0), 1);
    assert_int_equal(json_get_int(script, "failures", 0), 1);
    assert_string_equal(
        json_get_text(json_object_get(script, "last"), "result", ""), "exit 2");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(script, "may"), 0)),
        "source");
    assert_int_equal(json_array_size(json_object_get(list, "strange")), 1);
    sums = hooks_checksums(&h.rules);
    assert_string_equal(
        json_get_text(
            json_object_get(json_object_get(sums, "before_disk_hotplug"), "a"),
            "checksum", ""),
        json_get_text(script, "sha256", "none"));
    hookery_close(&h);
}

/* --- Python
 * -------------------------------------------------------------------- */

static void
test_python_finds_its_modules(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_file(&h, 2, "before_disk_hotplug", "a", 0755,
                 "#!/usr/bin/python3\n"
                 "import hooking\n"
                 "dom = hooking.read_domxml()\n"
                 "disk = dom.getElementsByTagName('driver')[0]\n"
                 "disk.setAttribute('discard', 'unmap')\n"
                 "hooking.write_domxml(dom)\n"
                 "rc, out, err = hooking.execCmd(['echo', 'a'])\n"
                 "assert (rc, out, err) == (0, [b'a'], [])\n"
                 "assert hooking.tobool('true') and not hooking.tobool('0')\n"
                 "hooking.log('done')\n");
    hookery_file(&h, 2, "before_disk_hotplug", "b", 0755,
                 "#!/usr/bin/python3\n"
                 "from vdsm.hook import hooking\n"
                 "from vdsm.common.units import GiB\n"
                 "assert GiB == 2 ** 30\n"
                 "if 'discard' in hooking.read_domxml().toxml():\n"
                 "    hooking.exit_hook('seen')\n");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "exit code 2: seen");
    assert_string_equal(hookery_row(&h, 0, "stderr"), "done");
    hookery_close(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_done_without_scripts),
        cmocka_unit_test(test_scripts_share_the_payload),
        cmocka_unit_test(test_same_text_is_no_result),
        cmocka_unit_test(test_environment_and_surroundings),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_failure_after_the_fact_is_ignored),
        cmocka_unit_test(test_launch_flags),
        cmocka_unit_test(test_grants_are_needed),
        cmocka_unit_test(test_sources_by_the_allow_list),
        cmocka_unit_test(test_address_is_fixed),
        cmocka_unit_test(test_bad_results),
        cmocka_unit_test(test_places_are_limited),
        cmocka_unit_test(test_lists_and_checksums),
        cmocka_unit_test(test_python_finds_its_modules),
    };

    return CASES(tests);
}
