// SPDX-License-Identifier: Apache-2.0
/*
 * VMs of an engine, from VM.create to VM.destroy: the answer before the
 * start, how it ended, and what is kept of places from one run to the next.
 */
#include "tests/unit/engine_house.h"

#define VM "{'vmID': '" ENGINE_VM "'}"

static void
life_is(const struct house *house, enum vm_life_state state)
{
    CLEANUP_VM_INFO struct vm_info info = engine_house_info(house);

    assert_int_equal(info.life.state, state);
}

static void
a_life(void **state)
{
    struct house house;

    (void)state;
    engine_house_start(&house);
    engine_house_create_sample(&house, "run/image-file-raw");
    assert_true(json_is_true(house.answer));
    assert_string_equal(json_get_text(house.early, "vmId", ""), ENGINE_VM);
    assert_string_equal(json_get_text(house.early, "status", ""),
                        "WaitForLaunch");
    assert_true(strtoll(json_get_text(house.early, "statusTime", "0"), NULL,
                        10) > INT32_MAX);
    assert_non_null(strstr(json_get_text(house.early, "xml", ""), "<domain"));
    life_is(&house, VM_LIFE_RUNNING);
    engine_house_disk(&house, "ua-" ENGINE_DISK("1"), "sda", "0:0:0:0");
    engine_house_live(&house, "clusterVersion", true);
    house_do(&house, "VM.pause", VM);
    assert_non_null(json_object_get(house.answer, "vmList"));
    house_do(&house, "VM.cont", VM);
    house_do(&house, "VM.reset", VM);
    house_do(&house, "VM.destroy", VM);
    assert_true(json_is_true(house.answer));
    life_is(&house, VM_LIFE_NONE);
    house_refuse(&house, "VM.destroy", VM, ERR_NOT_FOUND, "no VM");
    house_end(&house);
}

static void
paused_launch(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL;
    char *at;

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/image-file-raw");
    at = strstr(xml, "launchPaused>false");
    memcpy(at, "launchPaused>true ", 18);
    memmove(at + 17, at + 18, strlen(at + 18) + 1);
    engine_house_create(&house, xml);
    house_do(&house, "GetVm", "{'vm': 'vm1'}");
    house_is(&house, "state", "paused");
    house_end(&house);
}

/* It is Down with the reason until the engine asks to destroy it. */
static void
failed_start(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL;
    CLEANUP_VM_INFO struct vm_info info = {.present = false};

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/image-file-raw");
    house_script(&house, "create 1 fail HYPERVISOR_FAILED no such machine");
    assert_null(engine_house_xml(&house, "VM.create", "vmParams", xml));
    assert_non_null(house.early);
    info = engine_house_info(&house);
    assert_int_equal(info.life.state, VM_LIFE_DOWN);
    assert_int_equal(info.life.code, 1);
    assert_int_equal(info.life.reason, VM_LIFE_START_FAILED);
    assert_non_null(strstr(info.life.message, "no such machine"));
    house_do(&house, "Host.getAllVmStats", "{}");
    house_is(&house, "0.vmId", ENGINE_VM);
    house_is(&house, "0.status", "Down");
    house_is(&house, "0.exitCode", "1");
    house_is(&house, "0.exitReason", "3");
    assert_non_null(strstr(json_get_text(json_array_get(house.answer, 0),
                                         "exitMessage", ""),
                           "no such machine"));
    house_do(&house, "VM.getStats", VM);
    house_is(&house, "0.status", "Down");
    house_do(&house, "Host.getVMList", "{}");
    house_is(&house, "0.status", "Down");
    house_do(&house, "VM.destroy", VM);
    life_is(&house, VM_LIFE_NONE);
    house_do(&house, "Host.getVMList", "{}");
    assert_int_equal(json_array_size(house.answer), 0);
    house_do(&house, "ListDisks", "{}");
    assert_int_equal(json_array_size(json_object_get(house.answer, "disks")),
                     0);
    house_end(&house);
}

