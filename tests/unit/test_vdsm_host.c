// SPDX-License-Identifier: Apache-2.0
/*
 * The host under VDSM's names: every field of vdsm_fields.def is there with
 * its JSON type, whatever the host has; what a fixture of a machine says
 * arrives where an engine looks for it; and the statistics of VMs have the
 * types that an engine does not stumble over.
 */
#include "tests/unit/house.h"
#include "tests/unit/machine.h"

#include "agent/common/log.h"
#include "agent/host/usage.h"
#include "agent/spec/host_caps.h"
#include "agent/state/vm_life.h"
#include "agent/state/sampled_round.h"
#include "agent/verbs/vdsm_caps.h"
#include "agent/verbs/vdsm_device.h"
#include "agent/verbs/vdsm_field.h"

static void
is(const json_t *value, const char *path, const char *want)
{
    char have[256];

    machine_get(value, path, have);
    if (strcmp(have, want) != 0)
        fail_msg("%s is '%s', not '%s'", path, have, want);
}

static void
has_rows(const json_t *obj, const struct vdsm_field *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!vdsm_field_is(&rows[i], json_object_get(obj, rows[i].name)))
            fail_msg("%s is missing or of another type", rows[i].name);
    assert_int_equal(json_object_size(obj), n); /* and there are no others */
}

#define ROWS_OF(name) static const struct vdsm_field name[] = {
#define ROW_REAL(name, type, make, doc) {#name, VDSM_FIELD_##type, NULL, NULL},
#define ROW_FIXED(name, type, json, doc) {#name, VDSM_FIELD_##type, NULL, json},

ROWS_OF(caps_rows)
#define CAPS_REAL ROW_REAL
#define CAPS_FIXED ROW_FIXED
#define CPU_REAL ROW_REAL
#define CPU_FIXED ROW_FIXED
#define SYSTEM_REAL ROW_REAL
#define SYSTEM_FIXED ROW_FIXED
#include "agent/verbs/vdsm_fields.def"
}
;

ROWS_OF(stats_rows)
#define STATS_REAL ROW_REAL
#define STATS_FIXED ROW_FIXED
#include "agent/verbs/vdsm_fields.def"
}
;

ROWS_OF(hardware_rows)
#define HARDWARE_REAL ROW_REAL
#include "agent/verbs/vdsm_fields.def"
}
;

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* As the sampler would: what libvirt says, and the host's figures. */
static void
sample(struct house *house)
{
    struct env *env = &house->env;
    CLEANUP_FREE char *caps = hyper_capabilities(env->hyper, NULL);
    CLEANUP_FREE char *domain =
        hyper_domain_capabilities(env->hyper, "qemu", NULL);

    sampled_put(env->sampled, SAMPLED_FACTS,
                sampled_make(host_caps_parse(caps, domain, NULL), 0));
    sampled_put(env->sampled, SAMPLED_HOST,
                sampled_make(usage_read(""), clock_mono_ms()));
}

static void
sample_vms(struct house *house, const char *const *kept, size_t nkept)
{
    const struct hyper_whose all = {.running = true};

    sampled_round_put(house->env.sampled,
                      hyper_stats(house->env.hyper, &all, NULL), kept, nkept,
                      clock_mono_ms());
}

static void
capabilities_of_a_fixture(void **state)
{
    CLEANUP_JSON json_t *caps = NULL;
    struct house house;
    char root[256];

    (void)state;
    unit_folder(root);
    machine_make(root);
    house_start(&house);
    sample(&house);
    caps = vdsm_caps_read(&house.env, root, &house.err);
    if (!caps)
        fail_msg("%s", house.err.message);
    has_rows(caps, caps_rows, COUNT(caps_rows));
    is(caps, "kvmEnabled", "false");
    is(caps, "cpuFlags", "fpu,vme,nx,svm,model_Nehalem");
    is(caps, "cpuThreads", "4");
    is(caps, "cpuSockets", "2");
    is(caps, "onlineCpus", "0,1,2,3");
    is(caps, "cpuSpeed", "2596.120");
    is(caps, "cpuTopology.3.socket_id", "1");
    is(caps, "memSize", "8192");
    is(caps, "numaNodes.1.totalMemory", "4096");
    is(caps, "numaNodes.0.hugepages.2048.totalPages", "0");
    is(caps, "numaNodeDistance.1.0", "21");
    is(caps, "hugepages.0", "2048");
    is(caps, "selinux.mode", "1");
    is(caps, "kdumpStatus", "-1");
    is(caps, "tscFrequency", "2596120000");
    is(caps, "rngSources.0", "random");
    is(caps, "HBAInventory.FC.0.wwpn", "50014380231d1c40");
    is(caps, "HBAInventory.iSCSI.0.InitiatorName", "iqn.1994-05.test:abc");
    is(caps, "uuid", "2b77a3c0-6f4e-4c5b-9a66-0123456789ab");
    is(caps, "packages2.vdsm.version", "4.50.7");
    is(caps, "operatingSystem.name", "Debian GNU/Linux");
    is(caps, "lastClientIface", "ovirtmgmt");
    house_end(&house);
}

