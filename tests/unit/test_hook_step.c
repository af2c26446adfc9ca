// SPDX-License-Identifier: Apache-2.0
/*
 * Hook scripts around real operations, from verb to receipt, on the scripted
 * backend: which points fire, in which order, with what; what becomes of the
 * result; what a refusal leaves behind.
 */
#include "agent/verbs/exam_hook.h"
#include "tests/unit/hook_house.h"

#define VM "{'vm': 'vm1'"
#define D1 "11111111-1111-4111-8111-111111111111"

static void
start(struct house *house, bool running)
{
    house_start(house);
    house_do(house, "CreateVm", "{'name': 'vm1', 'memory': 134217728}");
    if (running)
        house_do(house, "StartVm", VM ", 'paused': true}");
}

static json_t *
add(struct house *house, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text),
             VM ", 'disk_id': '" D1 "', 'size': 1048576, 'source': {'type':"
                " 'file', 'path': '%s/a.img', 'format': 'raw'}%s}",
             house->folder, more);
    return house_call(house, "AddDisk", text);
}

static bool
xml_has(struct house *house, const char *which, const char *what)
{
    char text[128];

    snprintf(text, sizeof(text), VM ", 'which': '%s'}", which);
    house_do(house, "GetVmXml", text);
    return strstr(json_get_text(house->answer, "xml", ""), what) != NULL;
}

/* --- order and payload -------------------------------------------------------
 */

#define DISK_SEEN " alias name=\"ua-1111 +\n"
#define VM_SEEN " namevm1 +\n"

static void
test_disk_points_in_order(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    hook_house_note_all(&house);
    assert_non_null(add(&house, ""));
    hook_house_expect(
        &house, "before_disk_add" DISK_SEEN "before_disk_hotplug" DISK_SEEN
                "after_disk_hotplug" DISK_SEEN "after_disk_add" DISK_SEEN);
    house_do(&house, "UpdateVmDisk",
             VM ", 'disk': '" D1 "', 'set': {'discard': 'ignore'}}");
    hook_house_expect(&house, "before_disk_update" DISK_SEEN
                              "after_disk_update" DISK_SEEN);
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    hook_house_expect(&house, "before_disk_hotunplug" DISK_SEEN
                              "after_disk_hotunplug" DISK_SEEN);
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    hook_house_expect(&house, ""); /* nothing was to be done */
    house_do(&house, "RemoveDisk", VM ", 'disk': '" D1 "'}");
    hook_house_expect(&house, "before_disk_remove" DISK_SEEN
                              "after_disk_remove" DISK_SEEN);
    assert_non_null(add(&house, ", 'plugged': false"));
    hook_house_expect(&house,
                      "before_disk_add" DISK_SEEN "after_disk_add" DISK_SEEN);
    house_end(&house);
}

static void
test_vm_points_in_order(void **state)
{
    struct house house;

    (void)state;
    start(&house, false);
    hook_house_note_all(&house);
    house_do(&house, "StartVm", VM "}");
    hook_house_expect(&house,
                      "before_vm_start" VM_SEEN "after_vm_start" VM_SEEN);
    house_do(&house, "SuspendVm", VM "}");
    hook_house_expect(&house,
                      "before_vm_pause" VM_SEEN "after_vm_pause" VM_SEEN);
    house_do(&house, "ResumeVm", VM "}");
    hook_house_expect(&house, "before_vm_cont" VM_SEEN "after_vm_cont" VM_SEEN);
    house_do(&house, "UpdateVm", VM ", 'vcpus': 2}");
    hook_house_expect(&house,
                      "before_set_num_of_cpus +\nafter_set_num_of_cpus +\n");
    house_do(&house, "DestroyVm", VM "}");
    hook_house_expect(&house, "before_vm_destroy +\nafter_vm_destroy" VM_SEEN);
    house_end(&house);
}

static void
test_vm_that_stops_by_itself(void **state)
{
    struct house house;

    (void)state;
    start(&house, false);
    house_do(&house, "StartVm", VM "}");
    hook_house_note_all(&house);
    house_do(&house, "ShutdownVm", VM "}");
    hook_house_await(&house,
                     "before_vm_shutdown" VM_SEEN "after_vm_shutdown" VM_SEEN
                     "after_vm_destroy" VM_SEEN);
    house_end(&house);
}

/* --- the result
 * ---------------------------------------------------------------- */

