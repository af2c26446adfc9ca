// SPDX-License-Identifier: Apache-2.0
/*
 * Rollbacks: what is as it was before, and what is told of it. One may need
 * the guest (a controller that was hot-added, a PCI disk): what can be
 * released is released at once, the rest when the guest answers, is reset, or
 * stops.
 */
#include "tests/unit/house.h"

#define D1 "11111111-aaaa-4aaa-8aaa-111111111111"
#define D2 "22222222-aaaa-4aaa-8aaa-222222222222"
#define OP "99999999-aaaa-4aaa-8aaa-999999999999"
#define VM "{'vm': 'vm1'"
#define VIRTIO ", 'interface': 'virtio'"
#define THE_OP "{'op_id': '" OP "'}"
#define NO_DEFINE "define 1 fail HYPERVISOR_FAILED no room"
#define SILENT "\ndetach 1 silent"

static void
start(struct house *house, bool scsi, bool paused)
{
    house_start(house);
    house_do(house, "CreateVm",
             scsi ? "{'name': 'vm1', 'memory': 134217728}"
                  : "{'name': 'vm1', 'memory': 134217728,"
                    " 'virtio_scsi': false}");
    house_do(house, "StartVm",
             paused ? VM ", 'paused': true}" : VM "}");
    if (!scsi)
        house_do(house, "UpdateVm", VM ", 'virtio_scsi': true}");
}

#define DISK                                                                   \
    "'disk_id': '%s', 'size': 1048576, 'source': {'type': 'file',"             \
    " 'path': '%s/%.4s.img', 'format': 'raw'}%s"

static json_t *
add(struct house *house, const char *id, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text), VM ", " DISK "}", id, house->folder, id, more);
    return house_call(house, "AddDisk", text);
}

static json_t *
add_both(struct house *house)
{
    char text[2048];

    snprintf(text, sizeof(text),
             VM ", 'op_id': '" OP "', 'disks': [{" DISK "}, {" DISK "}]}", D1,
             house->folder, D1, VIRTIO, D2, house->folder, D2, "");
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
live_has(struct house *house, const char *what)
{
    house_do(house, "GetVmXml", VM ", 'which': 'live'}");
    return strstr(json_get_text(house->answer, "xml", ""), what) != NULL;
}

/* The guest lets it go at last. */
static void
let_go(struct house *house, const char *alias)
{
    char uuid[UUID_TEXT];

    assert_int_equal(
        vm_table_find(house->env.vms, "vm1", uuid, &house->err), 0);
    fake_release(hyper_backend(house->env.hyper), uuid, alias);
}

/* How often the end of OP was announced. */
static size_t
ends(struct house *house)
{
    json_t *event;
    size_t i, n = 0;

    house_do(house, "GetEvents", "{'since': 0, 'limit': 1000}");
    json_array_foreach(json_object_get(house->answer, "events"), i, event)
    {
        n += !strcmp(json_get_text(event, "op_id", ""), OP) &&
             !strncmp(json_get_text(event, "type", ""), "op.", 3);
    }
    return n;
}

static void
no_disk(struct house *house, const char *id)
{
    char text[64];

    snprintf(text, sizeof(text), "{'disk': '%s'}", id);
    house_refuse(house, "GetDisk", text, ERR_NOT_FOUND, id);
    assert_false(image_there(house, id));
}

static void
test_controller_stays_in_a_paused_vm(void **state)
{
    struct house house;

    (void)state;
    start(&house, false, true);
    house_script(&house, "attach 2 fail HYPERVISOR_FAILED disk is bad");
    assert_null(add(&house, D1, ", 'address': null, 'op_id': '" OP "'"));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "disk is bad");
    assert_true(live_has(&house, "ua-scsi0"));
    no_disk(&house, D1);
    house_do(&house, "GetOperation", THE_OP);
    house_is(&house, "state", "failed");
    house_is(&house, "receipt.rolled_back", "true");
    house_is(&house, "receipt.kept.0", "ua-scsi0");
    house_script(&house, NULL);
    assert_non_null(add(&house, D1, ""));
    house_is(&house, "address.unit", "0");
    house_end(&house);
}

