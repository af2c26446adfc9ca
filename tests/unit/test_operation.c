// SPDX-License-Identifier: Apache-2.0
/*
 * Operations from verb to receipt on the scripted backend: what is done, what
 * is undone when a step fails, what is answered again, what waits.
 */
#include "tests/unit/house.h"

#define VM "{'vm': 'vm1'"
#define D1 "11111111-1111-4111-8111-111111111111"
#define D2 "22222222-2222-4222-8222-222222222222"

static void
start(struct house *house, bool running)
{
    house_start(house);
    house_do(house, "CreateVm", "{'name': 'vm1', 'memory': 134217728}");
    house_is(house, "state", "done");
    house_is(house, "changed", "true");
    if (running)
        house_do(house, "StartVm", VM ", 'paused': true}");
}

static json_t *
add(struct house *house, const char *id, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text),
             VM ", 'disk_id': '%s', 'size': 1048576, 'source': {'type':"
                " 'file', 'path': '%s/%.4s.img', 'format': 'raw'}%s}",
             id, house->folder, id, more);
    return house_call(house, "AddDisk", text);
}

static bool
image_there(const struct house *house, const char *id)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%.4s.img", house->folder, id);
    return access(path, F_OK) == 0;
}

static bool
xml_has(struct house *house, const char *which, const char *what)
{
    char text[128];

    snprintf(text, sizeof(text), VM ", 'which': '%s'}", which);
    house_do(house, "GetVmXml", text);
    return strstr(json_get_text(house->answer, "xml", ""), what) != NULL;
}

static void
test_cold_add_waits_in_the_definition(void **state)
{
    struct house house;

    (void)state;
    start(&house, false);
    assert_non_null(add(&house, D1, ""));
    house_is(&house, "address.unit", "0");
    house_is(&house, "device", "ua-" D1);
    assert_true(image_there(&house, D1));
    assert_true(xml_has(&house, "config", "ua-" D1));
    house_end(&house);
}

static void
test_hot_add_reaches_both_views(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ""));
    house_is(&house, "state", "done");
    assert_true(xml_has(&house, "live", "ua-" D1));
    assert_true(xml_has(&house, "config", "ua-" D1));
    house_end(&house);
}

static void
test_address_is_kept(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ""));
    assert_non_null(add(&house, D2, ""));
    house_is(&house, "address.unit", "1");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "state", "done");
    assert_false(xml_has(&house, "live", "ua-" D1));
    assert_false(xml_has(&house, "config", "ua-" D1));
    house_close(&house); /* a restart in between */
    house_open(&house);
    watch_start(&house.env);
    house_do(&house, "HotPlugDisk", VM ", 'disk': '1111'}");
    house_is(&house, "address.unit", "0");
    house_do(&house, "HotPlugDisk", VM ", 'disk': '1111'}");
    house_is(&house, "changed", "false");
    house_end(&house);
}

static void
test_record_only(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ", 'plugged': false"));
    assert_false(xml_has(&house, "live", "ua-" D1));
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(&house, "state", "unplugged");
    house_is(&house, "address.unit", "0");
    assert_non_null(add(&house, D2, ""));
    house_is(&house, "address.unit", "1");
    house_end(&house);
}

static void
test_failed_attach_leaves_nothing(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    house_script(&house, "attach 1 fail HYPERVISOR_FAILED no such luck");
    assert_null(add(&house, D1, ""));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "no such luck");
    assert_string_equal(house.err.step, "attach_disk");
    assert_false(image_there(&house, D1));
    house_refuse(&house, "GetDisk", "{'disk': '" D1 "'}", ERR_NOT_FOUND, D1);
    assert_non_null(add(&house, D1, ""));
    house_is(&house, "address.unit", "0");
    house_end(&house);
}

static void
test_applied_though_failed_is_undone(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    house_script(&house, "define 1 applied-fail HYPERVISOR_FAILED half done");
    assert_null(add(&house, D1, ""));
    assert_string_equal(house.err.step, "define");
    assert_false(xml_has(&house, "config", "ua-" D1));
    assert_false(xml_has(&house, "live", "ua-" D1));
    assert_false(image_there(&house, D1));
    house_end(&house);
}

static void
test_wrong_address_is_an_error(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    house_script(&house, "attach 1 wrong-address");
    assert_null(add(&house, D1, ""));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "otherwise than planned");
    assert_false(xml_has(&house, "live", "ua-" D1));
    house_end(&house);
}

