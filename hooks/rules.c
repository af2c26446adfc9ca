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
    const char *harmless; /* "a|b": values that need nothing; NULL: none */
} rules[] = {
    /* Which VM it is, and what the plan fixed of its devices. */
    {"domain/name*", JUDGE_NEVER, NULL},
    {"domain/uuid*", JUDGE_NEVER, NULL},
    {"domain/metadata/berth:*", JUDGE_NEVER, NULL},
    {"domain/metadata*", 0, NULL},
    {"domain/devices/hostdev/boot*", 0, NULL},
    {"domain/devices/*/alias*", JUDGE_NEVER, NULL},
    {"domain/devices/disk/target@dev", JUDGE_NEVER, NULL},
    {"domain/devices/disk/target@bus", JUDGE_NEVER, NULL},
    {"domain/devices/controller@index", JUDGE_NEVER, NULL},
    {"domain/devices/controller@type", JUDGE_NEVER, NULL},
    {"domain/devices/controller@model", JUDGE_NEVER, NULL},
    /* Past libvirt's own judgement. */
    {"domain/qemu:*", JUDGE_QEMU_COMMANDLINE, NULL},
    /* Another program, less confinement, the host's own devices. */
    {"domain/devices/emulator*", JUDGE_PRIVILEGE, NULL},
    {"*/seclabel*", JUDGE_PRIVILEGE, NULL},
    {"domain/resource*", JUDGE_PRIVILEGE, NULL},
    {"domain/devices/disk@device", JUDGE_PRIVILEGE, "disk|cdrom|floppy"},
    {"domain/devices/disk@rawio", JUDGE_PRIVILEGE, NULL},
    {"domain/devices/disk@sgio", JUDGE_PRIVILEGE, NULL},
    {"*/reservations*", JUDGE_PRIVILEGE, NULL},
    {"domain/devices/hostdev*", JUDGE_PRIVILEGE, NULL},
    {"domain/devices/tpm/backend*", JUDGE_PRIVILEGE, NULL},
    {"domain/devices/interface@type", JUDGE_PRIVILEGE, "network|bridge|user"},
    {"domain/devices/interface/script*", JUDGE_PRIVILEGE, NULL},
    {"domain/devices/interface/downscript*", JUDGE_PRIVILEGE, NULL},
    {"domain/devices/interface/backend*", JUDGE_PRIVILEGE, NULL},
    /* What the guest reads and writes on the host. */
    {"domain/devices/disk@type", JUDGE_SOURCE, NULL},
    {"domain/devices/disk/driver@type", JUDGE_SOURCE, NULL},
    {"*/backingStore*", JUDGE_SOURCE, NULL},
    {"*/mirror*", JUDGE_SOURCE, NULL},
    {"*/source*", JUDGE_SOURCE, NULL},
    {"domain/devices/serial@type", JUDGE_SOURCE, "pty|null|vc"},
    {"domain/devices/parallel@type", JUDGE_SOURCE, "pty|null|vc"},
    {"domain/devices/console@type", JUDGE_SOURCE, "pty|null|vc"},
    {"domain/devices/channel@type", JUDGE_SOURCE, "unix|pty|null|spicevmc"},
    {"domain/devices/redirdev@type", JUDGE_SOURCE, NULL},
    {"domain/devices/smartcard*", JUDGE_SOURCE, NULL},
    {"domain/devices/rng/backend*", JUDGE_SOURCE, NULL},
    {"domain/os/loader*", JUDGE_SOURCE, NULL},
    {"domain/os/nvram*", JUDGE_SOURCE, NULL},
    {"domain/os/varstore*", JUDGE_SOURCE, NULL},
    {"domain/os/kernel*", JUDGE_SOURCE, NULL},
    {"domain/os/initrd*", JUDGE_SOURCE, NULL},
    {"domain/os/dtb*", JUDGE_SOURCE, NULL},
    {"domain/os/shim*", JUDGE_SOURCE, NULL},
    {"domain/os/acpi*", JUDGE_SOURCE, NULL},
    {"domain/bootloader*", JUDGE_PRIVILEGE, NULL},
    {"*@file", JUDGE_SOURCE, NULL},
    {"*@dir", JUDGE_SOURCE, NULL},
    {"*@path", JUDGE_SOURCE, NULL},
    {"*@socket", JUDGE_SOURCE, NULL},
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

static int
is_word(const char *words, const char *text)
{
    size_t len = strlen(text);

    while (words && *words) {
        size_t n = strcspn(words, "|");

        if (n == len && strncmp(words, text, n) == 0)
            return 1;
        words += n + (words[n] == '|');
    }
    return 0;
}

unsigned
rules_needs(const char *path, const char *value)
{
    if (is_device_address(path))
        return JUDGE_NEVER;
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (fnmatch(rules[i].pattern, path, 0) == 0)
            return value && is_word(rules[i].harmless, value) ? 0
                                                              : rules[i].needs;
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