/* Nothing begins, and nobody is told that anything did. */
static void
refused_before(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL, *lun = NULL;

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/image-file-raw");
    lun = engine_house_sample(&house, "run/lun-virtio-sgio_FILTERED");
    assert_null(engine_house_xml(&house, "VM.create", "vmParams", lun));
    unit_err(&house.err, ERR_SOURCE_DENIED, "/dev/mapper");
    assert_null(house.early);
    house_set(&house, "vdsm.allow_tcg=no");
    assert_null(engine_house_xml(&house, "VM.create", "vmParams", xml));
    unit_err(&house.err, ERR_BAD_STATE, "allow_tcg");
    house_set(&house, "vdsm.allow_tcg=yes");
    house_refuse(&house, "VM.create", "{'vmID': '" ENGINE_VM "',"
                                      " 'vmParams': {}}",
                 ERR_INVALID, "xml");
    house_refuse(&house, "VM.create",
                 "{'vmID': '" ENGINE_VM "', 'vmParams': {'xml': 'x',"
                 " 'memoryDumpVolume': 'v'}}",
                 ERR_UNSUPPORTED, "memoryDumpVolume");
    engine_house_create(&house, xml);
    assert_null(engine_house_xml(&house, "VM.create", "vmParams", xml));
    unit_err(&house.err, ERR_EXISTS, "already");
    assert_null(house.early);
    house_end(&house);
}

/* What a domain may do to its host is granted on purpose, and written down. */
static void
a_privileged_domain(void **state)
{
    static const char line[] =
        "<q:commandline xmlns:q=\"http://libvirt.org/schemas/domain/qemu/"
        "1.0\"/></domain>";
    const struct audit_filter grants = {.what = "grant"};
    CLEANUP_FREE char *xml = NULL, *own = NULL;
    CLEANUP_JSON json_t *page = NULL;
    struct house house;
    const json_t *row;

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/image-file-raw");
    own = mem_printf("%.*s%s", (int)(strstr(xml, "</domain>") - xml), xml,
                     line);
    assert_int_equal(access_add_role(house.root.access, "Maker",
                                     "VM_CREATE, VM_READ", &house.err),
                     0);
    assert_int_equal(access_add_peer(house.root.access, "p", "uid:5", "Maker",
                                     &house.err),
                     0);
    identity_unref(house.root.who);
    house.root.who = identity_new("uid:5");
    identity_add_number(house.root.who, IDENTITY_UID, 5);
    assert_null(engine_house_xml(&house, "VM.create", "vmParams", own));
    unit_err(&house.err, ERR_DENIED, "q:commandline");
    identity_add_number(house.root.who, IDENTITY_UID, 0);
    engine_house_create(&house, own);
    page = audit_read(house.env.store, 0, 10, &grants, &house.err);
    row = json_array_get(json_object_get(page, "rows"), 0);
    assert_string_equal(json_get_text(row, "subject", ""), "q:commandline");
    assert_string_equal(json_get_text(row, "result", ""), "done");
    assert_string_equal(json_get_text(row, "vm", ""), ENGINE_VM);
    house_end(&house);
}

/* How it stopped is told by what libvirt says, and by what was asked for. */
static void
stopped(void **state)
{
    struct house house;
    CLEANUP_VM_INFO struct vm_info info = {.present = false};

    (void)state;
    engine_house_start(&house);
    engine_house_create_sample(&house, "run/image-file-raw");
    house_do(&house, "VM.shutdown", VM);
    for (int64_t until = clock_mono_ms() + 5000;
         info.life.state != VM_LIFE_DOWN && clock_mono_ms() < until;) {
        vm_info_clear(&info);
        info = engine_house_info(&house);
        usleep(2000);
    }
    assert_int_equal(info.life.state, VM_LIFE_DOWN);
    assert_int_equal(info.life.code, 0);
    assert_int_equal(info.life.reason, VM_LIFE_ADMIN_SHUTDOWN);
    house_do(&house, "VM.destroy", VM);
    house_end(&house);
}

