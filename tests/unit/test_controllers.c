// SPDX-License-Identifier: Apache-2.0
/*
 * Several virtio-scsi controllers: made, hot-added with their I/O thread,
 * changed and taken out by UpdateVm, chosen by a disk or by the setting; and
 * what a guest's system cannot see.
 */
#include "tests/unit/house.h"

#define VM "{'vm': 'vm1'"
#define D1 "11111111-aaaa-4aaa-8aaa-111111111111"
#define D2 "22222222-aaaa-4aaa-8aaa-222222222222"
#define D3 "33333333-aaaa-4aaa-8aaa-333333333333"
#define TWO "'controllers': [{'index': 0}, {'index': 1, 'iothread': 2}]"

static void
make(struct house *house, const char *more, bool started)
{
    char text[1024];

    snprintf(text, sizeof(text), "{'name': 'vm1', 'memory': 134217728%s}",
             more);
    house_do(house, "CreateVm", text);
    if (started)
        house_do(house, "StartVm", VM "}");
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

static const char *
xml(struct house *house, const char *which)
{
    char text[64];

    snprintf(text, sizeof(text), VM ", 'which': '%s'}", which);
    house_do(house, "GetVmXml", text);
    return json_get_text(house->answer, "xml", "");
}

static void
has(struct house *house, const char *which, const char *part, bool there)
{
    const char *text = xml(house, which);

    if ((strstr(text, part) != NULL) != there)
        fail_msg("%s %s in\n%s", part, there ? "is missing" : "is", text);
}

static void
test_hot_added_with_its_thread(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "", true);
    house_do(&house, "UpdateVm", VM ", " TWO "}");
    house_is(&house, "changed", "true");
    has(&house, "live", "<iothread id=\"2\"/>", true);
    has(&house, "live", "ua-scsi1", true);
    has(&house, "config", "<iothread id=\"2\"/>", true);
    has(&house, "config", "<driver iothread=\"2\"/>", true);
    house_do(&house, "UpdateVm", VM ", " TWO "}");
    house_is(&house, "changed", "false");
    assert_non_null(add(&house, D1, ", 'address': {'controller': 1}"));
    house_is(&house, "address.controller", "1");
    house_is(&house, "address.unit", "0");
    assert_non_null(add(&house, D2, ""));
    house_is(&house, "address.controller", "0");
    house_end(&house);
}

/* The definition cannot be written: the running VM is as it was. */
static void
test_undone_thread_and_all(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "", true);
    house_script(&house, "define 1 fail HYPERVISOR_FAILED no room");
    house_refuse(&house, "UpdateVm", VM ", " TWO "}", ERR_HYPERVISOR_FAILED,
                 "no room");
    has(&house, "live", "ua-scsi1", false);
    has(&house, "live", "<iothread id", false);
    house_end(&house);
}

/* In a VM that stands still the controller stays, and so does its thread. */
static void
test_kept_in_a_paused_vm(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "", false);
    house_do(&house, "StartVm", VM ", 'paused': true}");
    house_script(&house, "define 1 fail HYPERVISOR_FAILED no room");
    house_refuse(&house, "UpdateVm",
                 VM ", 'op_id': '" D3 "', " TWO "}", ERR_HYPERVISOR_FAILED,
                 "no room");
    has(&house, "live", "ua-scsi1", true);
    has(&house, "live", "<iothread id=\"2\"/>", true);
    house_do(&house, "GetOperation", "{'op_id': '" D3 "'}");
    house_is(&house, "receipt.rolled_back", "true");
    house_script(&house, NULL);
    house_do(&house, "UpdateVm", VM ", " TWO "}");
    has(&house, "config", "ua-scsi1", true);
    house_end(&house);
}

static void
test_changed_at_the_next_start(void **state)
{
    struct house house;
    char text[256];

    (void)state;
    house_start(&house);
    make(&house, "", true);
    house_do(&house, "UpdateVm",
             VM ", 'controllers': [{'index': 0, 'queues': 4}]}");
    assert_non_null(strstr(house_get(&house, "warnings.0", text),
                           "at the next start"));
    has(&house, "config", "<driver queues=\"4\"/>", true);
    has(&house, "live", "queues", false);
    house_do(&house, "UpdateVm", VM ", 'controllers': [{'index': 0}]}");
    has(&house, "config", "<driver", false);
    house_end(&house);
}