static void
test_stray_controller_is_an_error(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    house_script(&house, "attach 1 stray-controller");
    assert_null(add(&house, D1, ""));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "nobody planned");
    assert_false(xml_has(&house, "live", "ua-" D1));
    house_end(&house);
}

static void
test_silent_unplug_is_pending_then_done(void **state)
{
    struct house house;
    char op[256], text[512], uuid[UUID_TEXT];

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ""));
    house_script(&house, "detach 1 silent");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "state", "pending");
    house_get(&house, "op_id", op);
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(&house, "state", "unplug_pending");
    assert_true(xml_has(&house, "config", "ua-" D1));
    house_refuse(&house, "HotPlugDisk", VM ", 'disk': '" D1 "'}", ERR_BUSY,
                 "being unplugged");
    assert_int_equal(
        vm_table_find(house.env.vms, "vm1", uuid, &house.err), 0);
    fake_release(hyper_backend(house.env.hyper), uuid, "ua-" D1);
    snprintf(text, sizeof(text), "{'op_id': '%s'}", op);
    house_until(&house, "GetOperation", text, "state", "done");
    assert_false(xml_has(&house, "config", "ua-" D1));
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(&house, "state", "unplugged");
    house_end(&house);
}

static void
test_refused_unplug_changes_nothing(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ""));
    house_script(&house, "detach 1 refused");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "state", "refused");
    house_is(&house, "changed", "false");
    assert_true(xml_has(&house, "live", "ua-" D1));
    assert_true(xml_has(&house, "config", "ua-" D1));
    house_end(&house);
}

static void
test_op_id_answers_again(void **state)
{
    static const char op[] = "99999999-9999-4999-8999-999999999999";
    struct house house;
    char text[256];

    (void)state;
    start(&house, true);
    snprintf(text, sizeof(text), ", 'op_id': '%s'", op);
    assert_non_null(add(&house, D1, text));
    house_is(&house, "changed", "true");
    assert_non_null(add(&house, D1, text));
    house_is(&house, "changed", "true"); /* the stored receipt */
    assert_null(add(&house, D2, text));
    unit_err(&house.err, ERR_OP_ID_CONFLICT, op);
    snprintf(house.peer, sizeof(house.peer), "cn:other");
    assert_non_null(add(&house, D2, text)); /* op_ids are the peer's own */
    house_end(&house);
}

static void
test_dry_run_changes_nothing(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ", 'dry_run': true"));
    house_is(&house, "steps.0.step", "create_image");
    house_is(&house, "steps.1.step", "attach_disk");
    house_is(&house, "steps.2.step", "define");
    house_is(&house, "address.unit", "0");
    assert_false(image_there(&house, D1));
    assert_false(xml_has(&house, "live", "ua-" D1));
    house_do(&house, "ListDisks", "{}");
    house_is(&house, "disks.0", "absent");
    house_end(&house);
}

static void
test_update_answers_field_by_field(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ""));
    house_do(&house, "UpdateVmDisk",
             VM ", 'disk': '" D1 "', 'set': {'iotune': {'total_iops_sec':"
                " 100}, 'serial': 'abc', 'size': 2097152}}");
    house_is(&house, "fields.iotune.effect", "live");
    house_is(&house, "fields.serial.effect", "next_start");
    house_is(&house, "fields.size.effect", "impossible");
    assert_true(xml_has(&house, "live", "<total_iops_sec>100<"));
    assert_true(xml_has(&house, "config", "<serial>abc<"));
    assert_false(xml_has(&house, "live", "<serial>abc<"));
    house_refuse(&house, "UpdateVmDisk",
                 VM ", 'disk': '" D1 "', 'set': {'colour': 'red'}}",
                 ERR_INVALID, "set.colour");
    house_end(&house);
}

static void
test_running_vm_without_controller_gets_one(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    house_do(&house, "CreateVm",
             "{'name': 'vm1', 'memory': 134217728, 'virtio_scsi': false}");
    house_do(&house, "StartVm", VM "}");
    assert_null(add(&house, D1, ""));
    unit_err(&house.err, ERR_BAD_STATE, "virtio_scsi flag off");
    house_do(&house, "UpdateVm", VM ", 'virtio_scsi': true}");
    assert_true(xml_has(&house, "config", "virtio-scsi"));
    assert_false(xml_has(&house, "live", "virtio-scsi"));
    house_script(&house, "attach 2 fail HYPERVISOR_FAILED disk is bad");
    assert_null(add(&house, D1, ""));
    assert_false(xml_has(&house, "live", "virtio-scsi")); /* undone */
    house_script(&house, NULL);
    assert_non_null(add(&house, D1, ""));
    assert_true(xml_has(&house, "live", "virtio-scsi"));
    house_refuse(&house, "UpdateVm", VM ", 'virtio_scsi': false}",
                 ERR_BAD_STATE, D1);
    house_end(&house);
}