static void
test_result_is_what_is_plugged(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    hook_house_script(
        &house, "before_disk_hotplug", "10_tag",
        "sed -i 's|<serial>[^<]*|<serial>tagged|' \"$_hook_domxml\"");
    assert_non_null(add(&house, ""));
    house_is(&house, "hooks.0.point", "before_disk_hotplug");
    house_is(&house, "hooks.0.device", "ua-" D1);
    house_is(&house, "hooks.0.scripts.0.script", "10_tag");
    house_is(&house, "hooks.0.scripts.0.changes.0.what",
             "disk[ua-" D1 "]/serial");
    house_is(&house, "hooks.0.scripts.0.changes.0.to", "tagged");
    assert_true(xml_has(&house, "live", "tagged"));
    assert_false(xml_has(&house, "config", "tagged"));
    house_end(&house);
}

static void
test_start_serves_this_start_only(void **state)
{
    struct house house;

    (void)state;
    start(&house, false);
    hook_house_script(&house, "before_vm_start", "granted",
                      "read flags <\"$_hook_launchflags\"; echo $flags >$NOTE\n"
                      "echo 1 >\"$_hook_launchflags\"\n"
                      "sed -i 's|<devices>|<devices><sound model=\"ich6\"/>|' "
                      "\"$_hook_domxml\"");
    house_do(&house, "StartVm", VM "}");
    hook_house_expect(&house, "0\n");
    assert_true(xml_has(&house, "live", "ich6"));
    assert_false(xml_has(&house, "config", "ich6"));
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "state", "paused");
    house_do(&house, "DestroyVm", VM "}");
    assert_false(xml_has(&house, "config", "ich6"));
    hook_house_script(&house, "before_vm_start", "granted",
                      "echo 2 >\"$_hook_launchflags\"");
    house_refuse(&house, "StartVm", VM "}", ERR_HOOK_FAILED, "launch flags");
    house_end(&house);
}

static void
test_changed_start_that_fails(void **state)
{
    struct house house;

    (void)state;
    start(&house, false);
    hook_house_script(&house, "before_vm_start", "granted",
                      "sed -i 's|<devices>|<devices><sound model=\"ich6\"/>|' "
                      "\"$_hook_domxml\"");
    house_script(&house, "create 1 fail HYPERVISOR_FAILED no such sound");
    house_refuse(&house, "StartVm", VM "}", ERR_HYPERVISOR_FAILED,
                 "no such sound");
    assert_false(xml_has(&house, "config", "ich6"));
    house_end(&house);
}

/* --- refused
 * --------------------------------------------------------------------- */

static void
test_refusal_leaves_nothing(void **state)
{
    struct house house;
    CLEANUP_FREE char *image = NULL;

    (void)state;
    start(&house, true);
    hook_house_note_all(&house);
    hook_house_script(&house, "before_disk_hotplug", "policy",
                      "echo not in this window >&2; exit 2");
    assert_null(add(&house, ""));
    unit_err(&house.err, ERR_HOOK_FAILED,
             "\"policy\" of before_disk_hotplug failed with exit code 2: not "
             "in this window");
    assert_string_equal(house.err.step, "attach_disk");
    hook_house_expect(&house, "before_disk_add" DISK_SEEN
                              "before_disk_hotplug" DISK_SEEN
                              "after_disk_hotplug_fail" DISK_SEEN
                              "after_disk_add_fail" DISK_SEEN);
    image = mem_printf("%s/a.img", house.folder);
    assert_int_not_equal(access(image, F_OK), 0);
    assert_false(xml_has(&house, "live", "ua-" D1));
    house_refuse(&house, "GetDisk", "{'disk': '" D1 "'}", ERR_NOT_FOUND, D1);
    house_end(&house);
}

static void
test_refused_before_anything_is_recorded(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    hook_house_script(&house, "before_disk_add", "policy", "exit 1");
    hook_house_script(&house, "after_disk_add_fail", "note",
                      "echo failed >>$NOTE");
    assert_null(add(&house, ""));
    unit_err(&house.err, ERR_HOOK_FAILED, "before_disk_add");
    hook_house_expect(&house, "failed\n");
    house_refuse(&house, "GetDisk", "{'disk': '" D1 "'}", ERR_NOT_FOUND, D1);
    house_end(&house);
}

static void
test_failed_call_is_told(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    hook_house_note_all(&house);
    house_script(&house, "define 1 fail HYPERVISOR_FAILED full");
    assert_null(add(&house, ""));
    hook_house_expect(&house, "before_disk_add" DISK_SEEN
                              "before_disk_hotplug" DISK_SEEN
                              "after_disk_hotplug" DISK_SEEN
                              "after_disk_hotplug_fail" DISK_SEEN
                              "after_disk_add_fail" DISK_SEEN);
    house_end(&house);
}

