// SPDX-License-Identifier: Apache-2.0
/*
 * The readers of /sys, /proc and /etc, on a folder that looks like a machine
 * with two NUMA nodes, a bond, a VLAN and a bridge; and on this machine.
 */
#include "tests/unit/unit.h"

#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/host/blockdev.h"
#include "agent/host/cpu.h"
#include "agent/host/dmi.h"
#include "agent/host/hba.h"
#include "agent/host/memory.h"
#include "agent/host/net.h"
#include "agent/host/packages.h"
#include "agent/host/release.h"
#include "agent/host/sysfs.h"
#include "tests/unit/machine.h"

/* "a.b.0" in a value, as text. */
static void
is(const json_t *value, const char *path, const char *want)
{
    char have[256];

    machine_get(value, path, have);
    if (strcmp(have, want) != 0)
        fail_msg("%s is '%s', not '%s'", path, have, want);
}

static int
build(void **state)
{
    char *root = malloc(256);

    unit_folder(root);
    machine_make(root);
    *state = root;
    return 0;
}

static int
drop(void **state)
{
    free(*state);
    return 0;
}

static void
small_files(void **state)
{
    const char *root = *state;
    CLEANUP_FREE char *line = NULL, *none = NULL;
    CLEANUP_NAMES struct sysfs_names names = {0}, empty = {0};

    machine_put(root, "/a/file", "  one two \nthree\n");
    machine_put(root, "/a/eth10", "0x1f\n");
    machine_put(root, "/a/eth2", "\xff\xfe bad\n");
    machine_put(root, "/a/empty", "\n");
    line = sysfs_line(root, "/a/%s", "file");
    assert_string_equal(line, "one two");
    none = sysfs_line(root, "/a/empty");
    assert_null(none);
    assert_int_equal(sysfs_number(root, -7, "/a/eth10"), 0x1f);
    assert_int_equal(sysfs_number(root, -7, "/a/file"), -7);
    assert_int_equal(sysfs_number(root, -7, "/a/none"), -7);
    none = sysfs_line(root, "/a/eth2");
    assert_string_equal(none, "?? bad");
    names = sysfs_list(root, "/a");
    assert_int_equal(names.n, 4);
    assert_string_equal(names.names[1], "eth2");
    assert_string_equal(names.names[2], "eth10");
    empty = sysfs_list(root, "/nowhere");
    assert_int_equal(empty.n, 0);
    assert_int_equal(sysfs_field("A: 1\nAB: 2\n", "AB"), 2);
    assert_int_equal(sysfs_field("A: 1\n", "B"), -1);
}

static void
processors(void **state)
{
    CLEANUP_JSON json_t *cpu = cpu_read(*state);
    CLEANUP_JSON json_t *times = cpu_times(*state);

    is(cpu, "threads", "4");
    is(cpu, "cores", "2");
    is(cpu, "sockets", "2");
    is(cpu, "online.3", "3");
    is(cpu, "model", "Testium 9000");
    is(cpu, "flags.1", "vme");
    is(cpu, "topology.3.socket", "1");
    is(cpu, "topology.3.node", "1");
    assert_true(json_is_real(json_object_get(cpu, "speed_mhz")));
    is(times, "total.user_ms", "1000");
    is(times, "cpus.1.idle_ms", "400");
}

static void
memory(void **state)
{
    CLEANUP_JSON json_t *all = memory_read(*state);
    CLEANUP_JSON json_t *nodes = memory_nodes(*state);
    CLEANUP_JSON json_t *pages = memory_hugepages(*state);
    CLEANUP_JSON json_t *ksm = memory_ksm(*state);
    CLEANUP_FREE char *thp = memory_thp(*state);

    is(all, "total", "8589934592");
    is(all, "swap_free", "0");
    is(all, "anon_huge", "absent");
    is(nodes, "0.total", "4294967296");
    is(nodes, "1.cpus.0", "2");
    is(nodes, "1.distances.0", "21");
    is(nodes, "1.hugepages.2097152.free", "3");
    is(pages, "2097152.total", "8");
    is(ksm, "pages_sharing", "77");
    assert_string_equal(thp, "madvise");
}

