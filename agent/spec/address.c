// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses as values: text, JSON and XML. A peer's JSON is read by rows of
 * typed fields with their limits; libvirt's XML is believed, and what it
 * does not say is 0. Which addresses are taken is address_pool.c's matter.
 */
#include "agent/spec/address.h"

#include <stdio.h>
#include <string.h>

#include "agent/spec/field.h"

/* One number of an address: where it stands, and its limits. */
struct part {
    const char *name;
    size_t offset;
    unsigned max;
    bool required;
    int width; /* of the hexadecimal text in XML */
};

#define DRIVE(part) #part, offsetof(struct address, drive.part)
#define PCI(part) #part, offsetof(struct address, pci.part)
#define NPARTS 4

static const struct part drive_parts[NPARTS] = {
    {DRIVE(controller), ADDRESS_CONTROLLER_MAX, false, 0},
    {DRIVE(bus), 1, false, 0},
    {DRIVE(target), ADDRESS_TARGET_MAX, false, 0},
    {DRIVE(unit), ADDRESS_UNIT_MAX, true, 0},
};

static const struct part pci_parts[NPARTS] = {
    {PCI(domain), 0xffff, false, 4},
    {PCI(bus), 255, true, 2},
    {PCI(slot), 31, true, 2},
    {PCI(function), 7, false, 1},
};

static unsigned *
part_of(struct address *a, const struct part *part)
{
    return (unsigned *)(void *)((char *)a + part->offset);
}

static unsigned
part_value(const struct address *a, const struct part *part)
{
    return *part_of((struct address *)a, part);
}

/* NULL for none. */
static const struct part *
parts_of(enum address_type type)
{
    if (type == ADDRESS_NONE)
        return NULL;
    return type == ADDRESS_DRIVE ? drive_parts : pci_parts;
}

bool
address_equal(const struct address *a, const struct address *b)
{
    const struct part *parts = parts_of(a->type);

    if (a->type != b->type)
        return false;
    for (int i = 0; parts && i < NPARTS; i++)
        if (part_value(a, &parts[i]) != part_value(b, &parts[i]))
            return false;
    return true;
}

void
address_text(const struct address *a, char out[32])
{
    out[0] = '\0';
    if (a->type == ADDRESS_DRIVE)
        snprintf(out, 32, "%u:%u:%u:%u", a->drive.controller, a->drive.bus,
                 a->drive.target, a->drive.unit);
    if (a->type == ADDRESS_PCI)
        snprintf(out, 32, "%04x:%02x:%02x.%x", a->pci.domain, a->pci.bus,
                 a->pci.slot, a->pci.function);
}

json_t *
address_to_json(const struct address *a)
{
    const struct part *parts = parts_of(a->type);
    json_t *obj = parts ? json_object() : NULL;

    if (!parts)
        return NULL;
    json_put_text(obj, "type", a->type == ADDRESS_DRIVE ? "drive" : "pci");
    for (int i = 0; i < NPARTS; i++)
        json_put_int(obj, parts[i].name, part_value(a, &parts[i]));
    return obj;
}

int
address_from_json_at(const json_t *value, const char *prefix,
                     struct address *out, struct err *err)
{
    struct field rows[NPARTS + 1] = {
        {.name = "type",
         .type = FIELD_ENUM,
         .required = true,
         .range = "drive|pci"},
    };
    char ranges[NPARTS][24];
    struct address a = {.type = ADDRESS_DRIVE};
    const struct part *parts;

    if (!value || json_is_null(value) ||
        (json_is_object(value) && json_object_size(value) == 0)) {
        *out = (struct address){.type = ADDRESS_NONE};
        return 0;
    }
    if (strcmp(json_get_text(value, "type", ""), "pci") == 0)
        a.type = ADDRESS_PCI;
    parts = parts_of(a.type);
    for (int i = 0; i < NPARTS; i++) {
        snprintf(ranges[i], sizeof(ranges[i]), "0..%u", parts[i].max);
        rows[i + 1] = (struct field){.name = parts[i].name,
                                     .type = FIELD_INT,
                                     .required = parts[i].required,
                                     .max = parts[i].max,
                                     .range = ranges[i]};
    }
    if (field_check(rows, NPARTS + 1, prefix, value, err) < 0)
        return -1;
    for (int i = 0; i < NPARTS; i++)
        *part_of(&a, &parts[i]) =
            (unsigned)json_get_int(value, parts[i].name, 0);
    *out = a;
    return 0;
}

int
address_from_json(const json_t *value, struct address *out, struct err *err)
{
    return address_from_json_at(value, "address.", out, err);
}

void
address_from_xml(xmlNodePtr device, struct address *out)
{
    xmlNodePtr node = xml_child(device, "address");
    const struct part *parts;

    *out = (struct address){.type = ADDRESS_NONE};
    if (xml_attr_is(node, "type", "drive"))
        out->type = ADDRESS_DRIVE;
    else if (xml_attr_is(node, "type", "pci"))
        out->type = ADDRESS_PCI;
    parts = parts_of(out->type);
    for (int i = 0; parts && i < NPARTS; i++) {
        int64_t n = xml_attr_int(node, parts[i].name, 0);

        /* A number no device can have says nothing: as good as no address. */
        if (n < 0 || n > UINT32_MAX) {
            *out = (struct address){.type = ADDRESS_NONE};
            return;
        }
        *part_of(out, &parts[i]) = (unsigned)n;
    }
}

void
address_to_xml(xmlNodePtr device, const struct address *a, bool multifunction)
{
    const struct part *parts = parts_of(a->type);
    xmlNodePtr node = parts ? xml_add(device, "address", NULL) : NULL;

    if (!parts)
        return;
    xml_set(node, "type", a->type == ADDRESS_DRIVE ? "drive" : "pci");
    for (int i = 0; i < NPARTS; i++) {
        unsigned n = part_value(a, &parts[i]);

        if (parts[i].width)
            xml_set_hex(node, parts[i].name, n, parts[i].width);
        else
            xml_set_int(node, parts[i].name, n);
    }
    if (multifunction)
        xml_set(node, "multifunction", "on");
}
