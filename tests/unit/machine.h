// SPDX-License-Identifier: Apache-2.0
/*
 * A folder that looks like a machine: the files of /sys, /proc and /etc that
 * the readers of agent/host look at, of a host with four threads in two
 * sockets and nodes, and ovirtmgmt over VLAN 10 of a bond of two NICs.
 */
#pragma once

#include "agent/common/file.h"
#include "agent/common/json.h"
#include "agent/common/mem.h"
#include "tests/unit/unit.h"

/* A file with its folders. */
static inline void
machine_put(const char *root, const char *path, const char *text)
{
    CLEANUP_FREE char *full = mem_printf("%s%s", root, path);
    CLEANUP_FREE char *folder = mem_dup(full);

    *strrchr(folder, '/') = '\0';
    assert_int_equal(file_mkdirs(folder, 0755, NULL), 0);
    unit_write(full, text);
}

static inline void
machine_link(const char *root, const char *path, const char *target)
{
    CLEANUP_FREE char *full = mem_printf("%s%s", root, path);
    CLEANUP_FREE char *folder = mem_dup(full);

    *strrchr(folder, '/') = '\0';
    assert_int_equal(file_mkdirs(folder, 0755, NULL), 0);
    assert_int_equal(symlink(target, full), 0);
}

/* "a.b.0" in a value, as text. */
static inline void
machine_get(const json_t *value, const char *path, char out[256])
{
    const json_t *at = value;
    char key[64];

    while (*path) {
        size_t n = strcspn(path, ".");

        snprintf(key, sizeof(key), "%.*s", (int)n, path);
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key))
                               : json_object_get(at, key);
        path += n + (path[n] == '.');
    }
    if (json_is_string(at))
        snprintf(out, 256, "%s", json_string_value(at));
    else if (json_is_integer(at))
        snprintf(out, 256, "%lld", (long long)json_integer_value(at));
    else
        snprintf(out, 256, "%s",
                 json_is_true(at)    ? "true"
                 : json_is_false(at) ? "false"
                 : at                ? "other"
                                     : "absent");
}

static inline void
machine_cpus(const char *root)
{
    char path[128], number[16];

    machine_put(root, "/sys/devices/system/cpu/online", "0-3\n");
    machine_put(root, "/proc/cpuinfo",
                "processor\t: 0\nmodel name\t: Testium 9000\n"
                "cpu MHz\t\t: 2596.120\nflags\t\t: fpu vme nx svm\n\n"
                "processor\t: 1\nmodel name\t: Other\n");
    machine_put(root, "/proc/stat",
                "cpu  100 0 20 1000 3 0 0 0 0 0\n"
                "cpu0 60 0 10 960 3 0 0 0 0 0\n"
                "cpu1 40 0 10 40 0 0 0 0 0 0\n"
                "intr 1 2 3\nbtime 1700000000\n");
    for (int i = 0; i < 4; i++) {
        snprintf(number, sizeof(number), "%d\n", i / 2);
        snprintf(path, sizeof(path),
                 "/sys/devices/system/cpu/cpu%d/topology/core_id", i);
        machine_put(root, path, "0\n");
        snprintf(path, sizeof(path),
                 "/sys/devices/system/cpu/cpu%d/topology/physical_package_id",
                 i);
        machine_put(root, path, number);
        snprintf(path, sizeof(path),
                 "/sys/devices/system/cpu/cpu%d/node%d/distance", i, i / 2);
        machine_put(root, path, "10\n");
        snprintf(path, sizeof(path),
                 "/sys/devices/system/node/node%d/cpu%d/online", i / 2, i);
        machine_put(root, path, "1\n");
    }
    machine_put(root, "/sys/devices/system/cpu/vulnerabilities/meltdown",
                "Not affected\n");
}

static inline void
machine_memory(const char *root)
{
    static const char pages[] = "/hugepages/hugepages-2048kB";
    char path[128], text[128];

    machine_put(root, "/proc/meminfo",
                "MemTotal:        8388608 kB\nMemFree:    4194304 kB\n"
                "MemAvailable:    6291456 kB\nBuffers:      10240 kB\n"
                "Cached:          1048576 kB\nCommitted_AS: 20480 kB\n"
                "SwapTotal: 0 kB\nSwapFree: 0 kB\n");
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo",
                 i);
        snprintf(text, sizeof(text),
                 "Node %d MemTotal:  4194304 kB\nNode %d MemFree: 2097152 kB\n",
                 i, i);
        machine_put(root, path, text);
        snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/distance",
                 i);
        machine_put(root, path, i ? "21 10\n" : "10 21\n");
        snprintf(path, sizeof(path),
                 "/sys/devices/system/node/node%d%s/free_hugepages", i, pages);
        machine_put(root, path, "3\n");
    }
    machine_put(root, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
                "8\n");
    machine_put(root, "/sys/kernel/mm/ksm/run", "1\n");
    machine_put(root, "/sys/kernel/mm/ksm/pages_sharing", "77\n");
    machine_put(root, "/sys/kernel/mm/transparent_hugepage/enabled",
                "always [madvise] never\n");
}

