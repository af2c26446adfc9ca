// SPDX-License-Identifier: Apache-2.0
/* Each part of a domain by a check of its own; the first that fails tells. */
#include "agent/hyper/esx_domain.h"

#include <stdio.h>
#include <string.h>

#include "agent/hyper/esx_rules.h"

#define MAX_NICS 10

static const struct {
    const char *unit;
    uint64_t bytes;
} units[] = {
    {"KiB", 1024}, {"k", 1024},        {"bytes", 1},
    {"b", 1},      {"MiB", 1024 << 10}, {"M", 1024 << 10},
    {"GiB", 1 << 30}, {"G", 1 << 30},
};

static int
check_memory(xmlNodePtr root, struct err *err)
{
    xmlNodePtr node = xml_child(root, "memory");
    CLEANUP_FREE char *text = node ? xml_content(node) : NULL;
    CLEANUP_FREE char *unit = node ? xml_attr(node, "unit") : NULL;
    uint64_t factor = unit ? 0 : 1024;

    for (size_t i = 0; unit && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(units[i].unit, unit) == 0)
            factor = units[i].bytes;
    if (!text || !factor)
        return err_param(err, ERR_INVALID, "xml: memory", unit ? unit : text,
                         "<memory unit='KiB'>NUMBER</memory>");
    return esx_rules_memory(strtoull(text, NULL, 10) * factor, err);
}

static bool
is_word(const char *words, const char *text)
{
    size_t len = strlen(text);

    for (const char *at = words; at && *at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, text, len) == 0 && (!at[len] || at[len] == ' '))
            return true;
    }
    return false;
}

static int
check_controller(xmlNodePtr node, struct err *err)
{
    CLEANUP_FREE char *model = xml_attr(node, "model");

    if (!xml_attr_is(node, "type", "scsi") || !model)
        return 0;
    if (esx_rules_type(model) || strcmp(model, "auto") == 0)
        return 0;
    return err_param(err, ERR_INVALID, "xml: controller model", model,
                     "vmpvscsi, lsilogic, lsisas1068, buslogic or auto");
}

static int
check_nic(xmlNodePtr node, struct err *err)
{
    static const char models[] = "vlance vmxnet vmxnet2 vmxnet3 e1000 e1000e";
    xmlNodePtr mac = xml_child(node, "mac");
    CLEANUP_FREE char *model =
        xml_child(node, "model") ? xml_attr(xml_child(node, "model"), "type")
                                 : NULL;
    CLEANUP_FREE char *address = mac ? xml_attr(mac, "address") : NULL;
    CLEANUP_FREE char *type = mac ? xml_attr(mac, "type") : NULL;

    if (!xml_attr_is(node, "type", "bridge"))
        return err_param(err, ERR_INVALID, "xml: interface type", NULL,
                         "bridge, naming a port group");
    if (model && !is_word(models, model))
        return err_param(err, ERR_INVALID, "xml: interface model", model,
                         "vlance, vmxnet, vmxnet2, vmxnet3, e1000 or e1000e");
    return address ? esx_rules_mac("xml: mac address", address, type, err) : 0;
}

/* Unit of "sdX" among the 15 of its controller, 7 left out. */
static bool
place_of(const char *dev, int *controller, int *unit)
{
    int index = 0;

    if (strncmp(dev, "sd", 2) != 0 || !dev[2] || strlen(dev) > 4)
        return false;
    for (const char *c = dev + 2; *c; c++) {
        if (*c < 'a' || *c > 'z')
            return false;
        index = index * 26 + (*c - 'a' + 1);
    }
    index--;
    *controller = index / 15;
    *unit = index % 15;
    *unit += *unit >= ESX_OWN_UNIT;
    return *controller < ESX_BUSES;
}

static int
check_place(xmlNodePtr node, struct err *err)
{
    xmlNodePtr address = xml_child(node, "address");
    CLEANUP_FREE char *dev = xml_attr(xml_child(node, "target"), "dev");
    int controller, unit;
    char expected[96];

    if (!dev)
        return err_param(err, ERR_INVALID, "xml: target dev", NULL, "sda …");
    if (!xml_attr_is(xml_child(node, "target"), "bus", "scsi"))
        return 0;
    if (!place_of(dev, &controller, &unit))
        return err_param(err, ERR_INVALID, "xml: target dev", dev,
                         "sda to sdbh: 15 disks on each of 4 SCSI controllers");
    if (!address)
        return 0;
    snprintf(expected, sizeof(expected),
             "an <address> of controller %d, unit %d, which %.8s is",
             controller, unit, dev);
    if (xml_attr_int(address, "controller", 0) != controller ||
        xml_attr_int(address, "unit", 0) != unit)
        return err_param(err, ERR_INVALID, "xml: address", dev, expected);
    return 0;
}

static int
check_disk(xmlNodePtr node, struct err *err)
{
    CLEANUP_FREE char *path =
        xml_child(node, "source") ? xml_attr(xml_child(node, "source"), "file")
                                  : NULL;
    bool cd = xml_attr_is(node, "device", "cdrom");

    if (xml_attr_is(node, "device", "lun"))
        return err_set(err, ERR_UNSUPPORTED,
                       "xml: libvirt's driver makes no raw device mapping; "
                       "define the machine without, then AddDisk kind lun");
    if (path && esx_rules_path("xml: source file", path,
                               cd ? ".iso" : ".vmdk", err) < 0)
        return -1;
    return check_place(node, err);
}

static const struct {
    const char *name;
    int (*check)(xmlNodePtr node, struct err *err);
} devices[] = {
    {"controller", check_controller},
    {"interface", check_nic},
    {"disk", check_disk},
};

int
esx_domain_check(xmlDocPtr domain, struct err *err)
{
    xmlNodePtr root = xml_root(domain), list = xml_child(root, "devices");
    int nics = 0;

    if (check_memory(root, err) < 0)
        return -1;
    for (xmlNodePtr node = xml_child(list, NULL); node;
         node = xml_next(node, NULL)) {
        nics += xml_is(node, "interface");
        for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
            if (xml_is(node, devices[i].name) &&
                devices[i].check(node, err) < 0)
                return -1;
    }
    if (nics > MAX_NICS)
        return err_set(err, ERR_INVALID,
                       "xml: %d interfaces, and a VMware host takes %d", nics,
                       MAX_NICS);
    return 0;
}
