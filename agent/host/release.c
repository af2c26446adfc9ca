// SPDX-License-Identifier: Apache-2.0
/* Read anew at each question: all of it may change while berthd runs. */
#include "agent/host/release.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"
#define MAX_SERVERS 16

/* --- os-release ---------------------------------------------------------- */

/* os-release(5): KEY=value, with or without quotes; owned, NULL for none. */
static char *
release_word(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        const char *value;

        at += *at == '\n';
        if (strncmp(at, key, len) != 0 || at[len] != '=')
            continue;
        value = at + len + 1;
        if (*value == '"' || *value == '\'')
            return mem_ndup(value + 1,
                            strcspn(value + 1, *value == '"' ? "\"\n" : "'\n"));
        return mem_ndup(value, strcspn(value, "\n"));
    }
    return NULL;
}

json_t *
release_read(const char *root)
{
    static const char *const keys[][2] = {{"id", "ID"},
                                          {"name", "NAME"},
                                          {"version", "VERSION_ID"},
                                          {"pretty_name", "PRETTY_NAME"},
                                          {"variant_id", "VARIANT_ID"}};
    CLEANUP_FREE char *text = sysfs_text(root, "/etc/os-release");
    json_t *obj = json_object();

    if (!text)
        text = sysfs_text(root, "/usr/lib/os-release");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP_FREE char *word = release_word(text, keys[i][1]);

        json_put_text(obj, keys[i][0], word);
    }
    return obj;
}

/* --- kernel -------------------------------------------------------------- */

static json_t *
features(const char *root)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, VULNERABILITIES);
    json_t *obj = json_object();

    for (size_t i = 0; i < names.n; i++) {
        CLEANUP_FREE char *words =
            sysfs_line(root, VULNERABILITIES "/%s", names.names[i]);
        char *name = names.names[i];

        for (char *c = name; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        json_put_text(obj, name, words);
    }
    return obj;
}

json_t *
release_kernel(const char *root)
{
    CLEANUP_FREE char *cmdline = sysfs_line(root, "/proc/cmdline");
    CLEANUP_FREE char *boot =
        sysfs_line(root, "/proc/sys/kernel/random/boot_id");
    CLEANUP_FREE char *stat = sysfs_text(root, "/proc/stat");
    json_t *kernel = json_object();
    struct utsname name = {0};
    long long booted = stat ? sysfs_field(stat, "btime") : -1;

    uname(&name);
    json_put_text(kernel, "release", name.release);
    json_put_text(kernel, "version", name.version);
    json_put_text(kernel, "arch", name.machine);
    json_put_text(kernel, "cmdline", cmdline ? cmdline : "");
    json_put_text(kernel, "boot_id", boot);
    json_put(kernel, "boot_time", booted > 0 ? json_integer(booted) : NULL);
    json_put(kernel, "features", features(root));
    return kernel;
}

/* --- switches ------------------------------------------------------------ */

/* A module's parameter: "Y" or "1". */
static bool
nested(const char *root)
{
    static const char *const modules[] = {"kvm_intel", "kvm_amd", "kvm_hv"};

    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        CLEANUP_FREE char *line =
            sysfs_line(root, "/sys/module/%s/parameters/nested", modules[i]);

        if (line)
            return *line == 'Y' || *line == '1';
    }
    return false;
}

static bool
has_iommu(const char *root)
{
    CLEANUP_NAMES struct sysfs_names groups =
        sysfs_list(root, "/sys/kernel/iommu_groups");

    return groups.n > 0;
}

/* Whether libvirt's settings say that the key is 1. */
static bool
qemu_conf(const char *root, const char *key)
{
    CLEANUP_FREE char *text = sysfs_text(root, "/etc/libvirt/qemu.conf");
    size_t len = strlen(key);
    int value;

    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        at += strspn(at, " \t");
        if (strncmp(at, key, len) == 0 &&
            sscanf(at + len, " = %d", &value) == 1)
            return value == 1;
    }
    return false;
}

json_t *
release_switches(const char *root)
{
    json_t *obj = json_object();

    json_put_int(obj, "selinux",
                 sysfs_number(root, -1, "/sys/fs/selinux/enforce"));
    json_put_bool(obj, "fips",
                  sysfs_number(root, 0, "/proc/sys/crypto/fips_enabled") == 1);
    json_put_int(obj, "kdump",
                 sysfs_number(root, -1, "/sys/kernel/kexec_crash_loaded"));
    json_put_bool(obj, "nested", nested(root));
    json_put_int(obj, "numa_balancing",
                 sysfs_number(root, -1, "/proc/sys/kernel/numa_balancing"));
    json_put_bool(obj, "vnc_tls", qemu_conf(root, "vnc_tls"));
    json_put_bool(obj, "iommu", has_iommu(root));
    return obj;
}

json_t *
release_nameservers(const char *root)
{
    CLEANUP_FREE char *text = sysfs_text(root, "/etc/resolv.conf");
    json_t *list = json_array();
    char server[64];

    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (sscanf(at, "nameserver %63s", server) == 1 &&
            json_array_size(list) < MAX_SERVERS)
            json_array_append_new(list, json_string(server));
    }
    return list;
}
