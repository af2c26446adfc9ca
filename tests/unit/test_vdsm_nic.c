// SPDX-License-Identifier: Apache-2.0
/*
 * NICs, memory and graphics of an engine's VM: plugged, changed, unplugged,
 * with what a silent guest makes of it, and what an interruption leaves.
 */
#include "tests/unit/engine_house.h"

#define VM "{'vmID': '" ENGINE_VM "'"
#define NIC "ua-44444444-0000-0000-0000-000000000001"
#define MAC "56:6f:00:00:00:01"
#define OUT(element, alias)                                                    \
    "<hotunplug><devices><" element "><alias name=\"" alias "\"/></" element   \
    "></devices></hotunplug>"

static const char nic[] =
    "<hotplug><devices><interface type=\"bridge\"><model type=\"virtio\"/>"
    "<link state=\"up\"/><source bridge=\"ovirtmgmt\"/><mac address=\"" MAC
    "\"/><alias name=\"" NIC "\"/></interface></devices><metadata "
    "xmlns:ovirt-vm=\"" OVIRT_VM_URI "\"><ovirt-vm:vm><ovirt-vm:device "
    "devtype=\"interface\" mac_address=\"" MAC "\"><ovirt-vm:network>ovirtmgmt"
    "</ovirt-vm:network></ovirt-vm:device></ovirt-vm:vm></metadata></hotplug>";

static const char dimm[] =
    "<hotplug><devices><memory model=\"dimm\"><target><size unit=\"MiB\">256"
    "</size><node>0</node></target><alias name=\"ua-dimm\"/></memory>"
    "</devices></hotplug>";

static void
start(struct house *house)
{
    engine_house_start(house);
    engine_house_create_sample(house, "run/image-file-raw");
}

static json_t *
ask(struct house *house, const char *verb, const char *xml)
{
    return engine_house_xml(house, verb, "params", xml);
}

static void
must(struct house *house, const char *verb, const char *xml)
{
    if (!ask(house, verb, xml))
        fail_msg("%s: %s", verb, house->err.message);
}

static void
nic_comes_and_goes(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    must(&house, "VM.hotplugNic", nic);
    house_is(&house, "devices.0.macAddr", MAC);
    house_is(&house, "devices.0.alias", NIC);
    assert_non_null(strstr(json_get_text(house.answer, "xml", ""), MAC));
    engine_house_live(&house, "mac_address=\"" MAC "\"", true);
    engine_house_live(&house, "type=\"pci\"", true);
    must(&house, "VM.hotplugNic", nic);
    must(&house, "VM.hotunplugNic", OUT("interface", NIC));
    assert_int_equal(json_object_size(house.answer), 0);
    engine_house_live(&house, MAC, false);
    assert_null(ask(&house, "VM.hotunplugNic", OUT("interface", NIC)));
    unit_err(&house.err, ERR_NOT_FOUND, NIC);
    house_end(&house);
}

static void
nic_refused(void **state)
{
    struct house house;
    CLEANUP_FREE char *other = mem_dup(nic);

    (void)state;
    start(&house);
    must(&house, "VM.hotplugNic", nic);
    strstr(other, NIC)[sizeof(NIC) - 2] = '2';
    assert_null(ask(&house, "VM.hotplugNic", other));
    unit_err(&house.err, ERR_BAD_STATE, MAC);
    assert_null(ask(&house, "VM.hotplugNic", dimm));
    unit_err(&house.err, ERR_INVALID, "one device");
    house_refuse(&house, "VM.hotplugNic", VM ", 'params': {}}", ERR_INVALID,
                 "xml");
    house_do(&house, "VM.destroy", VM "}");
    house_end(&house);
}

/* A place that is taken, and one by the MAC alone. */
static void
nic_places(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    must(&house, "VM.hotplugNic",
         "<hotplug><devices><interface type=\"bridge\"><source bridge=\"b\"/>"
         "<mac address=\"" MAC "\"/><model type=\"virtio\"/><address "
         "type=\"pci\" bus=\"0\" slot=\"16\"/></interface></devices>"
         "</hotplug>");
    engine_house_live(&house, "bus=\"0x00\" slot=\"0x10\"", true);
    must(&house, "VM.hotunplugNic",
         "<hotunplug><devices><interface><mac address=\"" MAC
         "\"/></interface></devices></hotunplug>");
    engine_house_live(&house, MAC, false);
    house_end(&house);
}

static void
silent_guest(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    must(&house, "VM.hotplugNic", nic);
    house_set(&house, "vdsm.unplug_wait_ms=20");
    house_script(&house, "detach 1 silent");
    assert_null(ask(&house, "VM.hotunplugNic", OUT("interface", NIC)));
    unit_err(&house.err, ERR_TIMEOUT, "completes by itself");
    engine_house_live(&house, "mac_address", true);
    fake_release(hyper_backend(house.env.hyper), ENGINE_VM, NIC);
    house_until(&house, "ListOperations", "{'state': 'pending'}",
                "operations.0.op_id", "absent");
    engine_house_live(&house, MAC, false);
    house_do(&house, "GetEvents", "{}");
    house_end(&house);
}

