// SPDX-License-Identifier: Apache-2.0
/*
 * Trees as libvirt would keep them. Errors are worded and mapped as the real
 * backend's are after hyper/virt_error.c, so that a test of a plan sees the
 * same kinds here and there.
 */
#include "agent/hyper/fake_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

static xmlNodePtr
devices_of(xmlDocPtr doc)
{
    xmlNodePtr devices = xml_child(xml_root(doc), "devices");

    return devices ? devices : xml_add(xml_root(doc), "devices", NULL);
}

/* --- what must be unique -------------------------------------------------- */

static char *
alias_key(xmlNodePtr device)
{
    return xml_attr(xml_child(device, "alias"), "name");
}

static char *
target_key(xmlNodePtr device)
{
    return xml_is(device, "disk") ? xml_attr(xml_child(device, "target"), "dev")
                                  : NULL;
}

static char *
controller_key(xmlNodePtr device)
{
    CLEANUP_FREE char *type = NULL;
    CLEANUP_FREE char *index = NULL;

    if (!xml_is(device, "controller"))
        return NULL;
    type = xml_attr(device, "type");
    index = xml_attr(device, "index");
    return type && index ? mem_printf("%s:%s", type, index) : NULL;
}

static char *
address_key(xmlNodePtr device)
{
    xmlNodePtr address = xml_child(device, "address");
    CLEANUP_FREE char *bus = NULL;

    if (xml_attr_is(address, "type", "pci"))
        return mem_printf("PCI %" PRId64 ":%" PRId64 ":%" PRId64 ".%" PRId64,
                          xml_attr_int(address, "domain", 0),
                          xml_attr_int(address, "bus", 0),
                          xml_attr_int(address, "slot", 0),
                          xml_attr_int(address, "function", 0));
    if (!xml_attr_is(address, "type", "drive"))
        return NULL;
    bus = xml_attr(xml_child(device, "target"), "bus");
    return mem_printf("%s %" PRId64 ":%" PRId64 ":%" PRId64 ":%" PRId64,
                      bus ? bus : "drive",
                      xml_attr_int(address, "controller", 0),
                      xml_attr_int(address, "bus", 0),
                      xml_attr_int(address, "target", 0),
                      xml_attr_int(address, "unit", 0));
}

struct unique {
    char *(*key)(xmlNodePtr device);
    const char *what;
};

static const struct unique uniques[] = {
    {alias_key, "The alias"},
    {target_key, "The target"},
    {controller_key, "The controller"},
    {address_key, "The address"},
};

static int
check_one(xmlNodePtr device, const struct unique *unique, struct err *err)
{
    CLEANUP_FREE char *mine = unique->key(device);
    xmlNodePtr other = mine ? xml_child(device->parent, NULL) : NULL;

    for (; other; other = xml_next(other, NULL)) {
        CLEANUP_FREE char *theirs = other == device ? NULL : unique->key(other);

        if (theirs && strcmp(mine, theirs) == 0)
            return err_set(err, ERR_EXISTS, "%s '%s' is in use by a %s",
                           unique->what, mine, (const char *)other->name);
    }
    return 0;
}

static int
check_unique(xmlNodePtr device, struct err *err)
{
    for (size_t i = 0; i < sizeof(uniques) / sizeof(uniques[0]); i++)
        if (check_one(device, &uniques[i], err) < 0)
            return -1;
    return 0;
}

/* --- controllers that libvirt adds by itself ------------------------------ */

static bool
has_scsi_controller(xmlNodePtr devices, int64_t index)
{
    xmlNodePtr c = xml_child(devices, "controller");

    for (; c; c = xml_next(c, "controller"))
        if (xml_attr_is(c, "type", "scsi") &&
            xml_attr_int(c, "index", -1) == index)
            return true;
    return false;
}

static void
add_scsi_controller(xmlNodePtr devices, int64_t index)
{
    xmlNodePtr c = xml_add(devices, "controller", NULL);

    xml_set(c, "type", "scsi");
    xml_set_int(c, "index", index);
    xml_set(c, "model", "lsilogic");
}

void
fake_tree_stray_controller(xmlDocPtr live)
{
    xmlNodePtr devices = devices_of(live);
    int64_t index = 0;

    while (has_scsi_controller(devices, index))
        index++;
    add_scsi_controller(devices, index);
}