static inline void
machine_net_link(const char *root, const char *link, const char *mac,
                 bool device)
{
    char path[128], text[32];

    snprintf(text, sizeof(text), "%s\n", mac);
    snprintf(path, sizeof(path), "/sys/class/net/%s/address", link);
    machine_put(root, path, text);
    snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", link);
    machine_put(root, path, "1\n");
    snprintf(path, sizeof(path), "/sys/class/net/%s/mtu", link);
    machine_put(root, path, "9000\n");
    snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/rx_bytes", link);
    machine_put(root, path, "1234\n");
    snprintf(path, sizeof(path), "/sys/class/net/%s/speed", link);
    machine_put(root, path, "10000\n");
    snprintf(path, sizeof(path), "/sys/class/net/%s/device/vendor", link);
    if (device)
        machine_put(root, path, "0x8086\n");
}

static inline void
machine_net(const char *root)
{
    static const char net[] = "/sys/class/net";
    char path[128];

    machine_net_link(root, "lo", "00:00:00:00:00:00", false);
    machine_net_link(root, "eth0", "52:54:00:00:00:09", true);
    machine_net_link(root, "eth1", "52:54:00:00:00:09", true);
    machine_net_link(root, "eth2", "52:54:00:00:00:03", true);
    machine_net_link(root, "bond0", "52:54:00:00:00:09", false);
    machine_net_link(root, "bond0.10", "52:54:00:00:00:09", false);
    machine_net_link(root, "ovirtmgmt", "52:54:00:00:00:09", false);
    machine_net_link(root, "vnet0", "fe:54:00:00:00:07", false);
    machine_put(root, "/sys/class/net/eth2/carrier", "0\n");
    machine_put(root, "/sys/class/net/eth2/speed", "-1\n");
    machine_put(root, "/sys/class/net/bonding_masters", "bond0\n");
    machine_put(root, "/sys/class/net/bond0/bonding/mode", "active-backup 1\n");
    machine_put(root, "/sys/class/net/bond0/bonding/slaves", "eth0 eth1\n");
    machine_put(root, "/sys/class/net/bond0/bonding/active_slave", "eth0\n");
    machine_put(root, "/sys/class/net/bond0/bonding/miimon", "100\n");
    machine_put(root, "/sys/class/net/eth0/bonding_slave/perm_hwaddr",
                "52:54:00:00:00:01\n");
    machine_put(root, "/sys/class/net/eth1/bonding_slave/perm_hwaddr",
                "52:54:00:00:00:02\n");
    machine_put(root, "/sys/class/net/ovirtmgmt/bridge/stp_state", "0\n");
    machine_put(root, "/sys/class/net/ovirtmgmt/bridge/ageing_time", "30000\n");
    machine_put(root, "/sys/class/net/ovirtmgmt/brif/bond0.10/state", "3\n");
    machine_put(root, "/sys/class/net/ovirtmgmt/brif/vnet0/state", "3\n");
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/eth%d/master", net, i);
        machine_link(root, path, "../bond0");
    }
    machine_link(root, "/sys/class/net/bond0.10/master", "../ovirtmgmt");
    machine_link(root, "/sys/class/net/vnet0/master", "../ovirtmgmt");
    machine_put(root, "/proc/net/vlan/config",
                "VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW\n"
                "bond0.10       | 10  | bond0\n");
    machine_put(root, "/proc/net/route",
                "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask"
                "\t\tMTU\tWindow\tIRTT\n"
                "ovirtmgmt\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0"
                "\t0\n"
                "ovirtmgmt\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0"
                "\t0\n");
    machine_put(root, "/proc/net/ipv6_route",
                "00000000000000000000000000000000 00 "
                "00000000000000000000000000000000 00 "
                "fd000000000000000000000000000001 00000400 00000003 00000000 "
                "00000003 ovirtmgmt\n");
}