static void
networks_of_a_fixture(void **state)
{
    CLEANUP_JSON json_t *caps = NULL;
    struct house house;
    char root[256];

    (void)state;
    unit_folder(root);
    machine_make(root);
    house_start(&house);
    sample(&house);
    caps = vdsm_caps_read(&house.env, root, &house.err);
    is(caps, "networks.ovirtmgmt.iface", "ovirtmgmt");
    is(caps, "networks.ovirtmgmt.bridged", "true");
    is(caps, "networks.ovirtmgmt.southbound", "bond0.10");
    is(caps, "networks.ovirtmgmt.vlan", "10");
    is(caps, "networks.ovirtmgmt.gateway", "192.0.2.1");
    is(caps, "networks.ovirtmgmt.ipv6gateway", "fd00::1");
    is(caps, "bridges.ovirtmgmt.ports.1", "vnet0");
    is(caps, "bridges.ovirtmgmt.stp", "off");
    is(caps, "nics.eth0.permhwaddr", "52:54:00:00:00:01");
    is(caps, "nics.eth0.speed", "10000");
    is(caps, "nics.vnet0", "absent");
    is(caps, "bondings.bond0.slaves.1", "eth1");
    is(caps, "bondings.bond0.opts.mode", "1");
    is(caps, "bondings.bond0.active_slave", "eth0");
    is(json_object_get(json_object_get(caps, "vlans"), "bond0.10"), "vlanid",
       "10");
    house_end(&house);
}

/* A machine without anything: still every field, of its type. */
static void
capabilities_of_nothing(void **state)
{
    CLEANUP_JSON json_t *caps = NULL, *hardware = NULL;
    struct house house;
    char root[256];

    (void)state;
    unit_folder(root);
    house_start(&house);
    assert_null(vdsm_caps_read(&house.env, root, &house.err));
    assert_int_equal(house.err.kind, ERR_RECOVERING);
    sampled_put(
        house.env.sampled, SAMPLED_FACTS,
        sampled_make(host_caps_parse("<capabilities/>", NULL, NULL), 0));
    caps = vdsm_caps_read(&house.env, root, &house.err);
    has_rows(caps, caps_rows, COUNT(caps_rows));
    is(caps, "HBAInventory.iSCSI.0", "absent");
    hardware = vdsm_caps_hardware(root);
    has_rows(hardware, hardware_rows, COUNT(hardware_rows));
    house_end(&house);
}

static void
the_verbs_of_this_host(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    house_refuse(&house, "Host.getCapabilities", "{}", ERR_RECOVERING,
                 "libvirt");
    house_refuse(&house, "Host.getStats", "{}", ERR_RECOVERING, "again");
    sample(&house);
    house_do(&house, "Host.getCapabilities", "{}");
    has_rows(house.answer, caps_rows, COUNT(caps_rows));
    house_do(&house, "Host.getHardwareInfo", "{}");
    has_rows(house.answer, hardware_rows, COUNT(hardware_rows));
    house_do(&house, "Host.getStats", "{}");
    has_rows(house.answer, stats_rows, COUNT(stats_rows));
    house_is(&house, "vmCount", "0");
    house_end(&house);
}