static void
add_missing_controllers(xmlNodePtr disk)
{
    xmlNodePtr address = xml_child(disk, "address");
    int64_t last = xml_attr_int(address, "controller", 0);

    if (!xml_is(disk, "disk") ||
        !xml_attr_is(xml_child(disk, "target"), "bus", "scsi"))
        return;
    for (int64_t i = 0; i <= last && i < 256; i++)
        if (!has_scsi_controller(disk->parent, i))
            add_scsi_controller(disk->parent, i);
}

/* --- definitions ---------------------------------------------------------- */

static int
identify(xmlNodePtr root, char uuid[UUID_TEXT], char name[256],
         struct err *err)
{
    CLEANUP_FREE char *given = xml_content(xml_child(root, "uuid"));
    CLEANUP_FREE char *called = xml_content(xml_child(root, "name"));

    if (!xml_is(root, "domain"))
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The definition's root is '%s', not 'domain'",
                       (const char *)root->name);
    if (!called || !*called || strlen(called) > 255)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The definition has no name, or an overlong one");
    strcpy(name, called);
    if (!given) {
        uuid_new(uuid);
        xml_add(root, "uuid", uuid);
    } else if (!uuid_canon(given, uuid)) {
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The definition's uuid '%s' is none", given);
    }
    return 0;
}

static void
drop_alias(xmlNodePtr device)
{
    CLEANUP_FREE char *alias = alias_key(device);

    if (alias && strncmp(alias, "ua-", 3) != 0)
        xml_remove(xml_child(device, "alias"));
}

xmlDocPtr
fake_tree_define(const char *xml, char uuid[UUID_TEXT], char name[256],
                 struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    xmlNodePtr device;

    if (!doc || identify(xml_root(doc), uuid, name, err) < 0)
        return NULL;
    for (device = xml_child(devices_of(doc), NULL); device;
         device = xml_next(device, NULL)) {
        drop_alias(device);
        if (check_unique(device, err) < 0)
            return NULL;
        add_missing_controllers(device);
    }
    return STEAL(doc);
}

xmlDocPtr
fake_tree_start(xmlDocPtr config, int id)
{
    CLEANUP_FREE char *text = xml_text(xml_root(config));
    xmlDocPtr live = xml_parse(text, strlen(text), NULL);

    if (!live)
        abort();
    xml_set_int(xml_root(live), "id", id);
    return live;
}

/* --- devices -------------------------------------------------------------- */

xmlNodePtr
fake_tree_by_alias(xmlDocPtr doc, const char *alias, struct err *err)
{
    xmlNodePtr device = xml_child(devices_of(doc), NULL);

    for (; device; device = xml_next(device, NULL))
        if (xml_attr_is(xml_child(device, "alias"), "name", alias))
            return device;
    err_set(err, ERR_NOT_FOUND, "The VM has no device with alias '%s'", alias);
    return NULL;
}

xmlNodePtr
fake_tree_by_target(xmlDocPtr doc, const char *target, struct err *err)
{
    xmlNodePtr disk = xml_child(devices_of(doc), "disk");

    for (; disk; disk = xml_next(disk, "disk"))
        if (xml_attr_is(xml_child(disk, "target"), "dev", target))
            return disk;
    err_set(err, ERR_NOT_FOUND, "The VM has no disk with target '%s'", target);
    return NULL;
}

int
fake_tree_attach(xmlDocPtr live, const char *xml, bool wrong_address,
                 char alias[128], struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    CLEANUP_FREE char *key = NULL;
    xmlNodePtr device, address;

    if (!doc)
        return -1;
    device = xml_copy_into(devices_of(live), xml_root(doc));
    address = xml_child(device, "address");
    if (check_unique(device, err) < 0) {
        xml_remove(device);
        return -1;
    }
    if (wrong_address && address)
        xml_set_int(address, "unit", xml_attr_int(address, "unit", 0) + 1);
    add_missing_controllers(device);
    key = alias_key(device);
    snprintf(alias, 128, "%s", key ? key : "");
    return 0;
}

static char *
source_text(xmlNodePtr disk)
{
    xmlNodePtr source = xml_child(disk, "source");

    return source ? xml_text(source) : mem_dup("");
}