static void
test_privilege_needs_its_grant(void **state)
{
    static const char raw[] =
        "sed -i 's|<disk |<disk rawio=\"yes\" |' \"$_hook_domxml\"";
    struct house house;

    (void)state;
    start(&house, true);
    hook_house_script(&house, "before_disk_hotplug", "50_raw", raw);
    assert_null(add(&house, ""));
    unit_err(&house.err, ERR_HOOK_FAILED, "[hook 50_raw] may = privilege");
    assert_false(xml_has(&house, "live", "rawio"));
    hook_house_script(&house, "before_disk_hotplug", "50_raw", "");
    hook_house_script(&house, "before_disk_hotplug", "granted", raw);
    assert_non_null(add(&house, ""));
    assert_true(xml_has(&house, "live", "rawio"));
    house_do(&house, "GetAudit", "{}");
    house_is(&house, "rows.0.what", "denial");
    house_is(&house, "rows.0.subject", "hook 50_raw");
    house_is(&house, "rows.0.result", "denied");
    house_is(&house, "rows.1.what", "grant");
    house_is(&house, "rows.1.subject", "hook granted");
    house_is(&house, "rows.1.disk", D1);
    house_is(&house, "rows.1.peer", "uid:0");
    house_end(&house);
}

static void
test_source_inside_the_paths_needs_none(void **state)
{
    struct house house;
    CLEANUP_FREE char *other = NULL, *inside = NULL;

    (void)state;
    start(&house, true);
    other = mem_printf("%s/b.img", house.folder);
    unit_write(other, "some data");
    inside = mem_printf("sed -i 's|%s/a.img|%s|' \"$_hook_domxml\"",
                        house.folder, other);
    hook_house_script(&house, "before_disk_hotplug", "a", inside);
    assert_non_null(add(&house, ""));
    assert_true(xml_has(&house, "live", "b.img"));
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "state", "done");
    hook_house_script(
        &house, "before_disk_hotplug", "a",
        "sed -i \"s|file='[^']*'|file='/etc/passwd'|;"
        "s|file=.[^ ]*img.|file='/etc/passwd'|\" \"$_hook_domxml\"");
    house_refuse(&house, "HotPlugDisk", VM ", 'disk': '" D1 "'}",
                 ERR_HOOK_FAILED, "may = source");
    house_end(&house);
}

static void
test_deadline_passes_in_a_script(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    hook_house_script(&house, "before_disk_hotplug", "slow", "sleep 30");
    assert_null(add(&house, ", 'deadline_ms': 300"));
    assert_true(house.err.kind == ERR_HOOK_FAILED ||
                house.err.kind == ERR_TIMEOUT);
    assert_false(xml_has(&house, "live", "ua-" D1));
    house_end(&house);
}

/* --- late
 * ------------------------------------------------------------------------- */

static void
test_late_end_of_an_unplug(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, ""));
    hook_house_note_all(&house);
    house_script(&house, "detach 1 silent");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "state", "pending");
    hook_house_expect(&house, "before_disk_hotunplug" DISK_SEEN);
    house_do(&house, "GetVm", VM "}");
    {
        char uuid[256];

        house_get(&house, "vm_id", uuid);
        fake_release(hyper_backend(house.env.hyper), uuid, "ua-" D1);
    }
    hook_house_await(&house, "after_disk_hotunplug" DISK_SEEN);
    house_end(&house);
}

static void
test_unplug_that_the_guest_refuses(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, ""));
    hook_house_note_all(&house);
    house_script(&house, "detach 1 refused");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "state", "refused");
    hook_house_expect(&house, "before_disk_hotunplug" DISK_SEEN
                              "after_disk_hotunplug_fail" DISK_SEEN);
    house_end(&house);
}

/* --- tools
 * ------------------------------------------------------------------------ */

static void
test_list(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    hook_house_script(&house, "before_disk_hotplug", "granted", "exit 1");
    assert_null(add(&house, ""));
    house_do(&house, "ListHooks", "{}");
    house_is(&house, "points.0.point", "before_disk_hotplug");
    house_is(&house, "points.0.scripts.0.script", "granted");
    house_is(&house, "points.0.scripts.0.order", "1");
    house_is(&house, "points.0.scripts.0.runs", "1");
    house_is(&house, "points.0.scripts.0.failures", "1");
    house_is(&house, "points.0.scripts.0.last.result", "exit 1");
    house_is(&house, "points.0.scripts.0.may.3", "privilege");
    house_end(&house);
}