static void
test_taken_out_at_the_next_start(void **state)
{
    struct house house;
    char text[256];

    (void)state;
    house_start(&house);
    make(&house, ", 'iothreads': 2, " TWO, true);
    assert_non_null(add(&house, D1, ", 'address': {'controller': 1}"));
    house_refuse(&house, "UpdateVm", VM ", 'controllers': [{'index': 0}]}",
                 ERR_BAD_STATE, D1);
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_refuse(&house, "UpdateVm", VM ", 'controllers': [{'index': 0}]}",
                 ERR_BAD_STATE, D1);
    house_do(&house, "RemoveDisk", VM ", 'disk': '" D1 "'}");
    house_do(&house, "UpdateVm", VM ", 'controllers': [{'index': 0}]}");
    assert_non_null(
        strstr(house_get(&house, "warnings.0", text), "until it stops"));
    has(&house, "config", "ua-scsi1", false);
    has(&house, "live", "ua-scsi1", true);
    /* Nobody takes it up again. */
    assert_non_null(add(&house, D2, ""));
    house_is(&house, "address.controller", "0");
    has(&house, "config", "ua-scsi1", false);
    house_do(&house, "DestroyVm", VM "}");
    house_do(&house, "UpdateVm", VM ", " TWO "}");
    has(&house, "config", "ua-scsi1", true);
    house_end(&house);
}

static void
test_lists_that_are_refused(void **state)
{
    static const struct {
        const char *list, *why;
        enum err_kind kind;
    } rows[] = {
        {"[]", "at least one", ERR_INVALID},
        {"[{'index': 1}]", "only the last one", ERR_BAD_STATE},
        {"[{'index': 0}, {'index': 2}]", "index 1 is missing", ERR_INVALID},
        {"[{'index': 0}, {'index': 0}]", "each index once", ERR_INVALID},
        {"[{'index': 0, 'queues': 1023}]", "queues", ERR_INVALID},
        {"[{'index': 0, 'cmd_per_lun': 0}]", "cmd_per_lun", ERR_INVALID},
        {"[{'index': 0, 'address': {'type': 'pci', 'bus': 5, 'slot': 0}}]",
         "where controller 0 is", ERR_INVALID},
        {"[{'index': 0}, {'index': 1, 'address': {'type': 'pci', 'bus': 1,"
         " 'slot': 0}}]",
         "free place", ERR_EXISTS},
    };
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "", true);
    house_do(&house, "UpdateVm",
             VM ", 'controllers': [{'index': 0}, {'index': 1}]}");
    house_do(&house, "UpdateVm", VM ", 'controllers': [{'index': 0}]}");
    house_do(&house, "DestroyVm", VM "}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[256];

        snprintf(text, sizeof(text), VM ", 'controllers': %s}", rows[i].list);
        house_refuse(&house, "UpdateVm", text, rows[i].kind, rows[i].why);
    }
    house_refuse(&house, "UpdateVm",
                 VM ", 'virtio_scsi': false, 'controllers': [{'index': 0}]}",
                 ERR_INVALID, "none is expected");
    house_do(&house, "UpdateVm",
             VM ", 'virtio_scsi': false, 'controllers': []}");
    has(&house, "config", "virtio-scsi", false);
    assert_null(add(&house, D1, ""));
    unit_err(&house.err, ERR_BAD_STATE, "virtio_scsi flag off");
    house_end(&house);
}

/* Off is off, also where a controller is left. */
static void
test_flag_off_with_a_controller(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "", true);
    house_do(&house, "UpdateVm", VM ", 'virtio_scsi': false}");
    assert_null(add(&house, D1, ""));
    unit_err(&house.err, ERR_BAD_STATE, "virtio_scsi flag off");
    house_do(&house, "UpdateVm", VM ", 'virtio_scsi': true}");
    assert_non_null(add(&house, D1, ""));
    house_end(&house);
}