static void
test_controller_of_a_silent_guest_waits(void **state)
{
    struct house house;

    (void)state;
    start(&house, false, false);
    house_script(&house,
                 "attach 2 fail HYPERVISOR_FAILED disk is bad" SILENT);
    assert_null(add(&house, D1, ", 'op_id': '" OP "'"));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "ua-scsi0");
    no_disk(&house, D1);
    house_do(&house, "GetOperation", THE_OP);
    house_is(&house, "state", "pending");
    house_is(&house, "receipt.rollback_pending.0", "ua-scsi0");
    house_is(&house, "receipt.rolled_back", "false");
    assert_null(add(&house, D2, "")); /* it would go with its controller */
    unit_err(&house.err, ERR_BUSY, "ua-scsi0");
    let_go(&house, "ua-scsi0");
    house_until(&house, "GetOperation", THE_OP, "state", "failed");
    house_is(&house, "receipt.rolled_back", "true");
    house_is(&house, "receipt.cause", "disk is bad");
    house_script(&house, NULL);
    assert_non_null(add(&house, D2, ""));
    assert_int_equal(ends(&house), 1);
    house_end(&house);
}

/* A virtio disk in a VM whose guest cannot answer, and no definition. */
static void
start_pending(struct house *house)
{
    start(house, true, true);
    house_script(house, NO_DEFINE SILENT);
    assert_null(add(house, D1, VIRTIO ", 'op_id': '" OP "'"));
    unit_err(&house->err, ERR_HYPERVISOR_FAILED, "ua-" D1);
    assert_non_null(strstr(house->err.message, "no room"));
    assert_string_equal(house->err.step, "define");
    house_script(house, NULL);
    house_do(house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(house, "state", "rollback_pending");
    assert_true(image_there(house, D1));
    assert_int_equal(ends(house), 0);
}

static void
rolled_back(struct house *house)
{
    house_until(house, "GetOperation", THE_OP, "state", "failed");
    house_is(house, "receipt.rolled_back", "true");
    house_is(house, "receipt.message", "no room");
    house_is(house, "receipt.step", "define");
    no_disk(house, D1);
    assert_int_equal(ends(house), 1);
}

static void
test_pci_disk_waits_for_its_guest(void **state)
{
    static const char *const verbs[][2] = {
        {"HotPlugDisk", "}"},
        {"HotUnplugDisk", "}"},
        {"ResizeDisk", ", 'size': 2097152}"},
        {"UpdateVmDisk", ", 'set': {'boot_order': 1}}"},
    };
    struct house house;
    char text[256];

    (void)state;
    start_pending(&house);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        snprintf(text, sizeof(text), VM ", 'disk': '" D1 "'%s", verbs[i][1]);
        house_refuse(&house, verbs[i][0], text, ERR_BUSY, D1);
    }
    assert_null(add(&house, D1, VIRTIO ", 'op_id': '" OP "'"));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "no room"); /* asked again */
    let_go(&house, "ua-" D1);
    rolled_back(&house);
    assert_non_null(add(&house, D1, VIRTIO));
    house_end(&house);
}

static void
test_it_waits_over_a_restart(void **state)
{
    struct house house;

    (void)state;
    start_pending(&house);
    house_close(&house);
    house_open(&house);
    watch_start(&house.env);
    house_until(&house, "GetVm", VM "}", "settled", "true");
    house_do(&house, "GetOperation", THE_OP);
    house_is(&house, "state", "pending");
    let_go(&house, "ua-" D1);
    rolled_back(&house);
    house_end(&house);
}

static void
test_the_end_of_the_vm_ends_it(void **state)
{
    struct house house;

    (void)state;
    start_pending(&house);
    house_do(&house, "DestroyVm", VM "}");
    rolled_back(&house);
    house_end(&house);
}

