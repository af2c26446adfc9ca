// SPDX-License-Identifier: Apache-2.0
/* Rules as tables and short checks; each names what would be taken. */
#include "agent/hyper/esx_rules.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *model; /* libvirt's name */
    const char *type;  /* vSphere's */
} models[] = {
    {"vmpvscsi", "ParaVirtualSCSIController"},
    {"lsilogic", "VirtualLsiLogicController"},
    {"lsisas1068", "VirtualLsiLogicSASController"},
    {"buslogic", "VirtualBusLogicController"},
};
#define NMODELS (sizeof(models) / sizeof(models[0]))

const char *
esx_rules_type(const char *model)
{
    for (size_t i = 0; i < NMODELS; i++)
        if (strcmp(models[i].model, model) == 0)
            return models[i].type;
    return NULL;
}

const char *
esx_rules_model(const char *type)
{
    for (size_t i = 0; i < NMODELS; i++)
        if (strcmp(models[i].type, type) == 0)
            return models[i].model;
    return NULL;
}

int
esx_rules_units(const char *type, int hardware)
{
    bool many = strcmp(type, "ParaVirtualSCSIController") == 0;

    return many && hardware >= 14 ? 64 + 1 : 15 + 1;
}

/* No part of a path may be "." or "..", or empty. */
static bool
parts_ok(const char *path)
{
    for (const char *part = path; part;) {
        size_t len = strcspn(part, "/");

        if (len == 0 || (len == 1 && part[0] == '.') ||
            (len == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part = part[len] ? part + len + 1 : NULL;
    }
    return true;
}

int
esx_rules_path(const char *param, const char *path, const char *suffix,
               struct err *err)
{
    const char *close = path ? strchr(path, ']') : NULL;
    size_t len = path ? strlen(path) : 0, end = strlen(suffix);
    char expected[96];

    if (close && path[0] == '[' && close > path + 1 && close[1] == ' ' &&
        close[2] != ' ' && strchr(close + 2, '/') && parts_ok(close + 2) &&
        len < 1024 && len > end && strcmp(path + len - end, suffix) == 0)
        return 0;
    snprintf(expected, sizeof(expected),
             "a path \"[datastore] folder/file%s\" without . or ..", suffix);
    return err_param(err, ERR_INVALID, param, path, expected);
}

int
esx_rules_memory(uint64_t bytes, struct err *err)
{
    char value[24];

    if (bytes && bytes % ESX_MEMORY_STEP == 0)
        return 0;
    snprintf(value, sizeof(value), "%llu", (unsigned long long)bytes);
    return err_param(err, ERR_INVALID, "memory", value,
                     "a multiple of 4194304 bytes (4 MiB): a VMware host "
                     "would round it without a word");
}

/* Ranges of VMware's: first three bytes, bounds of the fourth. */
static const struct {
    const char *type;
    unsigned prefix, low, high;
    const char *expected;
} ranges[] = {
    {"generated", 0x000c29, 0x00, 0xff,
     "00:0c:29:00:00:00 to 00:0c:29:ff:ff:ff, where hosts generate theirs"},
    {"vpx", 0x005056, 0x80, 0xbf,
     "00:50:56:80:00:00 to 00:50:56:bf:ff:ff, where a vCenter generates "
     "its"},
    {"", 0x005056, 0x00, 0x3f,
     "00:50:56:00:00:00 to 00:50:56:3f:ff:ff, which VMware leaves to "
     "administrators, or type static to keep any other as it is"},
};

int
esx_rules_mac(const char *param, const char *mac, const char *type,
              struct err *err)
{
    unsigned b[6], prefix;
    char end;

    if (strlen(mac) != 17 ||
        sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3],
               &b[4], &b[5], &end) != 6)
        return err_param(err, ERR_INVALID, param, mac,
                         "a MAC address such as 00:50:56:00:00:01");
    if (b[0] & 1)
        return err_param(err, ERR_INVALID, param, mac,
                         "a unicast MAC address: the first byte is even");
    prefix = b[0] << 16 | b[1] << 8 | b[2];
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (strcmp(ranges[i].type, type ? type : "") != 0)
            continue;
        if (ranges[i].prefix == prefix && b[3] >= ranges[i].low &&
            b[3] <= ranges[i].high)
            return 0;
        return err_param(err, ERR_INVALID, param, mac, ranges[i].expected);
    }
    if (strcmp(type, "static") == 0)
        return 0;
    return err_param(err, ERR_INVALID, param, type,
                     "the type static, generated or vpx");
}