static void
luns_of_a_fixture(void **state)
{
    CLEANUP_JSON json_t *guids =
        json_pack("[s, s]", "36002", "360014050000000000000000000000001");
    CLEANUP_JSON json_t *only = json_pack("[s]", "36002");
    CLEANUP_JSON json_t *all = NULL, *iscsi = NULL, *one = NULL;
    CLEANUP_JSON json_t *visible = NULL;
    const json_t *lun;
    char root[256];

    (void)state;
    unit_folder(root);
    machine_make(root);
    all = vdsm_device_luns(root, 0, NULL, true);
    assert_int_equal(json_array_size(all), 2);
    lun = json_array_get(all, 0);
    is(lun, "GUID", "360014050000000000000000000000001");
    is(lun, "devtype", "iSCSI");
    is(lun, "capacity", "1073741824");
    is(lun, "status", "free");
    is(lun, "pathstatus.0.state", "active");
    is(lun, "pathstatus.1.state", "failed");
    is(lun, "pathstatus.0.lun", "7");
    is(lun, "pathlist.0.connection", "192.0.2.7");
    is(lun, "pathlist.0.port", "3260");
    is(lun, "pathlist.0.initiatorname", "iqn.1994-05.test:abc");
    is(all, "1.status", "used");
    is(all, "1.partitioned", "true");
    iscsi = vdsm_device_luns(root, 3, NULL, false);
    assert_int_equal(json_array_size(iscsi), 1);
    is(iscsi, "0.status", "unknown");
    one = vdsm_device_luns(root, 2, only, true);
    is(one, "0.GUID", "36002");
    /* An engine would plug it by a path that is not there. */
    visible = vdsm_device_visible(root, guids);
    is(visible, "36002", "false");
    is(visible, "360014050000000000000000000000001", "true");
}

static void
devices_of_the_host(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    house_do(&house, "Host.hostdevListByCaps", "{}");
    house_is(&house, "computer.params.capability", "system");
    house_is(&house, "pci_0000_00_1f_2.params.product_id", "0x2922");
    house_is(&house, "pci_0000_00_1f_2.params.vendor", "Intel");
    house_is(&house, "pci_0000_00_1f_2.params.iommu_group", "7");
    house_is(&house, "pci_0000_00_1f_2.params.address.slot", "31");
    house_is(&house, "pci_0000_00_1f_2.params.driver", "ahci");
    house_is(&house, "pci_0000_00_1f_2.params.is_assignable", "true");
    house_do(&house, "Host.hostdevListByCaps", "{'caps': ['pci']}");
    assert_int_equal(json_object_size(house.answer), 1);
    house_do(&house, "Host.getDeviceList", "{'storageType': '3'}");
    assert_true(json_is_array(house.answer));
    house_do(&house, "Host.getDevicesVisibility", "{'guidList': ['nobody']}");
    house_is(&house, "nobody", "false");
    house_end(&house);
}

static void
switches(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    house_do(&house, "Host.setLogLevel", "{'level': 'warning', 'name': 'x'}");
    assert_true(json_is_true(house.answer));
    assert_int_equal(log_get_level(), LOG_WARNING);
    house_do(&house, "Host.setLogLevel", "{'level': 'INFO'}");
    house_refuse(&house, "Host.setLogLevel", "{'level': 'loud'}", ERR_INVALID,
                 "loud");
    /* Nothing named that has an effect: nothing is written. */
    house_do(&house, "Host.setMOMPolicyParameters",
             "{'key_value_store': {'balloonEnabled': true}}");
    assert_true(json_is_true(house.answer));
    house_refuse(&house, "Host.setMOMPolicyParameters", "{}", ERR_INVALID,
                 "key_value_store");
    house_end(&house);
}

/* --- VMs ----------------------------------------------------------------- */

#define VM "11111111-2222-4333-8444-000000000001"
#define IMAGE "22222222-2222-4333-8444-000000000001"

static const char engine_vm[] =
    "<domain type='kvm'><name>web</name><uuid>" VM "</uuid>"
    "<memory unit='KiB'>65536</memory><vcpu>2</vcpu>"
    "<metadata><ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'>"
    "<ovirt-vm:startTime type='float'>1700000000.5</ovirt-vm:startTime>"
    "<ovirt-vm:minGuaranteedMemoryMb type='int'>32"
    "</ovirt-vm:minGuaranteedMemoryMb>"
    "<ovirt-vm:device devtype='disk' name='sda'><ovirt-vm:imageID>" IMAGE
    "</ovirt-vm:imageID></ovirt-vm:device>"
    "<ovirt-vm:device devtype='disk' name='sdb'><ovirt-vm:GUID>36001405"
    "</ovirt-vm:GUID></ovirt-vm:device></ovirt-vm:vm></metadata>"
    "<devices><controller type='scsi' index='0' model='virtio-scsi'/>"
    "<disk type='file' device='disk'><source file='/i/a'/>"
    "<target dev='sda' bus='scsi'/><alias name='ua-a'/></disk>"
    "<disk type='block' device='lun'><source dev='/dev/mapper/36001405'/>"
    "<target dev='sdb' bus='scsi'/><alias name='ua-b'/></disk>"
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/>"
    "<target dev='vnet0'/></interface>"
    "<graphics type='vnc' port='5900' listen='127.0.0.1'/>"
    "</devices></domain>";

