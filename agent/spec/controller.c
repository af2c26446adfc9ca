// SPDX-License-Identifier: Apache-2.0
/*
 * Controllers as values. Only virtio-scsi ones are asked for and shown in
 * JSON; all others are read from XML, or written by vm_xml.c with the model
 * and address that it decided.
 */
#include "agent/spec/controller.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/field.h"

/* The numbers of virtio-scsi's <driver>; 0 is "not set" for all of them. */
static const struct driver {
    const char *name;
    size_t offset;
} drivers[] = {
    {"queues", offsetof(struct controller, queues)},
    {"iothread", offsetof(struct controller, iothread)},
    {"max_sectors", offsetof(struct controller, max_sectors)},
    {"cmd_per_lun", offsetof(struct controller, cmd_per_lun)},
};
#define NDRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static const struct field fields[] = {
    {.name = "index",
     .type = FIELD_INT,
     .required = true,
     .max = ADDRESS_CONTROLLER_MAX,
     .range = "0..99"},
    /* VIRTIO 1.2, 2.6: a device has 1,024 queues at most; two are not for
     * requests. */
    {.name = "queues",
     .type = FIELD_INT,
     .min = 1,
     .max = 1022,
     .range = "1..1022 or null"},
    {.name = "iothread",
     .type = FIELD_INT,
     .min = 1,
     .max = 1000,
     .range = "1..1000 or null"},
    {.name = "max_sectors",
     .type = FIELD_INT,
     .min = 1,
     .max = 65535,
     .range = "1..65535 or null"},
    {.name = "cmd_per_lun",
     .type = FIELD_INT,
     .min = 1,
     .max = 65535,
     .range = "1..65535 or null"},
    {.name = "address", .type = FIELD_OBJECT, .range = "{type: pci, …}"},
    {.name = "alias", .type = FIELD_TEXT, .max = 63}, /* output only */
    {.name = "state", .type = FIELD_TEXT, .max = 31},
};
#define NFIELDS (sizeof(fields) / sizeof(fields[0]))
#define STATE_LEAVING "rollback_pending"

static unsigned *
driver_of(struct controller *c, size_t i)
{
    return (unsigned *)(void *)((char *)c + drivers[i].offset);
}

static unsigned
driver_value(const struct controller *c, size_t i)
{
    return *driver_of((struct controller *)c, i);
}

void
controller_init(struct controller *c, const char *type, const char *model,
                unsigned index)
{
    *c = (struct controller){.index = index};
    snprintf(c->type, sizeof(c->type), "%s", type);
    snprintf(c->model, sizeof(c->model), "%s", model);
    /* Root ports are "ports" to people; other PCI controllers are the root. */
    if (strcmp(model, "pcie-root-port") == 0)
        snprintf(c->alias, sizeof(c->alias), "ua-port%u", index);
    else
        snprintf(c->alias, sizeof(c->alias), "ua-%s%u", type, index);
}

json_t *
controller_to_json(const struct controller *c)
{
    json_t *obj = json_object();

    json_put_int(obj, "index", c->index);
    for (size_t i = 0; i < NDRIVERS; i++) {
        unsigned n = driver_value(c, i);

        json_put(obj, drivers[i].name, n ? json_integer(n) : NULL);
    }
    json_put_text(obj, "alias", *c->alias ? c->alias : NULL);
    json_put(obj, "address", address_to_json(&c->address));
    if (c->leaving)
        json_put_text(obj, "state", STATE_LEAVING);
    return obj;
}

int
controller_from_json(const json_t *obj, const char *prefix,
                     struct controller *out, struct err *err)
{
    struct controller c;
    CLEANUP_FREE char *at = mem_printf("%saddress.", prefix);