/* Alias and address of a disk are the place where it is: they stay. */
static void
keep_place(xmlNodePtr from, xmlNodePtr to)
{
    static const char *const parts[] = {"alias", "address"};

    for (size_t i = 0; i < 2; i++)
        if (xml_child(from, parts[i]) && !xml_child(to, parts[i]))
            xml_copy_into(to, xml_child(from, parts[i]));
}

static xmlNodePtr
same_graphics(xmlDocPtr live, xmlNodePtr fresh)
{
    CLEANUP_FREE char *type = xml_attr(fresh, "type");
    xmlNodePtr node = xml_child(devices_of(live), "graphics");

    while (node && (!type || !xml_attr_is(node, "type", type)))
        node = xml_next(node, "graphics");
    return node;
}

/* A password is not shown again. */
static int
update_other(xmlDocPtr live, xmlNodePtr fresh, struct err *err)
{
    CLEANUP_FREE char *alias = alias_key(fresh);
    xmlNodePtr old = xml_is(fresh, "graphics")
                         ? same_graphics(live, fresh)
                         : fake_tree_by_alias(live, alias ? alias : "", err);
    xmlNodePtr copy;

    if (!old)
        return err_set(err, ERR_NOT_FOUND, "The VM has no such %s",
                       (const char *)fresh->name);
    copy = xml_copy_into(old->parent, fresh);
    keep_place(old, copy);
    xmlUnsetProp(copy, BAD_CAST "passwd");
    xml_remove(old);
    return 0;
}

int
fake_tree_update(xmlDocPtr live, const char *xml, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    CLEANUP_FREE char *target = NULL;
    CLEANUP_FREE char *before = NULL;
    CLEANUP_FREE char *after = NULL;
    xmlNodePtr old, disk;

    if (!doc)
        return -1;
    if (!xml_is(xml_root(doc), "disk"))
        return update_other(live, xml_root(doc), err);
    target = xml_attr(xml_child(xml_root(doc), "target"), "dev");
    old = fake_tree_by_target(live, target ? target : "", err);
    if (!old)
        return -1;
    before = source_text(old);
    after = source_text(xml_root(doc));
    if (!xml_attr_is(old, "device", "cdrom") && strcmp(before, after) != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "The source of disk '%s' cannot change while it is "
                       "plugged",
                       target);
    disk = xml_copy_into(old->parent, xml_root(doc));
    keep_place(old, disk);
    xml_remove(old);
    return 0;
}

/* --- single values -------------------------------------------------------- */

static xmlNodePtr
set_text(xmlNodePtr parent, const char *name, const char *text)
{
    xmlNodePtr old = xml_child(parent, name);

    if (old)
        xml_remove(old);
    return text ? xml_add(parent, name, text) : NULL;
}

void
fake_tree_iotune(xmlNodePtr disk, const struct hyper_tune *tune, size_t n)
{
    xmlNodePtr iotune = xml_child(disk, "iotune");

    if (!iotune)
        iotune = xml_add(disk, "iotune", NULL);
    for (size_t i = 0; i < n; i++) {
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, tune[i].value);
        set_text(iotune, tune[i].name, tune[i].value ? text : NULL);
    }
    if (!xml_child(iotune, NULL))
        xml_remove(iotune);
}

void
fake_tree_memory(xmlDocPtr config, uint64_t bytes)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, bytes / 1024);
    xml_set(set_text(xml_root(config), "memory", text), "unit", "KiB");
    xml_set(set_text(xml_root(config), "currentMemory", text), "unit", "KiB");
}

void
fake_tree_vcpus(xmlDocPtr config, unsigned count)
{
    char text[24];

    snprintf(text, sizeof(text), "%u", count);
    set_text(xml_root(config), "vcpu", text);
}

void
fake_tree_live_vcpus(xmlDocPtr live, unsigned count)
{
    xmlNodePtr vcpu = xml_child(xml_root(live), "vcpu");

    if (vcpu)
        xml_set_int(vcpu, "current", count);
    else
        fake_tree_vcpus(live, count);
}

/* --- what begins to run --------------------------------------------------- */

/* On a bus of its own behind nothing in particular: tests look only at
 * whether there is one, and that it stays. */
