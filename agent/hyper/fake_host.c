// SPDX-License-Identifier: Apache-2.0
/* Texts as libvirt writes them, cut short; counters by name and device as the
 * live tree has them. */
#include "agent/hyper/fake_host.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/fake_vm.h"

#define SECOND_NS 1000000000

static const char capabilities[] =
    "<capabilities><host><uuid>8f3c0000-0000-4000-8000-000000000001</uuid>"
    "<cpu><arch>x86_64</arch><model>Nehalem</model><vendor>Intel</vendor>"
    "<counter name='tsc' frequency='2596120000' scaling='no'/>"
    "<topology sockets='1' dies='1' cores='2' threads='1'/></cpu>"
    "<migration_features><live/></migration_features></host>"
    "<guest><os_type>hvm</os_type><arch name='i686'>"
    "<machine>isapc</machine><domain type='qemu'/></arch></guest>"
    "<guest><os_type>hvm</os_type><arch name='x86_64'>"
    "<machine>pc-i440fx-7.2</machine>"
    "<machine canonical='pc-i440fx-7.2'>pc</machine>"
    "<machine>pc-q35-7.2</machine>"
    "<machine canonical='pc-q35-7.2'>q35</machine>"
    "<domain type='qemu'/><domain type='kvm'>"
    "<machine>pc-q35-7.2</machine></domain></arch></guest></capabilities>";

static const char domain_capabilities[] =
    "<domainCapabilities><cpu><mode name='host-passthrough'/>"
    "<mode name='custom'><model usable='yes'>Nehalem</model>"
    "<model usable='no'>EPYC</model></mode></cpu>"
    "<devices><rng supported='yes'><enum name='backendModel'>"
    "<value>random</value><value>egd</value></enum></rng></devices>"
    "<features><backup supported='yes'/></features></domainCapabilities>";

char *
fake_host_capabilities(void *backend, struct err *err)
{
    FAKE_CALL call =
        fake_vm_enter(backend, "capabilities", NULL, FAKE_ANY, err);

    return call.ok ? mem_dup(capabilities) : NULL;
}

char *
fake_host_domain_capabilities(void *backend, const char *type, struct err *err)
{
    FAKE_CALL call =
        fake_vm_enter(backend, "domain_capabilities", NULL, FAKE_ANY, err);

    (void)type; /* the same for each */
    return call.ok ? mem_dup(domain_capabilities) : NULL;
}

json_t *
fake_host_devices(void *backend, struct err *err)
{
    static const char *const devices[] = {
        "<device><name>computer</name><capability type='system'/></device>",
        "<device><name>pci_0000_00_1f_2</name><path>/sys/devices/pci</path>"
        "<parent>computer</parent><driver><name>ahci</name></driver>"
        "<capability type='pci'><class>0x010601</class><domain>0</domain>"
        "<bus>0</bus><slot>31</slot><function>2</function>"
        "<product id='0x2922'>SATA</product><vendor id='0x8086'>Intel</vendor>"
        "<iommuGroup number='7'><address domain='0x0000'/></iommuGroup>"
        "</capability></device>",
    };
    FAKE_CALL call = fake_vm_enter(backend, "devices", NULL, FAKE_ANY, err);
    json_t *list;

    if (!call.ok)
        return NULL;
    list = json_array();
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        json_array_append_new(list, json_string(devices[i]));
    return list;
}

/* --- statistics ---------------------------------------------------------- */

static void
put_counters(json_t *obj, const char *const *names, json_int_t turn)
{
    for (json_int_t i = 1; *names; names++, i++)
        json_put_int(obj, *names, i * 1000 * turn);
}

static json_t *
blocks_of(xmlNodePtr devices, json_int_t turn)
{
    static const char *const names[] = {
        "rd_reqs", "rd_bytes", "rd_times",   "wr_reqs",  "wr_bytes", "wr_times",
        "fl_reqs", "fl_times", "allocation", "capacity", "physical", NULL};
    json_t *list = json_array();

    for (xmlNodePtr at = xml_child(devices, "disk"); at;
         at = xml_next(at, "disk")) {
        CLEANUP_FREE char *target = xml_attr(xml_child(at, "target"), "dev");
        json_t *block = json_object();

        json_put_text(block, "name", target);
        put_counters(block, names, turn);
        json_array_append_new(list, block);
    }
    return list;
}

static json_t *
nets_of(xmlNodePtr devices, json_int_t turn)
{
    static const char *const names[] = {"rx_bytes", "rx_errs", "rx_drop",
                                        "tx_bytes", "tx_errs", "tx_drop",
                                        NULL};
    json_t *list = json_array();

    for (xmlNodePtr at = xml_child(devices, "interface"); at;
         at = xml_next(at, "interface")) {
        CLEANUP_FREE char *target = xml_attr(xml_child(at, "target"), "dev");
        json_t *net = json_object();

        json_put_text(net, "name", target ? target : "vnet0");
        put_counters(net, names, turn);
        json_array_append_new(list, net);
    }
    return list;
}

static json_t *
stats_of(const struct fake_vm *vm, json_int_t turn)
{
    static const char *const cpu_names[] = {"time", "user", "system", NULL};
    xmlNodePtr devices =
        vm->live ? xml_child(xml_root(vm->live), "devices") : NULL;
    json_t *stats = json_object(), *cpu = json_object();

    put_counters(cpu, cpu_names, turn * SECOND_NS / 10000);
    json_put_text(stats, "vm", vm->facts.uuid);
    json_put_text(stats, "state", hyper_state_name(vm->facts.state));
    json_put(stats, "cpu", cpu);
    json_put(stats, "balloon",
             json_pack("{s:i, s:i}", "current", 65536, "maximum", 65536));
    json_put(stats, "vcpu", json_pack("[{s:i}]", "state", 1));
    json_put(stats, "net", nets_of(devices, turn));
    json_put(stats, "block", blocks_of(devices, turn));
    return stats;
}

static bool
is_wanted(const struct hyper_whose *whose, const struct fake_vm *vm)
{
    for (size_t i = 0; i < whose->n; i++)
        if (strcmp(vm->facts.uuid, whose->uuids[i]) == 0)
            return true;
    return !whose->uuids && (vm->live || !whose->running);
}

json_t *
fake_host_stats(void *backend, const struct hyper_whose *whose, struct err *err)
{
    FAKE_CALL call =
        fake_vm_enter(backend, "stats", whose->n == 1 ? whose->uuids[0] : NULL,
                      FAKE_ANY, err);
    json_t *all;

    if (!call.ok)
        return NULL;
    all = json_array();
    call.fake->read++;
    for (size_t i = 0; i < call.fake->n; i++)
        if (is_wanted(whose, call.fake->vms[i]))
            json_array_append_new(all,
                                  stats_of(call.fake->vms[i], call.fake->read));
    return all;
}