static void
address_of(const struct house *house, const char *type, unsigned index,
           char out[32])
{
    CLEANUP_VM_INFO struct vm_info info = engine_house_info(house);
    const struct controller *c = domain_controller(info.live, type, index);

    assert_non_null(c);
    address_text(&c->address, out);
}

/* The engine edits the VM: its controllers come back in another order and
 * without addresses, a disk without its own. */
static void
places_are_kept(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL, *again = NULL;
    char first[32], second[32], now[32], *at;

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/iothreads2-mixed");
    engine_house_create(&house, xml);
    address_of(&house, "scsi", 0, first);
    address_of(&house, "scsi", 1, second);
    assert_string_not_equal(first, second);
    house_do(&house, "VM.destroy", VM);
    again = mem_dup(xml);
    at = strstr(again, "iothread=\"1\"");
    memcpy(at, "iothread=\"2\"", 12);
    at = strstr(at + 12, "iothread=\"2\"");
    memcpy(at, "iothread=\"1\"", 12);
    engine_house_create(&house, again);
    address_of(&house, "scsi", 0, now);
    assert_string_equal(now, first);
    address_of(&house, "scsi", 1, now);
    assert_string_equal(now, second);
    engine_house_live(&house, "keeps", false);
    house_end(&house);
}

/* Two disks at one place: one is moved, and both are recorded. */
static void
duplicates_are_settled(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL;
    char *at;

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/addr-kept");
    at = strstr(xml, "unit=\"2\"");
    at[6] = '5';
    engine_house_create(&house, xml);
    house_do(&house, "ListDisks", "{}");
    house_is(&house, "disks.0.address.unit", "5");
    house_is(&house, "disks.1.address.unit", "0");
    house_do(&house, "VM.destroy", VM);
    house_end(&house);
}

/* What an engine's VM left defined makes way; anything else does not. */
static void
definitions(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL;
    struct err err = ERR_INIT;

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/image-file-raw");
    assert_int_equal(hyper_define(house.env.hyper, xml, &err), 0);
    house_do(&house, "GetVm", "{'vm': 'vm1'}");
    engine_house_create(&house, xml);
    house_do(&house, "VM.destroy", VM);
    house_do(&house, "CreateVm",
             "{'vm_id': '" ENGINE_VM "', 'name': 'vm1',"
             " 'memory': 134217728}");
    assert_null(engine_house_xml(&house, "VM.create", "vmParams", xml));
    unit_err(&house.err, ERR_EXISTS, "DeleteVm");
    house_end(&house);
}

static void
vcpus_and_files(void **state)
{
    struct house house;

    (void)state;
    engine_house_start(&house);
    engine_house_create_sample(&house, "run/image-file-raw");
    house_do(&house, "VM.setNumberOfCpus",
             "{'vmID': '" ENGINE_VM "', 'numberOfCpus': '4'}");
    engine_house_live(&house, "current=\"4\"", true);
    house_refuse(&house, "VM.setNumberOfCpus",
                 "{'vmID': '" ENGINE_VM "', 'numberOfCpus': 17}", ERR_INVALID,
                 "1..16");
    house_do(&house, "VM.freeze", VM);
    house_do(&house, "VM.thaw", VM);
    house_script(&house, "freeze 1 fail HYPERVISOR_FAILED no agent");
    house_refuse(&house, "VM.freeze", VM, ERR_HYPERVISOR_FAILED, "no agent");
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_life),
        cmocka_unit_test(paused_launch),
        cmocka_unit_test(failed_start),
        cmocka_unit_test(a_privileged_domain),
        cmocka_unit_test(refused_before),
        cmocka_unit_test(stopped),
        cmocka_unit_test(places_are_kept),
        cmocka_unit_test(duplicates_are_settled),
        cmocka_unit_test(definitions),
        cmocka_unit_test(vcpus_and_files),
    };

    return CASES(cases);
}
