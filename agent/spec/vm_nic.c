// SPDX-License-Identifier: Apache-2.0
/*
 * A network card of a new VM: JSON in, XML out. Which network or bridge
 * exists is libvirt's to say; what the machine type can take is said here.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/vm.h"

#define MAC_EXPECTED "a unicast MAC such as 52:54:00:12:34:56"
#define MAC_CHARS "0123456789abcdefABCDEF:"

static const struct field fields[] = {
    {.name = "nic_id", .type = FIELD_UUID},
    {.name = "mac", .type = FIELD_TEXT, .max = 17, .range = MAC_EXPECTED},
    {.name = "network", .type = FIELD_NAME},
    {.name = "bridge", .type = FIELD_NAME},
    {.name = "model",
     .type = FIELD_ENUM,
     .deflt = "\"virtio\"",
     .range = "virtio|e1000e|e1000"},
    {.name = "address", .type = FIELD_OBJECT, .range = "{type: pci, …}"},
};
#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

/* Six bytes in hex; not a group address (IEEE 802, the I/G bit). */
static bool
read_mac(const char *text, char out[18])
{
    unsigned b[6];
    int end = 0;

    if (strlen(text) != 17 || text[strspn(text, MAC_CHARS)] != '\0' ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3],
               &b[4], &b[5], &end) != 6 ||
        end != 17 || (b[0] & 1))
        return false;
    snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", b[0] & 255, b[1] & 255,
             b[2] & 255, b[3] & 255, b[4] & 255, b[5] & 255);
    return true;
}

/* QEMU's own prefix, and three random bytes. */
static void
make_mac(char out[18])
{
    char random[UUID_TEXT];

    uuid_new(random);
    snprintf(out, 18, "52:54:00:%.2s:%.2s:%.2s", random, random + 2,
             random + 4);
}

static int
refuse(const char *prefix, const char *name, const json_t *obj,
       const char *expected, struct err *err)
{
    return field_refuse(prefix, name, json_object_get(obj, name), expected,
                        err);
}

/* obj has its defaults; its rows were checked. */
static int
read_nic(const json_t *obj, const char *prefix, bool q35, struct vm_nic *nic,
         struct err *err)
{
    CLEANUP_FREE char *at = mem_printf("%saddress.", prefix);
    const char *mac = json_get_text(obj, "mac", NULL);

    if (!uuid_canon(json_get_text(obj, "nic_id", ""), nic->id))
        uuid_new(nic->id);
    if (!mac)
        make_mac(nic->mac);
    else if (!read_mac(mac, nic->mac))
        return refuse(prefix, "mac", obj, MAC_EXPECTED, err);
    snprintf(nic->model, sizeof(nic->model), "%s",
             json_get_text(obj, "model", ""));
    if (strcmp(nic->model, q35 ? "e1000" : "e1000e") == 0)
        return refuse(prefix, "model", obj,
                      q35 ? "virtio or e1000e on a q35 machine"
                          : "virtio or e1000 on a pc machine",
                      err);
    if (address_from_json_at(json_object_get(obj, "address"), at, &nic->address,
                             err) < 0)
        return -1;
    if (nic->address.type == ADDRESS_DRIVE)
        return refuse(prefix, "address", obj, "an address of type pci", err);
    nic->network = mem_dup(json_get_text(obj, "network", NULL));
    nic->bridge = mem_dup(json_get_text(obj, "bridge", NULL));
    return 0;
}

int
vm_nic_from_json(const json_t *obj, const char *prefix, bool q35,
                 struct vm_nic *out, struct err *err)
{
    CLEANUP_JSON json_t *full = NULL;
    struct vm_nic nic = {.network = NULL};

    if (field_check(fields, NFIELDS, prefix, obj, err) < 0)
        return -1;
    full = field_defaults(fields, NFIELDS, obj);
    if (json_get_text(full, "network", NULL) &&
        json_get_text(full, "bridge", NULL))
        return refuse(prefix, "bridge", full, "either network or bridge", err);
    if (read_nic(full, prefix, q35, &nic, err) < 0)
        return -1;
    *out = nic;
    return 0;
}

void
vm_nic_clear(struct vm_nic *nic)
{
    free(nic->network);
    free(nic->bridge);
    *nic = (struct vm_nic){.network = NULL};
}

void
vm_nic_to_xml(const struct vm_nic *nic, xmlNodePtr devices)
{
    xmlNodePtr node = xml_add(devices, "interface", NULL);
    const char *type = "user";
    char alias[UUID_TEXT + 3];

    if (nic->network || nic->bridge)
        type = nic->network ? "network" : "bridge";
    xml_set(node, "type", type);
    xml_set(xml_add(node, "mac", NULL), "address", nic->mac);
    if (nic->network || nic->bridge)
        xml_set(xml_add(node, "source", NULL), type,
                nic->network ? nic->network : nic->bridge);
    xml_set(xml_add(node, "model", NULL), "type", nic->model);
    snprintf(alias, sizeof(alias), "ua-%s", nic->id);
    xml_set(xml_add(node, "alias", NULL), "name", alias);
    address_to_xml(node, &nic->address, false);
}
