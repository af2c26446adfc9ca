// SPDX-License-Identifier: Apache-2.0
/* Scripts that misbehave, run for real: none may hang or hurt. */
#include "tests/unit/hookery.h"

#include <signal.h>

static void
test_hang_is_ended_with_its_tree(void **state)
{
    struct hookery h;
    CLEANUP_FREE char *note = NULL;
    int64_t from = clock_mono_ms();
    int a = 0, b = 0;

    (void)state;
    hookery_open(&h);
    h.rules.script_ms = 300;
    hookery_script(
        &h, "before_disk_hotplug", "a",
        "trap '' TERM\n"
        "setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 9; done' "
        ">>$NOTE &\n"
        "( ( setsid sh -c 'echo $$; exec sleep 1000' >>$NOTE & ) & )\n"
        "echo stuck >&2\nwhile :; do sleep 9; done");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED,
                   "had not ended after 300 ms");
    assert_true(clock_mono_ms() - from < 15000);
    unit_err(&h.err, ERR_HOOK_FAILED, "script_timeout_ms");
    unit_err(&h.err, ERR_HOOK_FAILED, ": stuck");
    note = hookery_noted(&h);
    assert_int_equal(sscanf(note, "%d %d", &a, &b), 2);
    assert_int_equal(kill(a, 0), -1);
    assert_int_equal(kill(b, 0), -1);
    hookery_close(&h);
}

static void
test_point_has_a_deadline_too(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    h.rules.point_ms = 500;
    hookery_script(&h, "before_disk_hotplug", "a", "sleep 0.3; exit 1");
    hookery_script(&h, "before_disk_hotplug", "b", "sleep 100; exit 1");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "\"a\"");
    assert_string_equal(hookery_row(&h, 1, "result"), "timed out");
    hookery_close(&h);
}

static void
test_child_that_is_left_is_ended(void **state)
{
    struct hookery h;
    CLEANUP_FREE char *note = NULL;
    int pid = 0;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "a",
                   "setsid sh -c 'echo $$ >$0; exec sleep 1000' $NOTE &\n"
                   "while [ ! -s $NOTE ]; do sleep 0.01; done");
    assert_int_equal(hookery_run(&h, PLUG, DISK), 0);
    note = hookery_noted(&h);
    assert_int_equal(sscanf(note, "%d", &pid), 1);
    assert_int_equal(kill(pid, 0), -1);
    hookery_close(&h);
}

static void
test_flood_is_drained_and_capped(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_script(
        &h, "before_disk_hotplug", "a",
        "head -c 30000000 /dev/zero; head -c 30000000 /dev/zero >&2; exit 2");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "exit code 2");
    assert_true(strlen(h.err.message) < sizeof(h.err.message) - 1);
    hookery_close(&h);
}

static void
test_scripts_that_cannot_run(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_file(&h, 2, "before_disk_hotplug", "a", 0755, "exit 0\n");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_UNSAFE, "no #! line");
    hookery_file(&h, 2, "before_disk_hotplug", "a", 0755,
                 "\177ELF garbage that is no program");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_UNSAFE, "Exec format error");
    hookery_file(&h, 2, "before_disk_hotplug", "a", 0755,
                 "#!/no/such/interpreter\n");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_UNSAFE, "#! line names");
    hookery_file(&h, 2, "before_disk_hotplug", "a", 0755, "");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_UNSAFE, "could not start");
    hookery_file(&h, 2, "before_disk_hotplug", "a", 04755, "#!/bin/sh\n");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_UNSAFE, "setuid");
    unlink(hookery_file(&h, 2, "before_disk_hotplug", "a", 0755, ""));
    hookery_file(&h, 2, "before_disk_hotplug", "a\nb", 0755, "#!/bin/sh\n");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_UNSAFE, "control characters");
    hookery_close(&h);
}

static void
test_script_that_dies(void **state)
{
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "a", "echo oh >&2; kill -9 $$");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "signal 9: oh");
    /* Its guard: there is no report, and no doubt either. */
    hookery_script(&h, "before_disk_hotplug", "a", "kill -9 $PPID; sleep 1000");
    assert_int_equal(hookery_run(&h, PLUG, DISK), -1);
    assert_non_null(strstr(h.err.message, "no report"));
    hookery_close(&h);
}

/* Another user can enter /tmp, but not the folder that the runner gives. */
static void
test_unreadable_for_its_user(void **state)
{
    struct hookery h;
    CLEANUP_FREE char *given = mem_dup(getenv("TMPDIR"));
    CLEANUP_FREE char *remove = NULL;

    (void)state;
    setenv("TMPDIR", "/tmp", 1);
    hookery_open(&h);
    if (given)
        setenv("TMPDIR", given, 1);
    remove = mem_printf("rm -rf %s", h.folder);
    h.rules.user = "no-such-user-here";
    hookery_script(&h, "before_disk_hotplug", "a", "");
    hookery_refuse(&h, PLUG, DISK, ERR_HOOK_UNSAFE, "no-such-user-here");
    if (geteuid() == 0) {
        CLEANUP_FREE char *note = hookery_note(&h);
        CLEANUP_FREE char *text = NULL;

        h.rules.user = "nobody";
        unit_write(note, "");
        assert_int_equal(chmod(note, 0666), 0);
        hookery_script(
            &h, "before_disk_hotplug", "a",
            SED("<driver ", "<driver io=\"x\" ") "id -un >$NOTE; id -Gn "
                                                 ">>$NOTE");
        assert_int_equal(hookery_run(&h, PLUG, DISK), 0);
        assert_non_null(strstr(h.out.text, "io"));
        text = hookery_noted(&h);
        assert_string_equal(text, "nobody\nnogroup\n");
        chmod(hookery_sh(&h, "before_disk_hotplug", "a", ""), 0711);
        hookery_refuse(&h, PLUG, DISK, ERR_HOOK_FAILED, "exit code");
    }
    assert_int_equal(system(remove), 0);
    hookery_close(&h);
}

static void
test_hostile_property(void **state)
{
    static const struct environ_property prop = {"LD_PRELOAD", "/x.so"};
    struct hookery h;

    (void)state;
    hookery_open(&h);
    hookery_script(&h, "before_disk_hotplug", "a", "");
    assert_int_equal(hookery_call(&h, &(struct hook_call){.point = PLUG,
                                                          .text = DISK,
                                                          .props = &prop,
                                                          .nprops = 1,
                                                          .flags = -1}),
                     -1);
    unit_err(&h.err, ERR_HOOK_UNSAFE, "LD_PRELOAD");
    hookery_close(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hang_is_ended_with_its_tree),
        cmocka_unit_test(test_point_has_a_deadline_too),
        cmocka_unit_test(test_child_that_is_left_is_ended),
        cmocka_unit_test(test_flood_is_drained_and_capped),
        cmocka_unit_test(test_scripts_that_cannot_run),
        cmocka_unit_test(test_script_that_dies),
        cmocka_unit_test(test_unreadable_for_its_user),
        cmocka_unit_test(test_hostile_property),
    };

    return CASES(tests);
}