static void
test_a_guest_that_keeps_the_disk(void **state)
{
    struct house house;

    (void)state;
    start(&house, true, false);
    house_script(&house, NO_DEFINE "\ndetach 1 refused");
    assert_null(add(&house, D1, VIRTIO ", 'op_id': '" OP "'"));
    house_until(&house, "GetOperation", THE_OP, "state", "failed");
    house_is(&house, "receipt.rolled_back", "false");
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(&house, "state", "plugged");
    assert_true(image_there(&house, D1));
    assert_int_equal(ends(&house), 1);
    house_end(&house);
}

static void
test_a_guest_that_keeps_it_later(void **state)
{
    char uuid[UUID_TEXT];
    const struct hyper_event late = {.type = HYPER_EVENT_REMOVAL_FAILED,
                                     .uuid = uuid,
                                     .device = "ua-" D1};
    struct house house;

    (void)state;
    start_pending(&house);
    assert_int_equal(
        vm_table_find(house.env.vms, "vm1", uuid, &house.err), 0);
    watch_event(&house.env, &late);
    house_until(&house, "GetOperation", THE_OP, "state", "failed");
    house_is(&house, "receipt.rolled_back", "false");
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(&house, "state", "plugged");
    house_end(&house);
}

/* What was released at first belongs to others from then on. */
static void
test_the_rest_is_free_at_once(void **state)
{
    struct house house;

    (void)state;
    start(&house, true, true);
    house_script(&house, NO_DEFINE "\ndetach 2 silent");
    assert_null(add_both(&house));
    house_script(&house, NULL);
    no_disk(&house, D2);
    assert_true(image_there(&house, D1));
    assert_non_null(add(&house, D2, ""));
    let_go(&house, "ua-" D1);
    house_until(&house, "GetOperation", THE_OP, "state", "failed");
    house_is(&house, "receipt.rolled_back", "true");
    no_disk(&house, D1);
    house_do(&house, "GetDisk", "{'disk': '" D2 "'}");
    house_is(&house, "state", "plugged");
    assert_true(image_there(&house, D2));
    house_end(&house);
}

/* libvirt died inside the attach and has forgotten the controller, which the
 * guest has to let go: the VM is not held up by that. */
static void
test_what_libvirt_forgot_waits_too(void **state)
{
    struct house house;

    (void)state;
    start(&house, false, false);
    house_script(&house, "attach 1 lost\nforget_device 1 fail BUSY it stays\n"
                         "forget_device 2 fail BUSY it stays");
    assert_null(add(&house, D1, ", 'op_id': '" OP "'"));
    unit_err(&house.err, ERR_UNREACHABLE, OP);
    fake_connect(hyper_backend(house.env.hyper), true);
    house_until(&house, "GetOperation", THE_OP, "state", "pending");
    house_is(&house, "receipt.rollback_pending.0", "ua-scsi0");
    no_disk(&house, D1);
    assert_null(add(&house, D2, ""));
    unit_err(&house.err, ERR_BUSY, "ua-scsi0");
    house_until(&house, "GetOperation", THE_OP, "state", "cancelled");
    house_is(&house, "receipt.rolled_back", "true");
    house_script(&house, NULL);
    assert_non_null(add(&house, D2, ""));
    assert_int_equal(ends(&house), 1);
    house_end(&house);
}

/* Types of the events of OP, in order: " a b". */
static void
events(struct house *house, char out[256])
{
    json_t *event;
    size_t i;

    out[0] = '\0';
    house_do(house, "GetEvents", "{'since': 0, 'limit': 1000}");
    json_array_foreach(json_object_get(house->answer, "events"), i, event)
    {
        size_t used = strlen(out);

        if (!strcmp(json_get_text(event, "op_id", ""), OP))
            snprintf(out + used, 256 - used, " %s",
                     json_get_text(event, "type", ""));
    }
}

