// SPDX-License-Identifier: Apache-2.0
/*
 * The first pattern that fits decides (fnmatch; * crosses slashes, so that a
 * pattern covers what is below). Elements and attributes stand there by their
 * local name, for libvirt reads most of them without regard to namespaces;
 * "qemu:" and "berth:" alone are told apart.
 */
#include "hooks/rules.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

static const struct rule {
    const char *pattern;
    unsigned needs;
} rules[] = {
    /* Which VM it is, and what the plan fixed of its devices. */
    {"domain/name*", JUDGE_NEVER},
    {"domain/uuid*", JUDGE_NEVER},
    {"domain/metadata/berth:*", JUDGE_NEVER},
    {"domain/metadata*", 0},
    {"domain/devices/hostdev/boot*", 0},
    {"domain/devices/*/alias*", JUDGE_NEVER},
    {"domain/devices/disk/target@dev", JUDGE_NEVER},
    {"domain/devices/disk/target@bus", JUDGE_NEVER},
    {"domain/devices/controller@index", JUDGE_NEVER},
    {"domain/devices/controller@type", JUDGE_NEVER},
    {"domain/devices/controller@model", JUDGE_NEVER},
    /* Past libvirt's own judgement. */
    {"domain/qemu:*", JUDGE_QEMU_COMMANDLINE},
    /* Another program, less confinement, the host's own devices. */
    {"domain/devices/emulator*", JUDGE_PRIVILEGE},
    {"*/seclabel*", JUDGE_PRIVILEGE},
    {"domain/resource*", JUDGE_PRIVILEGE},
    {"domain/devices/disk@device", JUDGE_PRIVILEGE},
    {"domain/devices/disk@rawio", JUDGE_PRIVILEGE},
    {"domain/devices/disk@sgio", JUDGE_PRIVILEGE},
    {"*/reservations*", JUDGE_PRIVILEGE},
    {"domain/devices/hostdev*", JUDGE_PRIVILEGE},
    {"domain/devices/tpm/backend*", JUDGE_PRIVILEGE},
    {"domain/devices/interface@type", JUDGE_PRIVILEGE},
    {"domain/devices/interface/script*", JUDGE_PRIVILEGE},
    {"domain/devices/interface/downscript*", JUDGE_PRIVILEGE},
    {"domain/devices/interface/backend*", JUDGE_PRIVILEGE},
    /* What the guest reads and writes on the host. */
    {"domain/devices/disk@type", JUDGE_SOURCE},
    {"domain/devices/disk/driver@type", JUDGE_SOURCE},
    {"*/backingStore*", JUDGE_SOURCE},
    {"*/mirror*", JUDGE_SOURCE},
    {"*/source*", JUDGE_SOURCE},
    {"domain/devices/serial@type", JUDGE_SOURCE},
    {"domain/devices/parallel@type", JUDGE_SOURCE},
    {"domain/devices/console@type", JUDGE_SOURCE},
    {"domain/devices/channel@type", JUDGE_SOURCE},
    {"domain/devices/redirdev@type", JUDGE_SOURCE},
    {"domain/devices/smartcard*", JUDGE_SOURCE},
    {"domain/devices/rng/backend*", JUDGE_SOURCE},
    {"domain/os/loader*", JUDGE_SOURCE},
    {"domain/os/nvram*", JUDGE_SOURCE},
    {"domain/os/varstore*", JUDGE_SOURCE},
    {"domain/os/kernel*", JUDGE_SOURCE},
    {"domain/os/initrd*", JUDGE_SOURCE},
    {"domain/os/dtb*", JUDGE_SOURCE},
    {"domain/os/shim*", JUDGE_SOURCE},
    {"domain/os/acpi*", JUDGE_SOURCE},
    {"domain/bootloader*", JUDGE_PRIVILEGE},
    {"*@file", JUDGE_SOURCE},
    {"*@dir", JUDGE_SOURCE},
    {"*@path", JUDGE_SOURCE},
    {"*@socket", JUDGE_SOURCE},
};

/* "domain/devices/KIND/address…": the guest's, not that of a source. */
static int
is_device_address(const char *path)
{
    static const char devices[] = "domain/devices/";
    const char *at = path + strlen(devices);

    if (strncmp(path, devices, strlen(devices)) != 0)
        return 0;
    at += strcspn(at, "/@");
    return strncmp(at, "/address", 8) == 0 && (!at[8] || strchr("@/", at[8]));
}

unsigned
rules_needs(const char *path)
{
    if (is_device_address(path))
        return JUDGE_NEVER;
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (fnmatch(rules[i].pattern, path, 0) == 0)
            return rules[i].needs;
    return 0;
}

int
rules_is_disk_source(const char *path)
{
    static const char *const places[] = {
        "domain/devices/disk@type", "domain/devices/disk/driver@type",
        "domain/devices/disk/source", "domain/devices/disk/source@file",
        "domain/devices/disk/source@dev"};

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (strcmp(places[i], path) == 0)
            return 1;
    return 0;
}