    if (field_check(fields, NFIELDS, prefix, obj, err) < 0)
        return -1;
    controller_init(&c, "scsi", "virtio-scsi",
                    (unsigned)json_get_int(obj, "index", 0));
    for (size_t i = 0; i < NDRIVERS; i++)
        *driver_of(&c, i) = (unsigned)json_get_int(obj, drivers[i].name, 0);
    if (address_from_json_at(json_object_get(obj, "address"), at, &c.address,
                             err) < 0)
        return -1;
    if (c.address.type == ADDRESS_DRIVE)
        return field_refuse(prefix, "address", json_object_get(obj, "address"),
                            "{type: pci, …}", err);
    c.leaving = !strcmp(json_get_text(obj, "state", ""), STATE_LEAVING);
    *out = c;
    return 0;
}

xmlNodePtr
controller_to_xml(const struct controller *c, xmlNodePtr parent)
{
    xmlNodePtr node = xml_add(parent, "controller", NULL);
    xmlNodePtr driver = NULL;

    xml_set(node, "type", c->type);
    xml_set_int(node, "index", c->index);
    if (*c->model)
        xml_set(node, "model", c->model);
    for (size_t i = 0; i < NDRIVERS; i++) {
        if (driver_value(c, i) == 0)
            continue;
        if (!driver)
            driver = xml_add(node, "driver", NULL);
        xml_set_int(driver, drivers[i].name, driver_value(c, i));
    }
    if (*c->alias)
        xml_set(xml_add(node, "alias", NULL), "name", c->alias);
    address_to_xml(node, &c->address, c->multifunction);
    return node;
}

char *
controller_xml(const struct controller *c)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("devices");

    return xml_text(controller_to_xml(c, xml_root(doc)));
}

void
controller_merge(xmlNodePtr node, const struct controller *controller)
{
    xmlNodePtr driver = xml_child(node, "driver");

    for (size_t i = 0; i < NDRIVERS; i++) {
        unsigned n = driver_value(controller, i);

        if (n && !driver)
            driver = xml_add(node, "driver", NULL);
        if (driver)
            xmlUnsetProp(driver, BAD_CAST drivers[i].name);
        if (n)
            xml_set_int(driver, drivers[i].name, n);
    }
    if (driver && !driver->properties)
        xml_remove(driver);
}

char *
controller_mismatch(const struct controller *want,
                    const struct controller *seen)
{
    for (size_t i = 0; i < NDRIVERS; i++)
        if (driver_value(want, i) != driver_value(seen, i))
            return mem_printf("%s is %u, not %u", drivers[i].name,
                              driver_value(seen, i), driver_value(want, i));
    return NULL;
}

static void
copy_attr(xmlNodePtr node, const char *name, char *out, size_t size)
{
    CLEANUP_FREE char *text = xml_attr(node, name);

    snprintf(out, size, "%s", text ? text : "");
}

static unsigned
bounded(xmlNodePtr node, const char *name)
{
    int64_t n = xml_attr_int(node, name, 0);

    return n >= 0 && n <= UINT32_MAX ? (unsigned)n : 0;
}

void
controller_from_xml(xmlNodePtr node, struct controller *out)
{
    xmlNodePtr driver = xml_child(node, "driver");

    *out = (struct controller){.index = bounded(node, "index")};
    copy_attr(node, "type", out->type, sizeof(out->type));
    copy_attr(node, "model", out->model, sizeof(out->model));
    copy_attr(xml_child(node, "alias"), "name", out->alias, sizeof(out->alias));
    for (size_t i = 0; i < NDRIVERS; i++)
        *driver_of(out, i) = bounded(driver, drivers[i].name);
    address_from_xml(node, &out->address);
    out->multifunction =
        xml_attr_is(xml_child(node, "address"), "multifunction", "on");
}

bool
controller_is_virtio_scsi(const struct controller *c)
{
    return strcmp(c->type, "scsi") == 0 &&
           (strcmp(c->model, "virtio-scsi") == 0 ||
            strcmp(c->model, "virtio-transitional") == 0 ||
            strcmp(c->model, "virtio-non-transitional") == 0);
}