static inline void
machine_system(const char *root)
{
    machine_put(root, "/etc/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"
                "NAME='Debian GNU/Linux'\nVERSION_ID=12\nID=debian\n");
    machine_put(root, "/proc/cmdline", "quiet ro\n");
    machine_put(root, "/proc/sys/kernel/random/boot_id",
                "8e798ae0-e15c-4693-8dd0-c945fe2a2af4\n");
    machine_put(root, "/sys/fs/selinux/enforce", "1");
    machine_put(root, "/sys/module/kvm_amd/parameters/nested", "1\n");
    machine_put(root, "/etc/libvirt/qemu.conf", "#vnc_tls = 0\n vnc_tls = 1\n");
    machine_put(root, "/etc/resolv.conf",
                "# made\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n");
    machine_put(root, "/etc/vdsm/vdsm.id",
                "2B77a3c0-6f4e-4c5b-9a66-0123456789ab\n");
    machine_put(root, "/sys/class/dmi/id/sys_vendor", "Acme\n");
    machine_put(root, "/sys/class/dmi/id/product_name", "Box\n");
    machine_put(root, "/sys/class/fc_host/host3/port_name",
                "0x50014380231d1c40\n");
    machine_put(root, "/sys/class/fc_host/host3/node_name",
                "0x50014380231d1c41\n");
    machine_put(root, "/sys/class/fc_host/host3/port_state", "Online\n");
    machine_put(root, "/sys/class/scsi_host/host3/model_name", "QLE2672\n");
    machine_put(root, "/etc/iscsi/initiatorname.iscsi",
                "## comment\nInitiatorName=iqn.1994-05.test:abc\n");
    machine_put(root, "/var/lib/dpkg/status",
                "Package: libvirt0\nStatus: install ok installed\n"
                "Version: 9.0.0-4+deb12u2\nDescription: a\n b\n\n"
                "Package: librbd1\nStatus: deinstall ok config-files\n"
                "Version: 16-1\n\n"
                "Package: qemu-system-x86\nStatus: install ok installed\n"
                "Version: 1:7.2+dfsg-7+deb12u18\n");
}

/* A multipath map with two iSCSI paths, one dead, one of another name, and
 * what is no map. */
static inline void
machine_disks(const char *root)
{
    static const char wwid[] = "naa.60014050000000000000000000000001\n";
    char path[128], link[128];

    for (int i = 0; i < 2; i++) {
        const char *name = i ? "sdc" : "sdb";

        snprintf(path, sizeof(path), "/sys/devices/host%d/session%d/%s/size", i,
                 i, name);
        machine_put(root, path, "2097152\n");
        snprintf(path, sizeof(path),
                 "/sys/devices/host%d/session%d/%s/holders/dm-0/x", i, i, name);
        machine_put(root, path, "\n");
        snprintf(path, sizeof(path),
                 "/sys/devices/host%d/session%d/%d:0:0:7/wwid", i, i, i);
        machine_put(root, path, wwid);
        snprintf(path, sizeof(path),
                 "/sys/devices/host%d/session%d/%d:0:0:7/state", i, i, i);
        machine_put(root, path, i ? "transport-offline\n" : "running\n");
        snprintf(path, sizeof(path),
                 "/sys/devices/host%d/session%d/%d:0:0:7/vendor", i, i, i);
        machine_put(root, path, "ACME    \n");
        snprintf(path, sizeof(path), "/sys/devices/host%d/session%d/%s/device",
                 i, i, name);
        snprintf(link, sizeof(link), "../%d:0:0:7", i);
        machine_link(root, path, link);
        snprintf(path, sizeof(path), "/sys/block/%s", name);
        snprintf(link, sizeof(link), "../devices/host%d/session%d/%s", i, i,
                 name);
        machine_link(root, path, link);
        snprintf(path, sizeof(path),
                 "/sys/class/iscsi_session/session%d/targetname", i);
        machine_put(root, path, "iqn.2026-01.test:t\n");
        snprintf(path, sizeof(path),
                 "/sys/class/iscsi_connection/connection%d:0/"
                 "persistent_address",
                 i);
        machine_put(root, path, "192.0.2.7\n");
        snprintf(path, sizeof(path), "/sys/block/dm-0/slaves/%s/x", name);
        machine_put(root, path, "\n");
    }
    machine_put(root, "/sys/block/dm-0/size", "2097152\n");
    machine_put(root, "/sys/block/dm-0/dm/uuid",
                "mpath-360014050000000000000000000000001\n");
    machine_put(root, "/sys/block/dm-0/dm/name",
                "360014050000000000000000000000001\n");
    machine_put(root, "/sys/block/dm-1/dm/uuid", "mpath-36002\n");
    machine_put(root, "/sys/block/dm-1/dm/name", "mpatha\n");
    machine_put(root, "/sys/block/dm-1/holders/dm-2/x", "\n");
    machine_put(root, "/sys/block/dm-1/holders/dm-3/x", "\n");
    machine_put(root, "/sys/block/dm-2/dm/uuid", "LVM-abc\n");
    machine_put(root, "/sys/block/dm-3/dm/uuid", "part1-mpath-36002\n");
    machine_put(root, "/sys/block/sda/size", "8\n");
}

static inline void
machine_make(const char *root)
{
    machine_disks(root);
    machine_cpus(root);
    machine_memory(root);
    machine_net(root);
    machine_system(root);
}
