// SPDX-License-Identifier: Apache-2.0
/* The scripted backend behaves as libvirt does, and goes wrong as told. */
#include "tests/unit/fake_house.h"

static void
live_and_definition_are_kept_apart(void **state)
{
    struct fake_house *house = *state;

    fake_house_start(house);
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "<domain type=\"qemu\" "
                                                      "id=\"1\""));
    assert_int_equal(hyper_attach(house->hyper, VM_A,
                                  fake_house_disk("ua-1", "sdb", 0, 1), NULL),
                     0);
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "ua-1"));
    assert_false(fake_house_has(house, HYPER_XML_CONFIG, "ua-1"));
    assert_false(fake_house_has(house, HYPER_XML_CONFIG, "video0"));
    assert_int_equal(hyper_destroy(house->hyper, VM_A, NULL), 0);
    assert_false(fake_house_has(house, HYPER_XML_LIVE, "ua-1"));
    fake_house_wait(house, " defined started paused added:ua-1 stopped");
}

static void
names_and_uuids_are_unique(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;
    struct hyper_domain *list, one;
    size_t n;

    fake_house_start(house);
    assert_int_equal(
        hyper_define(house->hyper, fake_house_xml("db", VM_B), &err), -1);
    unit_err(&err, ERR_EXISTS, VM_A);
    assert_int_equal(
        hyper_define(house->hyper, fake_house_xml("other", VM_A), &err), -1);
    unit_err(&err, ERR_EXISTS, "'db'");
    assert_int_equal(
        hyper_define(house->hyper, fake_house_xml("web", VM_B), &err), 0);
    assert_int_equal(hyper_list(house->hyper, &list, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "db");
    assert_int_equal(list[0].state, HYPER_PAUSED);
    assert_string_equal(list[0].reason, "user");
    assert_int_equal(list[1].state, HYPER_SHUT_OFF);
    free(list);
    assert_int_equal(hyper_find(house->hyper, "web", &one, &err), 0);
    assert_string_equal(one.uuid, VM_B);
    assert_int_equal(hyper_undefine(house->hyper, VM_B, &err), 0);
    assert_int_equal(hyper_find(house->hyper, VM_B, &one, &err), -1);
    unit_err(&err, ERR_NOT_FOUND, VM_B);
}

static void
attach_refuses_what_is_there(void **state)
{
    struct fake_house *house = *state;
    const struct {
        const char *alias, *target;
        int unit;
        const char *says;
    } rows[] = {
        {"ua-root", "sdb", 1, "alias 'ua-root'"},
        {"ua-1", "sda", 1, "target 'sda'"},
        {"ua-1", "sdb", 0, "scsi 0:0:0:0"},
    };
    struct err err = ERR_INIT;

    fake_house_start(house);
    for (size_t i = 0; i < 3; i++) {
        const char *xml =
            fake_house_disk(rows[i].alias, rows[i].target, 0, rows[i].unit);

        assert_int_equal(hyper_attach(house->hyper, VM_A, xml, &err), -1);
        unit_err(&err, ERR_EXISTS, rows[i].says);
    }
    assert_int_equal(hyper_attach(house->hyper, VM_A,
                                  "<controller type='scsi' index='0'/>", &err),
                     -1);
    unit_err(&err, ERR_EXISTS, "scsi:0");
}

static void
what_does_not_run_takes_no_device(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;

    hyper_define(house->hyper, fake_house_xml("db", VM_A), NULL);
    assert_int_equal(hyper_attach(house->hyper, VM_A,
                                  fake_house_disk("ua-1", "sdb", 0, 1), &err),
                     -1);
    unit_err(&err, ERR_BAD_STATE, "'db' is not running");
    assert_int_equal(hyper_start(house->hyper, VM_A, false, &err), 0);
    assert_int_equal(hyper_start(house->hyper, VM_A, false, &err), -1);
    unit_err(&err, ERR_BAD_STATE, "already running");
}

static void
detach_ends_with_its_event(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;

    fake_house_start(house);
    assert_int_equal(hyper_detach(house->hyper, VM_A, "ua-root", &err), 0);
    fake_house_wait(house, "removed:ua-root");
    assert_false(fake_house_has(house, HYPER_XML_LIVE, "ua-root"));
    assert_true(fake_house_has(house, HYPER_XML_CONFIG, "ua-root"));
    assert_int_equal(hyper_detach(house->hyper, VM_A, "ua-root", &err), -1);
    unit_err(&err, ERR_NOT_FOUND, "ua-root");
}

static void
a_silent_guest_keeps_the_device(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;
    void *backend = hyper_backend(house->hyper);

    fake_house_start(house);
    assert_int_equal(fake_script(backend, "detach 1 silent", &err), 0);
    assert_int_equal(hyper_detach(house->hyper, VM_A, "ua-root", &err), 0);
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "ua-root"));
    assert_int_equal(hyper_detach(house->hyper, VM_A, "ua-root", &err), -1);
    unit_err(&err, ERR_BUSY, "already being unplugged");
    fake_release(backend, VM_A, "ua-root");
    fake_house_wait(house, "removed:ua-root");
    assert_false(fake_house_has(house, HYPER_XML_LIVE, "ua-root"));
}