static void
test_virtio_ports_run_out_before_any_effect(void **state)
{
    struct house house;
    char text[256];
    int added = 0;

    (void)state;
    house_start(&house);
    house_do(&house, "CreateVm", "{'name': 'vm1', 'memory': 134217728,"
                                 " 'spare_root_ports': 2}");
    house_do(&house, "StartVm", VM ", 'paused': true}");
    for (; added < 5; added++) {
        char id[UUID_TEXT];

        uuid_new(id);
        snprintf(text, sizeof(text), ", 'interface': 'virtio'");
        if (!add(&house, id, text))
            break;
    }
    assert_int_equal(added, 2);
    unit_err(&house.err, ERR_NO_FREE_PORT, "virtio_scsi");
    house_end(&house);
}

static void
test_sources_are_checked_first(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    house_refuse(&house, "AddDisk",
                 VM ", 'source': {'type': 'file', 'path': '/etc/passwd',"
                    " 'format': 'raw'}}",
                 ERR_SOURCE_DENIED, "paths");
    assert_null(house_call(&house, "AddDisk",
                           VM ", 'source': {'type': 'file', 'path':"
                              " '/nowhere/x', 'format': 'raw'}}"));
    house_do(&house, "ListDisks", "{}");
    house_is(&house, "disks.0", "absent");
    house_end(&house);
}

static void
test_remove_deletes_record_and_image(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add(&house, D1, ""));
    house_refuse(&house, "RemoveDisk", VM ", 'disk': '" D1 "'}",
                 ERR_BAD_STATE, "HotUnplugDisk");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_do(&house, "RemoveDisk", VM ", 'disk': '" D1 "', 'delete': true}");
    assert_false(image_there(&house, D1));
    house_refuse(&house, "GetDisk", "{'disk': '" D1 "'}", ERR_NOT_FOUND, D1);
    assert_non_null(add(&house, D2, ""));
    house_is(&house, "address.unit", "0"); /* free again */
    house_end(&house);
}

static void
test_medium_is_a_live_field(void **state)
{
    struct house house;
    char text[512], iso[300];

    (void)state;
    start(&house, false);
    snprintf(iso, sizeof(iso), "%s/a.iso", house.folder);
    unit_write(iso, "an image");
    assert_non_null(house_call(&house, "AddDisk",
                               VM ", 'disk_id': '" D1 "', 'kind': 'cdrom'}"));
    house_do(&house, "StartVm", VM ", 'paused': true}");
    snprintf(text, sizeof(text),
             VM ", 'disk': '" D1 "', 'set': {'source': {'type': 'file',"
                " 'path': '%s'}}}",
             iso);
    house_do(&house, "UpdateVmDisk", text);
    house_is(&house, "fields.source.effect", "live");
    assert_true(xml_has(&house, "live", "a.iso"));
    assert_true(xml_has(&house, "config", "a.iso"));
    house_refuse(&house, "UpdateVmDisk",
                 VM ", 'disk': '" D1 "', 'set': {'source': {'type': 'file',"
                    " 'path': '/etc/passwd'}}}",
                 ERR_SOURCE_DENIED, "paths");
    house_do(&house, "UpdateVmDisk",
             VM ", 'disk': '" D1 "', 'set': {'source': null}}");
    assert_false(xml_has(&house, "live", "a.iso"));
    house_end(&house);
}

static json_t *
add_two(struct house *house)
{
    char text[1024];

    snprintf(text, sizeof(text),
             VM ", 'disks': [{'disk_id': '%s', 'size': 1048576, 'source':"
                " {'type': 'file', 'path': '%s/1111.img', 'format': 'raw'}},"
                " {'disk_id': '%s', 'size': 1048576, 'source': {'type':"
                " 'file', 'path': '%s/2222.img', 'format': 'raw'}}]}",
             D1, house->folder, D2, house->folder);
    return house_call(house, "AddDisk", text);
}