static void
start_vm(struct house *house)
{
    house_start(house);
    assert_int_equal(hyper_define(house->env.hyper, engine_vm, &house->err), 0);
    assert_int_equal(hyper_start(house->env.hyper, VM, false, &house->err), 0);
    house_until(house, "GetVm", "{'vm': '" VM "'}", "state", "running");
    house_until(house, "VM.getStats", "{'vmID': '" VM "'}", "0.kvmEnable",
                "true");
}

static void
texts(const json_t *obj, const char *keys)
{
    CLEANUP_FREE char *copy = mem_dup(keys);
    char *save = NULL;

    for (char *key = strtok_r(copy, " ", &save); key;
         key = strtok_r(NULL, " ", &save))
        if (!json_is_string(json_object_get(obj, key)))
            fail_msg("%s is no text", key);
}

static void
statistics_of_a_vm(void **state)
{
    struct house house;
    const json_t *vm, *disk, *nic;

    (void)state;
    start_vm(&house);
    sample_vms(&house, NULL, 0);
    sample_vms(&house, NULL, 0);
    house_do(&house, "Host.getAllVmStats", "{}");
    vm = json_array_get(house.answer, 0);
    texts(vm, "vmId vmName status statusTime hash cpuUser cpuSys cpuUsage "
              "elapsedTime memUsage monitorResponse timeOffset vcpuQuota "
              "username session guestIPs guestFQDN clientIp acpiEnable "
              "kvmEnable vmType");
    is(vm, "status", "Up");
    assert_true(atoll(json_get_text(vm, "statusTime", "")) > INT32_MAX);
    is(vm, "monitorResponse", "0");
    is(vm, "stale", "false");
    is(vm, "vcpuCount", "2");
    is(vm, "balloonInfo.balloon_max", "65536");
    is(vm, "balloonInfo.balloon_min", "32768");
    is(vm, "displayInfo.0.port", "5900");
    assert_true(json_is_integer(json_object_get(vm, "ageMs")));
    assert_true(atoll(json_get_text(vm, "elapsedTime", "")) > 1000);

    disk = json_object_get(json_object_get(vm, "disks"), "sda");
    texts(disk, "readOps writeOps readBytes writtenBytes readRate writeRate "
                "readLatency writeLatency flushLatency truesize apparentsize "
                "imageID");
    is(disk, "imageID", IMAGE);
    is(disk, "readBytes", "4000"); /* the second field, the second reading */
    is(vm, "disks.sdb.lunGUID", "36001405"); /* every LUN has one */
    is(vm, "disks.sdb.imageID", "36001405");

    nic = json_object_get(json_object_get(vm, "network"), "vnet0");
    texts(nic, "name macAddr rx tx rxRate txRate rxErrors rxDropped speed");
    assert_true(json_is_real(json_object_get(nic, "sampleTime")));
    house_end(&house);
}

static void
one_that_does_not_answer(void **state)
{
    const char *kept[] = {VM};
    struct house house;

    (void)state;
    start_vm(&house);
    /* Before it was read at all: */
    house_is(&house, "0.ageMs", "other"); /* null */
    house_is(&house, "0.disks.sda.readOps", "0");
    sampled_round_put(house.env.sampled, json_array(), kept, 1,
                      clock_mono_ms());
    house_do(&house, "VM.getStats", "{'vmID': '" VM "'}");
    house_is(&house, "0.stale", "true");
    house_is(&house, "0.monitorResponse", "-1");
    house_is(&house, "0.status", "Up");
    house_refuse(&house, "VM.getStats",
                 "{'vmID': '99999999-2222-4333-8444-000000000001'}",
                 ERR_NOT_FOUND, "");
    house_end(&house);
}