static void
merging(void **state)
{
    const char *root = *state;
    struct err err = ERR_INIT;
    char empty[256];

    machine_put(root, "/sys/kernel/mm/ksm/merge_across_nodes", "1\n");
    assert_int_equal(memory_ksm_set(root, 0, -1, &err), 0);
    assert_int_equal(sysfs_number(root, -1, "/sys/kernel/mm/ksm/run"), 0);
    assert_int_equal(memory_ksm_set(root, 1, 0, &err), 0);
    assert_int_equal(sysfs_number(root, -1, "/sys/kernel/mm/ksm/run"), 1);
    assert_int_equal(
        sysfs_number(root, -1, "/sys/kernel/mm/ksm/merge_across_nodes"), 0);
    assert_int_equal(memory_ksm_set(root, -1, -1, &err), 0);
    assert_int_equal(sysfs_number(root, -1, "/sys/kernel/mm/ksm/run"), 1);
    unit_folder(empty);
    assert_int_equal(memory_ksm_set(empty, 0, 1, &err), 0);
    assert_int_equal(memory_ksm_set(empty, 1, -1, &err), -1);
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
}

static void
a_machine_without_nodes_has_one(void **state)
{
    CLEANUP_JSON json_t *nodes = NULL;
    char root[256];

    (void)state;
    unit_folder(root);
    machine_put(root, "/proc/meminfo", "MemTotal: 1024 kB\nMemFree: 512 kB\n");
    nodes = memory_nodes(root);
    is(nodes, "0.total", "1048576");
    is(nodes, "0.distances.0", "10");
    assert_null(memory_ksm(root));
}

static void
links(void **state)
{
    CLEANUP_JSON json_t *all = net_links(*state);
    CLEANUP_JSON json_t *routes = net_gateways(*state);

    is(all, "eth0.kind", "nic");
    is(all, "eth0.master", "bond0");
    is(all, "eth0.up", "true");
    is(all, "eth0.speed", "10000");
    is(all, "eth0.permanent_mac", "52:54:00:00:00:01");
    is(all, "eth0.counters.rx_bytes", "1234");
    is(all, "eth2.up", "false");
    is(all, "eth2.speed", "0");
    is(all, "bond0.kind", "bond");
    is(all, "bond0.ports.1", "eth1");
    is(all, "bond0.bond.mode", "active-backup");
    is(all, "bond0.bond.mode_number", "1");
    is(all, "bond0.bond.options.miimon", "100");
    is(all, "bond0.10.kind", "absent");
    assert_non_null(json_object_get(all, "bond0.10"));
    is(json_object_get(all, "bond0.10"), "kind", "vlan");
    is(json_object_get(all, "bond0.10"), "vlan.id", "10");
    is(json_object_get(all, "bond0.10"), "vlan.link", "bond0");
    is(all, "ovirtmgmt.kind", "bridge");
    is(all, "ovirtmgmt.ports.0", "bond0.10");
    is(all, "ovirtmgmt.bridge.stp", "false");
    is(all, "vnet0.kind", "other");
    is(all, "lo", "absent");
    is(all, "bonding_masters", "absent");
    is(routes, "ovirtmgmt.gateway", "192.0.2.1");
    is(routes, "ovirtmgmt.gateway6", "fd00::1");
}

static void
adapters(void **state)
{
    CLEANUP_JSON json_t *fc = hba_fc(*state);
    CLEANUP_FREE char *name = hba_initiator(*state);
    CLEANUP_FREE char *none = hba_initiator("/nowhere");

    is(fc, "0.wwpn", "50014380231d1c40");
    is(fc, "0.model", "QLE2672");
    assert_string_equal(name, "iqn.1994-05.test:abc");
    assert_null(none);
}