static void
test_spread_over_threads(void **state)
{
    static const char *const ids[] = {D1, D2, D3};
    static const char *const places[] = {"0", "1", "0"};
    struct house house;

    (void)state;
    house_start(&house);
    house_set(&house, "scsi.controllers=per_iothread");
    make(&house, ", 'iothreads': 2", true);
    has(&house, "config", "<driver iothread=\"1\"/>", true);
    has(&house, "config", "<driver iothread=\"2\"/>", true);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(add(&house, ids[i], ""));
        house_is(&house, "address.controller", places[i]);
    }
    /* The setting decides about new places only. */
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D2 "'}");
    house_set(&house, "scsi.controllers=one");
    house_do(&house, "HotPlugDisk", VM ", 'disk': '" D2 "'}");
    house_is(&house, "address.controller", "1");
    house_end(&house);
}

/* The first disk of a running VM brings thread, controller and itself. */
static void
test_first_disk_brings_thread(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    house_set(&house, "scsi.controllers=per_iothread");
    make(&house, ", 'virtio_scsi': false", true);
    house_do(&house, "UpdateVm", VM ", 'virtio_scsi': true}");
    has(&house, "live", "<iothread id", false);
    assert_non_null(add(&house, D1, ""));
    has(&house, "live", "<iothread id=\"1\"/>", true);
    has(&house, "live", "<driver iothread=\"1\"/>", true);
    house_end(&house);
}

static void
test_index_that_leaves_a_gap(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "", true);
    assert_null(add(&house, D1, ", 'address': {'controller': 2}"));
    unit_err(&house.err, ERR_INVALID, "or 1, the next");
    assert_non_null(add(&house, D1, ", 'address': {'controller': 1}"));
    has(&house, "live", "ua-scsi1", true);
    assert_null(add(&house, D2,
                    ", 'interface': 'virtio', 'address': {'controller': 0}"));
    unit_err(&house.err, ERR_INVALID, "virtio_scsi disk only");
    house_end(&house);
}

static void
test_what_a_guest_cannot_see(void **state)
{
    static const char high[] =
        ", 'address': {'type': 'drive', 'controller': 0, 'unit': 255}";
    struct house house;

    (void)state;
    house_start(&house);
    house_refuse(&house, "CreateVm",
                 "{'name': 'xp', 'memory': 134217728,"
                 " 'guest_os': 'windows_xp'}",
                 ERR_INVALID, "no driver");
    make(&house, ", 'guest_os': 'windows_xp', 'virtio_scsi': false", false);
    house_refuse(&house, "UpdateVm", VM ", 'virtio_scsi': true}", ERR_INVALID,
                 "no driver");
    assert_null(add(&house, D1, ""));
    unit_err(&house.err, ERR_BAD_STATE, "virtio_scsi flag off");
    house_do(&house, "DeleteVm", VM "}");
    make(&house, ", 'guest_os': 'windows'", true);
    assert_null(add(&house, D1, high));
    unit_err(&house.err, ERR_INVALID, "Windows guest");
    house_do(&house, "DestroyVm", VM "}");
    house_do(&house, "DeleteVm", VM "}");
    make(&house, "", true);
    assert_non_null(add(&house, D1, high));
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hot_added_with_its_thread),
        cmocka_unit_test(test_undone_thread_and_all),
        cmocka_unit_test(test_kept_in_a_paused_vm),
        cmocka_unit_test(test_changed_at_the_next_start),
        cmocka_unit_test(test_taken_out_at_the_next_start),
        cmocka_unit_test(test_lists_that_are_refused),
        cmocka_unit_test(test_flag_off_with_a_controller),
        cmocka_unit_test(test_spread_over_threads),
        cmocka_unit_test(test_first_disk_brings_thread),
        cmocka_unit_test(test_index_that_leaves_a_gap),
        cmocka_unit_test(test_what_a_guest_cannot_see),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