static void
test_an_unplug_brings_the_disk_back(void **state)
{
    struct house house;
    char seen[256];

    (void)state;
    start(&house, true, true);
    assert_non_null(add(&house, D1, ""));
    house_script(&house, NO_DEFINE);
    house_refuse(&house, "HotUnplugDisk",
                 VM ", 'disk': '" D1 "', 'op_id': '" OP "'}",
                 ERR_HYPERVISOR_FAILED, "no room");
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(&house, "state", "plugged");
    house_is(&house, "plugged", "true");
    assert_true(live_has(&house, "ua-" D1));
    events(&house, seen);
    assert_string_equal(seen, " disk.unplugged disk.plugged op.failed");
    house_end(&house);
}

static void
test_what_was_announced_is_taken_back(void **state)
{
    struct house house;
    char seen[256];

    (void)state;
    start(&house, true, true);
    house_script(&house, NO_DEFINE);
    assert_null(add(&house, D1, ", 'op_id': '" OP "'"));
    events(&house, seen);
    assert_string_equal(seen, " disk.added disk.plugged disk.unplugged"
                              " disk.removed op.failed");
    house_end(&house);
}

static void
test_a_cdrom_has_its_medium_again(void **state)
{
    struct house house;
    char text[512], a[300], path[256];

    (void)state;
    house_start(&house);
    snprintf(a, sizeof(a), "%s/a.iso", house.folder);
    unit_write(a, "a");
    snprintf(text, sizeof(text),
             "{'name': 'vm1', 'memory': 134217728, 'disks': [{'disk_id': '" D1
             "', 'kind': 'cdrom', 'source': {'type': 'file', 'path': '%s',"
             " 'format': 'raw'}}]}",
             a);
    house_do(&house, "CreateVm", text);
    house_do(&house, "StartVm", VM ", 'paused': true}");
    house_script(&house, NO_DEFINE);
    house_refuse(&house, "ChangeCd", VM ", 'disk': '" D1 "', 'source': null}",
                 ERR_HYPERVISOR_FAILED, "no room");
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    assert_string_equal(house_get(&house, "source.path", path), a);
    assert_true(live_has(&house, a));
    house_end(&house);
}

/* libvirt 9.0 says yes when it could not make the link. */
static void
test_autostart_is_looked_at(void **state)
{
    struct house house;

    (void)state;
    start(&house, true, true);
    house_script(&house, "autostart 1 silent");
    house_refuse(&house, "UpdateVm",
                 VM ", 'memory': 268435456, 'autostart': true}",
                 ERR_HYPERVISOR_FAILED, "autostart");
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "autostart", "false");
    house_is(&house, "memory", "134217728");
    house_script(&house, NULL);
    house_do(&house, "UpdateVm", VM ", 'autostart': true}");
    house_end(&house);
}

static void
test_a_vm_that_was_not_made_leaves_no_row(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    house_script(&house, "autostart 1 silent");
    house_refuse(&house, "CreateVm",
                 "{'name': 'vm1', 'memory': 134217728, 'autostart': true}",
                 ERR_HYPERVISOR_FAILED, "autostart");
    house_do(&house, "ListVms", "{}");
    house_is(&house, "vms.0", "absent");
    house_do(&house, "CreateVm", "{'name': 'vm1', 'memory': 134217728}");
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controller_stays_in_a_paused_vm),
        cmocka_unit_test(test_controller_of_a_silent_guest_waits),
        cmocka_unit_test(test_pci_disk_waits_for_its_guest),
        cmocka_unit_test(test_it_waits_over_a_restart),
        cmocka_unit_test(test_the_end_of_the_vm_ends_it),
        cmocka_unit_test(test_a_guest_that_keeps_the_disk),
        cmocka_unit_test(test_a_guest_that_keeps_it_later),
        cmocka_unit_test(test_the_rest_is_free_at_once),
        cmocka_unit_test(test_what_libvirt_forgot_waits_too),
        cmocka_unit_test(test_an_unplug_brings_the_disk_back),
        cmocka_unit_test(test_what_was_announced_is_taken_back),
        cmocka_unit_test(test_a_cdrom_has_its_medium_again),
        cmocka_unit_test(test_autostart_is_looked_at),
        cmocka_unit_test(test_a_vm_that_was_not_made_leaves_no_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