static void
a_reset_lets_it_go(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;

    fake_house_start(house);
    fake_script(hyper_backend(house->hyper), "detach 1 silent", &err);
    assert_int_equal(hyper_detach(house->hyper, VM_A, "ua-root", &err), 0);
    assert_int_equal(hyper_reboot(house->hyper, VM_A, true, &err), 0);
    fake_house_wait(house, "reboot: removed:ua-root");
}

static void
a_refusal_is_told_and_the_device_stays(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;

    fake_house_start(house);
    fake_script(hyper_backend(house->hyper), "detach 1 refused", &err);
    assert_int_equal(hyper_detach(house->hyper, VM_A, "ua-root", &err), 0);
    fake_house_wait(house, "removal_failed:ua-root");
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "ua-root"));
    assert_int_equal(hyper_detach(house->hyper, VM_A, "ua-root", &err), 0);
    fake_house_wait(house, " removed:ua-root");
}

static void
calls_fail_by_script(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;
    const char *disk = fake_house_disk("ua-1", "sdb", 0, 1);

    fake_house_start(house);
    assert_int_equal(fake_script(hyper_backend(house->hyper),
                                 "# two kinds of failure\n"
                                 "attach 1 fail SOURCE_BAD no such image\n"
                                 "attach 2 applied-fail UNREACHABLE gone\n",
                                 &err),
                     0);
    assert_int_equal(hyper_attach(house->hyper, VM_A, disk, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "no such image");
    assert_false(fake_house_has(house, HYPER_XML_LIVE, "ua-1"));
    assert_int_equal(hyper_attach(house->hyper, VM_A, disk, &err), -1);
    unit_err(&err, ERR_UNREACHABLE, "gone");
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "ua-1"));
    assert_int_equal(fake_script(hyper_backend(house->hyper),
                                 "attach one fail", &err),
                     -1);
    unit_err(&err, ERR_INVALID, "attach one fail");
}

static void *
suspend(void *arg)
{
    struct fake_house *house = arg;

    assert_int_equal(hyper_suspend(house->hyper, VM_A, NULL), 0);
    return NULL;
}

static void
calls_are_held_by_script(void **state)
{
    struct fake_house *house = *state;
    void *backend = hyper_backend(house->hyper);
    int64_t began_ms = clock_mono_ms();
    struct err err = ERR_INIT;
    pthread_t thread;

    fake_house_start(house);
    assert_int_equal(fake_script(backend, "suspend 1 hang\nresume 1 slow 30",
                                 &err),
                     0);
    assert_int_equal(hyper_resume(house->hyper, VM_A, &err), 0);
    assert_true(clock_mono_ms() - began_ms >= 30);
    assert_int_equal(pthread_create(&thread, NULL, suspend, house), 0);
    while (fake_held(backend) == 0)
        usleep(500);
    assert_int_equal(hyper_resume(house->hyper, VM_A, &err), 0);
    fake_go(backend);
    pthread_join(thread, NULL);
    assert_int_equal(fake_held(backend), 0);
    assert_int_equal(fake_script(backend, "resume 1 slow", &err), -1);
    unit_err(&err, ERR_INVALID, "slow MS");
}