static void
hash_changes_with_devices(void **state)
{
    static const char disk[] =
        "<disk type='file' device='disk'><source file='/i/c'/>"
        "<target dev='sdc' bus='scsi'/><alias name='ua-c'/></disk>";
    struct house house;
    char before[256], after[256];

    (void)state;
    start_vm(&house);
    house_get(&house, "0.hash", before);
    assert_int_equal(hyper_attach(house.env.hyper, VM, disk, &house.err), 0);
    house_until(&house, "VM.getStats", "{'vmID': '" VM "'}",
                "0.disks.sdc.readOps", "0");
    house_get(&house, "0.hash", after);
    assert_string_not_equal(before, after);
    house_end(&house);
}

static void
lists_and_xml(void **state)
{
    struct house house;

    (void)state;
    start_vm(&house);
    house_do(&house, "Host.getVMList", "{}");
    house_is(&house, "0.vmId", VM);
    house_is(&house, "0.status", "Up");
    assert_true(json_is_string(
        json_object_get(json_array_get(house.answer, 0), "statusTime")));
    house_do(&house, "Host.getVMFullList",
             "{'vmList': ['99999999-2222-4333-8444-000000000001']}");
    assert_int_equal(json_array_size(house.answer), 0);
    house_do(&house, "Host.dumpxmls", "{}");
    assert_int_equal(json_object_size(house.answer), 0); /* as VDSM: none */
    house_do(&house, "Host.dumpxmls",
             "{'vmList': ['" VM "', '99999999-2222-4333-8444-000000000001']}");
    assert_int_equal(json_object_size(house.answer), 1);
    assert_non_null(strstr(json_get_text(house.answer, VM, ""), "<domain"));
    house_do(&house, "Host.getAllVmIoTunePolicies", "{}");
    house_is(&house, VM ".current_values.0.name", "sda");
    house_is(&house, VM ".current_values.0.ioTune.total_iops_sec", "0");
    house_end(&house);
}

/* One that ended is listed while it is an engine's, with how. */
static void
one_that_is_down(void **state)
{
    struct house house;

    (void)state;
    start_vm(&house);
    assert_int_equal(hyper_shutdown(house.env.hyper, VM, &house.err), 0);
    house_until(&house, "Host.getAllVmStats", "{}", "0.status", "Down");
    house_until(&house, "Host.getAllVmStats", "{}", "0.exitReason", "7");
    house_is(&house, "0.exitCode", "0");
    house_end(&house);
}

/* What libvirt does not have (yet, or any more) is told all the same. */
static void
one_of_an_engine_that_libvirt_has_not(void **state)
{
    static const char gone[] = "33333333-2222-4333-8444-000000000001";
    struct house house;

    (void)state;
    start_vm(&house);
    vm_life_begin(house.env.vms, gone, "coming");
    house_do(&house, "Host.getVMList",
             "{'vmList': ['"
             "33333333-2222-4333-8444-000000000001']}");
    assert_int_equal(json_array_size(house.answer), 1);
    house_is(&house, "0.vmId", gone);
    assert_true(vm_life_down(house.env.vms, gone, VM_LIFE_START_FAILED,
                             "no such machine"));
    house_do(&house, "Host.getVMList",
             "{'vmList': ['"
             "33333333-2222-4333-8444-000000000001']}");
    house_is(&house, "0.status", "Down");
    house_is(&house, "0.exitCode", "1");
    house_is(&house, "0.exitReason", "3");
    house_is(&house, "0.exitMessage", "no such machine");
    house_do(&house, "Host.getAllVmStats", "{}");
    assert_int_equal(json_array_size(house.answer), 2);
    vm_life_forget(house.env.vms, gone);
    house_do(&house, "Host.getAllVmStats", "{}");
    assert_int_equal(json_array_size(house.answer), 1);
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(capabilities_of_a_fixture),
        cmocka_unit_test(networks_of_a_fixture),
        cmocka_unit_test(capabilities_of_nothing),
        cmocka_unit_test(the_verbs_of_this_host),
        cmocka_unit_test(luns_of_a_fixture),
        cmocka_unit_test(devices_of_the_host),
        cmocka_unit_test(switches),
        cmocka_unit_test(statistics_of_a_vm),
        cmocka_unit_test(one_that_does_not_answer),
        cmocka_unit_test(hash_changes_with_devices),
        cmocka_unit_test(lists_and_xml),
        cmocka_unit_test(one_that_is_down),
        cmocka_unit_test(one_of_an_engine_that_libvirt_has_not),
    };

    return CASES(cases);
}