static void
test_several_disks_are_one_operation(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    assert_non_null(add_two(&house));
    house_is(&house, "disks.0.address.unit", "0");
    house_is(&house, "disks.1.address.unit", "1");
    house_is(&house, "disks.1.target", "sdb");
    assert_true(xml_has(&house, "live", "ua-" D2));
    assert_true(xml_has(&house, "config", "ua-" D1));
    assert_true(xml_has(&house, "config", "ua-" D2));
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D2 "'}");
    house_do(&house, "HotPlugDisk",
             VM ", 'disks': ['" D2 "', '" D1 "']}");
    house_is(&house, "disks.0.address.unit", "1");
    house_refuse(&house, "HotPlugDisk", VM ", 'disks': ['1111', '" D1 "']}",
                 ERR_INVALID, "twice");
    house_end(&house);
}

static void
test_several_disks_fail_as_one(void **state)
{
    struct house house;

    (void)state;
    start(&house, true);
    house_script(&house, "attach 2 fail HYPERVISOR_FAILED not this one");
    assert_null(add_two(&house));
    assert_false(xml_has(&house, "live", "ua-" D1));
    assert_false(image_there(&house, D1));
    assert_false(image_there(&house, D2));
    house_do(&house, "ListDisks", "{}");
    house_is(&house, "disks.0", "absent");
    house_script(&house, "attach 2 wrong-address");
    assert_null(add_two(&house)); /* seen by the one look at the end */
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, D2);
    assert_false(xml_has(&house, "live", "ua-" D2));
    house_end(&house);
}

static void
test_several_disks_bring_one_controller(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    house_do(&house, "CreateVm",
             "{'name': 'vm1', 'memory': 134217728, 'virtio_scsi': false}");
    house_do(&house, "StartVm", VM ", 'paused': true}");
    house_do(&house, "UpdateVm", VM ", 'virtio_scsi': true}");
    assert_non_null(add_two(&house));
    house_is(&house, "disks.1.address.controller", "0");
    house_end(&house);
}

static void
test_life_cycle(void **state)
{
    struct house house;

    (void)state;
    start(&house, false);
    house_refuse(&house, "SuspendVm", VM "}", ERR_BAD_STATE, "shut_off");
    house_do(&house, "StartVm", VM "}");
    house_do(&house, "StartVm", VM "}");
    house_is(&house, "changed", "false");
    house_do(&house, "SuspendVm", VM "}");
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "state", "paused");
    house_do(&house, "ResumeVm", VM "}");
    house_refuse(&house, "DeleteVm", VM "}", ERR_BAD_STATE, "DestroyVm");
    house_do(&house, "DestroyVm", VM "}");
    house_do(&house, "DestroyVm", VM "}");
    house_is(&house, "changed", "false");
    house_do(&house, "DeleteVm", VM "}");
    house_refuse(&house, "GetVm", VM "}", ERR_NOT_FOUND, "vm1");
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(test_cold_add_waits_in_the_definition),
        cmocka_unit_test(test_hot_add_reaches_both_views),
        cmocka_unit_test(test_address_is_kept),
        cmocka_unit_test(test_record_only),
        cmocka_unit_test(test_failed_attach_leaves_nothing),
        cmocka_unit_test(test_applied_though_failed_is_undone),
        cmocka_unit_test(test_wrong_address_is_an_error),
        cmocka_unit_test(test_stray_controller_is_an_error),
        cmocka_unit_test(test_silent_unplug_is_pending_then_done),
        cmocka_unit_test(test_refused_unplug_changes_nothing),
        cmocka_unit_test(test_op_id_answers_again),
        cmocka_unit_test(test_dry_run_changes_nothing),
        cmocka_unit_test(test_update_answers_field_by_field),
        cmocka_unit_test(test_running_vm_without_controller_gets_one),
        cmocka_unit_test(test_virtio_ports_run_out_before_any_effect),
        cmocka_unit_test(test_sources_are_checked_first),
        cmocka_unit_test(test_remove_deletes_record_and_image),
        cmocka_unit_test(test_medium_is_a_live_field),
        cmocka_unit_test(test_several_disks_are_one_operation),
        cmocka_unit_test(test_several_disks_fail_as_one),
        cmocka_unit_test(test_several_disks_bring_one_controller),
        cmocka_unit_test(test_life_cycle),
    };

    return CASES(cases);
}