/* The guest says no, later: the operation ends, and so does the wait. */
static void
late_refusal(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    must(&house, "VM.hotplugMemory", dimm);
    house_script(&house, "detach 1 refused");
    assert_null(ask(&house, "VM.hotunplugMemory", OUT("memory", "ua-dimm")));
    unit_err(&house.err, ERR_BAD_STATE, "keeps");
    engine_house_live(&house, "ua-dimm", true);
    must(&house, "VM.hotunplugMemory", OUT("memory", "ua-dimm"));
    engine_house_live(&house, "ua-dimm", false);
    house_end(&house);
}

static void
nic_changes(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    must(&house, "VM.hotplugNic", nic);
    house_do(&house, "VM.updateDevice",
             VM ", 'params': {'deviceType': 'interface', 'alias': '" NIC
                "', 'network': 'blue', 'linkActive': false,"
                " 'filter': 'clean'}}");
    engine_house_live(&house, "bridge=\"blue\"", true);
    engine_house_live(&house, "state=\"down\"", true);
    engine_house_live(&house, "filter=\"clean\"", true);
    must(&house, "VM.updateDevice", nic);
    engine_house_live(&house, "bridge=\"ovirtmgmt\"", true);
    engine_house_live(&house, "state=\"up\"", true);
    engine_house_live(&house, "filterref", false);
    house_refuse(&house, "VM.updateDevice",
                 VM ", 'params': {'deviceType': 'interface', 'alias': 'x'}}",
                 ERR_NOT_FOUND, "x");
    house_refuse(&house, "VM.updateDevice",
                 VM ", 'params': {'deviceType': 'disk'}}", ERR_UNSUPPORTED,
                 "disk");
    house_refuse(&house, "VM.updateDevice",
                 VM ", 'params': {'deviceType': 'interface', 'alias': '" NIC
                    "', 'portMirroring': ['blue']}}",
                 ERR_UNSUPPORTED, "portMirroring");
    house_end(&house);
}

/* A password is in no record. */
static void
ticket(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL, *with = NULL;
    char *at;

    (void)state;
    engine_house_start(&house);
    xml = engine_house_sample(&house, "run/image-file-raw");
    at = strstr(xml, "<memballoon");
    with = mem_printf("%.*s<graphics type=\"vnc\" autoport=\"yes\"/>%s",
                      (int)(at - xml), xml, at);
    engine_house_create(&house, with);
    house_do(&house, "VM.updateDevice",
             VM ", 'params': {'deviceType': 'graphics', 'graphicsType': 'vnc',"
                " 'password': 's3cret', 'ttl': '120',"
                " 'existingConnAction': 'keep'}}");
    engine_house_live(&house, "passwdValidTo", true);
    house_do(&house, "ListOperations", "{}");
    house_is(&house, "operations.0.verb", "VM.updateDevice");
    {
        CLEANUP_FREE char *all = json_text(house.answer, NULL);

        assert_null(strstr(all, "s3cret"));
    }
    house_refuse(&house, "VM.updateDevice",
                 VM ", 'params': {'deviceType': 'graphics',"
                    " 'graphicsType': 'spice'}}",
                 ERR_NOT_FOUND, "spice");
    house_end(&house);
}

static void
memory(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    must(&house, "VM.hotplugMemory", dimm);
    engine_house_live(&house, "ua-dimm", true);
    must(&house, "VM.hotplugMemory", dimm);
    must(&house, "VM.hotunplugMemory", OUT("memory", "ua-dimm"));
    assert_true(json_is_true(house.answer));
    house_do(&house, "VM.hotplugMemory",
             VM ", 'params': {'memory': {'size': 128, 'node': 0,"
                " 'alias': 'ua-old'}}}");
    engine_house_live(&house, "ua-old", true);
    house_script(&house, "attach 1 fail HYPERVISOR_FAILED no slots");
    assert_null(ask(&house, "VM.hotplugMemory", dimm));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "no slots");
    house_end(&house);
}

/* The metadata cannot be written: the NIC is taken out again. */
static void
undone(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    house_script(&house, "metadata 1 fail HYPERVISOR_FAILED no room");
    assert_null(ask(&house, "VM.hotplugNic", nic));
    unit_err(&house.err, ERR_HYPERVISOR_FAILED, "no room");
    engine_house_live(&house, MAC, false);
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(nic_comes_and_goes), cmocka_unit_test(nic_refused),
        cmocka_unit_test(nic_places),         cmocka_unit_test(silent_guest),
        cmocka_unit_test(late_refusal),       cmocka_unit_test(nic_changes),
        cmocka_unit_test(ticket),             cmocka_unit_test(memory),
        cmocka_unit_test(undone),
    };

    return CASES(cases);
}