void
fake_tree_place(xmlDocPtr live)
{
    static const char *const elements[] = {"controller", "disk", "interface"};
    unsigned slot = 16;

    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        xmlNodePtr node = xml_child(devices_of(live), elements[i]);

        for (; node; node = xml_next(node, elements[i])) {
            bool scsi = xml_attr_is(node, "type", "scsi");
            bool virtio =
                xml_attr_is(xml_child(node, "target"), "bus", "virtio");
            xmlNodePtr address;

            if (xml_child(node, "address") ||
                !(scsi || virtio || xml_is(node, "interface")))
                continue;
            address = xml_add(node, "address", NULL);
            xml_set(address, "type", "pci");
            xml_set(address, "domain", "0x0000");
            xml_set(address, "bus", "0x00");
            xml_set_hex(address, "slot", slot++, 2);
            xml_set(address, "function", "0x0");
        }
    }
}

/* --- metadata ------------------------------------------------------------- */

static void
give_namespace(xmlNodePtr node, xmlNsPtr ns)
{
    xmlSetNs(node, ns);
    for (xmlNodePtr child = xml_child(node, NULL); child;
         child = xml_next(child, NULL))
        give_namespace(child, ns);
}

static xmlNodePtr
metadata_of(xmlNodePtr all, const char *uri)
{
    xmlNodePtr node = xml_child(all, NULL);

    while (node && !(node->ns && xmlStrEqual(node->ns->href, BAD_CAST uri)))
        node = xml_next(node, NULL);
    return node;
}

int
fake_tree_metadata(xmlDocPtr live, const struct hyper_metadata *metadata,
                   struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = NULL;
    xmlNodePtr all = xml_child(xml_root(live), "metadata");
    xmlNodePtr old = metadata_of(all, metadata->uri), fresh;

    if (metadata->text &&
        !(doc = xml_parse(metadata->text, strlen(metadata->text), err)))
        return -1;
    if (old)
        xml_remove(old);
    if (!doc)
        return 0;
    if (!all)
        all = xml_add(xml_root(live), "metadata", NULL);
    fresh = xml_copy_into(all, xml_root(doc));
    give_namespace(fresh, xmlNewNs(fresh, BAD_CAST metadata->uri,
                                   BAD_CAST metadata->prefix));
    return 0;
}

/* --- I/O threads ---------------------------------------------------------- */

/* <iothreadids> with all numbers, where the definition had only a count. */
static xmlNodePtr
iothread_ids(xmlNodePtr root)
{
    xmlNodePtr ids = xml_child(root, "iothreadids");
    CLEANUP_FREE char *count = xml_content(xml_child(root, "iothreads"));

    if (ids)
        return ids;
    ids = xml_add(root, "iothreadids", NULL);
    for (int i = 1; count && i <= atoi(count); i++)
        xml_set_int(xml_add(ids, "iothread", NULL), "id", i);
    return ids;
}

static bool
is_on_iothread(xmlDocPtr live, unsigned id)
{
    xmlNodePtr node = xml_child(devices_of(live), "controller");

    for (; node; node = xml_next(node, "controller"))
        if (xml_attr_int(xml_child(node, "driver"), "iothread", 0) == id)
            return true;
    return false;
}

static void
count_iothreads(xmlNodePtr root, xmlNodePtr ids)
{
    xmlNodePtr count = xml_child(root, "iothreads");
    char text[24];

    snprintf(text, sizeof(text), "%lu", xmlChildElementCount(ids));
    if (!count)
        count = xml_add(root, "iothreads", NULL);
    xmlNodeSetContent(count, BAD_CAST text);
}

int
fake_tree_iothread(xmlDocPtr live, unsigned id, bool add, struct err *err)
{
    xmlNodePtr ids = iothread_ids(xml_root(live));
    xmlNodePtr node = xml_child(ids, "iothread");

    while (node && xml_attr_int(node, "id", 0) != id)
        node = xml_next(node, "iothread");
    if (add == (node != NULL))
        return err_set(err, add ? ERR_EXISTS : ERR_NOT_FOUND,
                       "An IOThread is already using iothread_id '%u', or "
                       "none is",
                       id);
    if (!add && is_on_iothread(live, id))
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "cannot remove IOThread %u since it is being used by a "
                       "controller",
                       id);
    if (add)
        xml_set_int(xml_add(ids, "iothread", NULL), "id", id);
    else
        xml_remove(node);
    count_iothreads(xml_root(live), ids);
    return 0;
}