static void
stray_devices_by_script(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;

    fake_house_start(house);
    fake_script(hyper_backend(house->hyper),
                "attach 1 stray-controller\nattach 2 wrong-address", &err);
    assert_int_equal(hyper_attach(house->hyper, VM_A,
                                  fake_house_disk("ua-1", "sdb", 0, 1), &err),
                     0);
    assert_true(fake_house_has(house, HYPER_XML_LIVE,
                               "type=\"scsi\" index=\"1\""));
    assert_int_equal(hyper_attach(house->hyper, VM_A,
                                  fake_house_disk("ua-2", "sdc", 0, 6), &err),
                     0);
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "unit=\"7\""));
}

static void
missing_controllers_appear_as_in_libvirt(void **state)
{
    struct fake_house *house = *state;

    fake_house_start(house);
    assert_int_equal(hyper_attach(house->hyper, VM_A,
                                  fake_house_disk("ua-1", "sdb", 2, 0), NULL),
                     0);
    assert_true(fake_house_has(house, HYPER_XML_LIVE,
                               "index=\"2\" model=\"lsilogic\""));
}

static void
values_reach_the_right_tree(void **state)
{
    const struct hyper_tune tune = {"total_iops_sec", 500};
    struct fake_house *house = *state;
    struct err err = ERR_INIT;

    fake_house_start(house);
    assert_int_equal(hyper_memory(house->hyper, VM_A, 1 << 20, &err), 0);
    assert_int_equal(hyper_vcpus(house->hyper, VM_A, 3, &err), 0);
    assert_true(fake_house_has(house, HYPER_XML_CONFIG,
                               "<memory unit=\"KiB\">1024</memory>"));
    assert_true(fake_house_has(house, HYPER_XML_CONFIG, "<vcpu>3</vcpu>"));
    assert_false(fake_house_has(house, HYPER_XML_LIVE, "<vcpu>3</vcpu>"));
    assert_int_equal(hyper_iotune(house->hyper, VM_A, "sda", &tune, 1, &err),
                     0);
    assert_true(fake_house_has(house, HYPER_XML_LIVE,
                               "<total_iops_sec>500</total_iops_sec>"));
    assert_int_equal(hyper_resize(house->hyper, VM_A, "sdq", 1, &err), -1);
    unit_err(&err, ERR_NOT_FOUND, "sdq");
}

static void
update_keeps_the_place(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;

    fake_house_start(house);
    assert_int_equal(hyper_update(house->hyper, VM_A,
                                  "<disk><target dev='sda' bus='scsi'/>"
                                  "<readonly/></disk>",
                                  false, &err),
                     0);
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "<readonly/>"));
    assert_true(fake_house_has(house, HYPER_XML_LIVE, "ua-root"));
    assert_int_equal(hyper_update(house->hyper, VM_A,
                                  fake_house_disk("ua-root", "sda", 0, 0),
                                  false, &err),
                     -1);
    unit_err(&err, ERR_UNSUPPORTED, "source");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        FAKE_CASE(live_and_definition_are_kept_apart),
        FAKE_CASE(names_and_uuids_are_unique),
        FAKE_CASE(attach_refuses_what_is_there),
        FAKE_CASE(what_does_not_run_takes_no_device),
        FAKE_CASE(detach_ends_with_its_event),
        FAKE_CASE(a_silent_guest_keeps_the_device),
        FAKE_CASE(a_reset_lets_it_go),
        FAKE_CASE(a_refusal_is_told_and_the_device_stays),
        FAKE_CASE(calls_fail_by_script),
        FAKE_CASE(calls_are_held_by_script),
        FAKE_CASE(stray_devices_by_script),
        FAKE_CASE(missing_controllers_appear_as_in_libvirt),
        FAKE_CASE(values_reach_the_right_tree),
        FAKE_CASE(update_keeps_the_place),
    };

    return CASES(cases);
}