static void
maps(void **state)
{
    CLEANUP_JSON json_t *list = blockdev_maps(*state);

    assert_int_equal(json_array_size(list), 2);
    is(list, "0.node", "dm-0");
    is(list, "0.guid", "360014050000000000000000000000001");
    is(list, "0.name", "360014050000000000000000000000001");
    is(list, "0.size", "1073741824");
    is(list, "0.transport", "iscsi");
    is(list, "0.vendor", "ACME");
    is(list, "0.paths.0.lun", "7");
    is(list, "0.paths.1.state", "transport-offline");
    is(list, "0.paths.1.target.iqn", "iqn.2026-01.test:t");
    is(list, "0.paths.1.target.port", "3260");
    is(list, "1.name", "mpatha");
    is(list, "1.holders.0", "dm-2");
    is(list, "1.partitions.0", "dm-3");
    is(list, "1.partitions.1", "absent");
    is(list, "1.transport", "other");
}

static void
the_firmware(void **state)
{
    CLEANUP_JSON json_t *dmi = dmi_read(*state);
    CLEANUP_FREE char *id = dmi_host_id(*state), *machine = NULL;
    char root[256];

    is(dmi, "manufacturer", "Acme");
    is(dmi, "serial", "other"); /* null: not ours to read */
    assert_string_equal(id, "2b77a3c0-6f4e-4c5b-9a66-0123456789ab");
    unit_folder(root);
    machine_put(root, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    machine = dmi_host_id(root);
    assert_string_equal(machine, "01234567-89ab-cdef-0123-456789abcdef");
    machine_put(root, "/etc/machine-id", "short\n");
    assert_null(dmi_host_id(root));
}

static void
the_system(void **state)
{
    CLEANUP_JSON json_t *os = release_read(*state);
    CLEANUP_JSON json_t *kernel = release_kernel(*state);
    CLEANUP_JSON json_t *switches = release_switches(*state);
    CLEANUP_JSON json_t *servers = release_nameservers(*state);

    is(os, "name", "Debian GNU/Linux");
    is(os, "version", "12");
    is(kernel, "cmdline", "quiet ro");
    is(kernel, "boot_time", "1700000000");
    is(kernel, "features.MELTDOWN", "Not affected");
    is(switches, "selinux", "1");
    is(switches, "fips", "false");
    is(switches, "kdump", "-1");
    is(switches, "nested", "true");
    is(switches, "vnc_tls", "true");
    is(servers, "1", "192.0.2.54");
}

static void
packages(void **state)
{
    CLEANUP_JSON json_t *all = packages_read(*state);

    is(all, "libvirt.version", "9.0.0");
    is(all, "libvirt.release", "4+deb12u2");
    is(all, "qemu-kvm.version", "7.2+dfsg");
    is(all, "librbd1", "absent"); /* removed, its settings are left */
    is(all, "nmstate", "absent");
}

/* Whatever this machine has: it is read without harm. */
static void
this_machine(void **state)
{
    CLEANUP_JSON json_t *cpu = cpu_read(""), *net = net_links("");
    CLEANUP_JSON json_t *where = net_addresses();
    CLEANUP_JSON json_t *nodes = memory_nodes("");
    CLEANUP_JSON json_t *some = packages_read("");

    (void)state;
    assert_true(json_get_int(cpu, "threads", 0) >= 1);
    assert_true(json_get_int(cpu, "cores", 0) >= 1);
    assert_true(json_is_object(net));
    is(where, "lo.ipv4.0.address", "127.0.0.1");
    is(where, "lo.ipv4.0.netmask", "255.0.0.0");
    is(where, "lo.ipv4.0.prefix", "8");
    assert_true(json_object_size(nodes) >= 1);
    assert_true(json_is_object(some));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, build, drop)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(small_files),
        CASE(processors),
        CASE(memory),
        CASE(merging),
        CASE(a_machine_without_nodes_has_one),
        CASE(links),
        CASE(adapters),
        CASE(maps),
        CASE(the_firmware),
        CASE(the_system),
        CASE(packages),
        CASE(this_machine),
    };

    return CASES(cases);
}