/* What the doctor says of scripts. */
static void
expect_finding(struct house *house, const char *level, const char *part)
{
    static const struct exam_check check = {.name = "hooks", .fix = "mend it"};
    CLEANUP_JSON json_t *findings = json_array();
    struct exam exam = {
        .env = &house->env, .now = &check, .findings = findings};
    const json_t *finding;
    size_t i;

    exam_hook_scripts(&exam);
    json_array_foreach (findings, i, finding)
        if (strstr(json_get_text(finding, "what", ""), part)) {
            assert_string_equal(json_get_text(finding, "level", ""), level);
            return;
        }
    fail_msg("the doctor does not say \"%s\"", part);
}

static void
test_doctor_looks_at_scripts(void **state)
{
    struct house house;
    char path[400];

    (void)state;
    start(&house, false);
    hook_house_script(&house, "before_disk_hotplug", "a", "");
    expect_finding(&house, "ok", "1 hook scripts");
    hook_house_script(&house, "before_lunch", "b", "");
    expect_finding(&house, "warning", "before_lunch");
    hook_house_script(&house, "before_vm_migrate_source", "c", "");
    expect_finding(&house, "warning", "never runs");
    snprintf(path, sizeof(path), "%s/hooks/before_disk_hotplug/a",
             house.folder);
    assert_int_equal(chmod(path, 0777), 0);
    expect_finding(&house, "error", "is not run at before_disk_hotplug");
    house_end(&house);
}

static void
test_trial_changes_nothing(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, ""));
    house_refuse(&house, "TestHook", VM ", 'point': 'before_disk_hotplug'}",
                 ERR_INVALID, "disk");
    house_refuse(&house, "TestHook", "{'point': 'before_disk_hotplug'}",
                 ERR_INVALID, "vm");
    house_refuse(&house, "TestHook", VM ", 'point': 'before_lunch'}",
                 ERR_INVALID, "before_lunch");
    house_refuse(&house, "TestHook",
                 VM ", 'point': 'before_vm_migrate_source'}", ERR_INVALID,
                 "never");
    house_refuse(&house, "TestHook", VM ", 'point': 'before_vm_start'}",
                 ERR_NOT_FOUND, "no scripts");
    hook_house_script(
        &house, "before_disk_hotplug", "50_raw",
        "echo \"$color\" >&2\n"
        "sed -i 's|<disk |<disk rawio=\"yes\" |' \"$_hook_domxml\"");
    house_do(&house, "TestHook",
             VM ", 'point': 'before_disk_hotplug', 'disk': '1111', 'custom':"
                " {'color': 'red'}}");
    house_is(&house, "accepted", "false");
    house_is(&house, "scripts.0.stderr", "red");
    house_is(&house, "scripts.0.changes.0.to", "yes");
    house_is(&house, "scripts.0.changes.0.needs.0", "privilege");
    house_do(&house, "TestHook",
             "{'point': 'before_disk_hotplug', 'payload': '<disk />'}");
    house_is(&house, "payload", "<disk rawio=\"yes\"/>");
    hook_house_script(&house, "before_disk_hotplug", "50_raw", "exit 0");
    house_do(&house, "TestHook",
             "{'point': 'before_disk_hotplug', 'payload': '<disk/>'}");
    house_is(&house, "accepted", "true");
    house_refuse(&house, "TestHook",
                 "{'point': 'before_disk_hotplug', 'payload': 1}", ERR_INVALID,
                 "payload");
    assert_false(xml_has(&house, "live", "rawio"));
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_points_in_order),
        cmocka_unit_test(test_vm_points_in_order),
        cmocka_unit_test(test_vm_that_stops_by_itself),
        cmocka_unit_test(test_result_is_what_is_plugged),
        cmocka_unit_test(test_start_serves_this_start_only),
        cmocka_unit_test(test_changed_start_that_fails),
        cmocka_unit_test(test_refusal_leaves_nothing),
        cmocka_unit_test(test_refused_before_anything_is_recorded),
        cmocka_unit_test(test_failed_call_is_told),
        cmocka_unit_test(test_privilege_needs_its_grant),
        cmocka_unit_test(test_source_inside_the_paths_needs_none),
        cmocka_unit_test(test_deadline_passes_in_a_script),
        cmocka_unit_test(test_late_end_of_an_unplug),
        cmocka_unit_test(test_unplug_that_the_guest_refuses),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_doctor_looks_at_scripts),
        cmocka_unit_test(test_trial_changes_nothing),
    };

    return CASES(tests);
}
