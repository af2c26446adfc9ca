// SPDX-License-Identifier: Apache-2.0
/*
 * From libvirt's domain XML to struct domain: one walk over the devices, a
 * row per element that we know. Any element with a PCI address is noted,
 * known or not, since it holds a place that we must not give away.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/domain.h"
#include "agent/spec/ovirt.h"
#include "agent/spec/ovirt_view.h"

#define IOTHREADS_MAX 1000 /* what is read of a foreign XML */

static char *
text_at(xmlNodePtr root, const char *path)
{
    return xml_content(xml_path(root, path));
}

/* A number in an element's content; 0 when absent, bad or too big. */
static uint64_t
number_of(xmlNodePtr node)
{
    CLEANUP_FREE char *text = xml_content(node);
    const char *start = text ? text + strspn(text, " \t\r\n") : "";
    char *end;
    uint64_t n;

    if (*start < '0' || *start > '9')
        return 0;
    n = strtoull(start, &end, 10);
    return end[strspn(end, " \t\r\n")] == '\0' && n < UINT64_MAX ? n : 0;
}

/* libvirt's scaled integers (domain XML, "Memory Allocation"); KiB when no
 * unit is given. What overflows is as good as unknown: 0. */
static uint64_t
memory_of(xmlNodePtr node)
{
    static const char letters[] = "KMGTPE";
    CLEANUP_FREE char *unit = xml_attr(node, "unit");
    const char *name = unit ? unit : "KiB";
    const char *letter = strchr(letters, *name == 'k' ? 'K' : *name);
    uint64_t bytes = number_of(node);
    uint64_t base = strlen(name) == 2 && name[1] == 'B' ? 1000 : 1024;

    if (strcmp(name, "b") == 0 || strcmp(name, "bytes") == 0)
        return bytes;
    for (; letter && letter >= letters; letter--)
        if (__builtin_mul_overflow(bytes, base, &bytes))
            return 0;
    return bytes;
}

static unsigned
small_number(uint64_t n)
{
    return n <= UINT32_MAX ? (unsigned)n : 0;
}

static void
add_iothread(struct domain *d, unsigned id)
{
    d->iothreads = mem_more(d->iothreads, d->niothreads, sizeof(*d->iothreads));
    d->iothreads[d->niothreads++] = id;
}

/* Those of <iothreadids>; libvirt numbers the rest from 1 on. */
static void
read_iothreads(xmlNodePtr root, struct domain *d)
{
    uint64_t count = number_of(xml_child(root, "iothreads"));
    xmlNodePtr node = xml_path(root, "iothreadids/iothread");

    for (; node && d->niothreads < IOTHREADS_MAX;
         node = xml_next(node, "iothread"))
        add_iothread(d, small_number((uint64_t)xml_attr_int(node, "id", 0)));
    for (unsigned id = 1; d->niothreads < count && id <= IOTHREADS_MAX; id++)
        if (!domain_has_iothread(d, id))
            add_iothread(d, id);
}

static void
read_header(xmlNodePtr root, struct domain *d)
{
    CLEANUP_FREE char *uuid = text_at(root, "uuid");
    xmlNodePtr type = xml_path(root, "os/type");
    xmlNodePtr vcpu = xml_child(root, "vcpu");
    CLEANUP_FREE char *loader_type =
        xml_attr(xml_path(root, "os/loader"), "type");

    if (!uuid || !uuid_canon(uuid, d->uuid))
        d->uuid[0] = '\0';
    d->name = text_at(root, "name");
    d->type = xml_attr(root, "type");
    d->arch = xml_attr(type, "arch");
    d->machine = xml_attr(type, "machine");
    d->memory = memory_of(xml_child(root, "memory"));
    d->vcpus = small_number(
        (uint64_t)xml_attr_int(vcpu, "current", (int64_t)number_of(vcpu)));
    d->vcpus_max = small_number(number_of(vcpu));
    read_iothreads(root, d);
    d->firmware = xml_attr(xml_child(root, "os"), "firmware");
    /* A loader of type pflash is how libvirt spells UEFI when it has chosen
     * the files. */
    if (!d->firmware && loader_type && strcmp(loader_type, "pflash") == 0)
        d->firmware = mem_dup("efi");
    d->kernel = text_at(root, "os/kernel");
    d->initrd = text_at(root, "os/initrd");
    d->cmdline = text_at(root, "os/cmdline");
    d->metadata = xml_content(domain_metadata_find(root));
    d->ovirt = ovirt_text(ovirt_find(root, OVIRT_VM_URI));
    d->qos = ovirt_text(ovirt_find(root, OVIRT_TUNE_URI));
}

static void
read_disk(struct domain *d, xmlNodePtr node)
{
    d->disks = mem_more(d->disks, d->ndisks, sizeof(*d->disks));
    d->disks[d->ndisks++] = disk_from_xml(node);
}

static void
read_controller(struct domain *d, xmlNodePtr node)
{
    d->controllers =
        mem_more(d->controllers, d->ncontrollers, sizeof(*d->controllers));
    controller_from_xml(node, &d->controllers[d->ncontrollers++]);
}

static void
read_nic(struct domain *d, xmlNodePtr node)
{
    xmlNodePtr source = xml_child(node, "source");
    CLEANUP_FREE char *mac = xml_attr(xml_child(node, "mac"), "address");
    CLEANUP_FREE char *alias = xml_attr(xml_child(node, "alias"), "name");
    CLEANUP_FREE char *network = xml_attr(source, "network");
    CLEANUP_FREE char *bridge = xml_attr(source, "bridge");
    CLEANUP_FREE char *model = xml_attr(xml_child(node, "model"), "type");
    json_t *nic = json_object();
    struct address address;
    char id[UUID_TEXT];
    bool ours =
        alias && strncmp(alias, "ua-", 3) == 0 && uuid_canon(alias + 3, id);

    address_from_xml(node, &address);
    json_put_text(nic, "nic_id", ours ? id : NULL);
    json_put_text(nic, "mac", mac);
    json_put_text(nic, "network", network);
    json_put_text(nic, "bridge", bridge);
    json_put_text(nic, "model", model);
    json_put(nic, "address", address_to_json(&address));
    json_array_append_new(d->nics, nic);
}

static void
read_graphics(struct domain *d, xmlNodePtr node)
{
    if (!d->graphics)
        d->graphics = xml_attr(node, "type");
}

static void
read_serial(struct domain *d, xmlNodePtr node)
{
    if (!d->serial_log && xml_attr_is(node, "type", "file"))
        d->serial_log = xml_attr(xml_child(node, "source"), "path");
}

static void
read_other(struct domain *d, xmlNodePtr node)
{
    struct domain_device *device;

    d->devices = mem_more(d->devices, d->ndevices, sizeof(*d->devices));
    device = &d->devices[d->ndevices++];
    snprintf(device->element, sizeof(device->element), "%s",
             (const char *)node->name);
    device->alias = xml_attr(xml_child(node, "alias"), "name");
    device->mac = xml_attr(xml_child(node, "mac"), "address");
    device->xml = xml_text(node);
}

static const struct reader {
    const char *element;
    void (*read)(struct domain *d, xmlNodePtr node);
} readers[] = {
    {"disk", read_disk},     {"controller", read_controller},
    {"interface", read_nic}, {"graphics", read_graphics},
    {"serial", read_serial}, {"interface", read_other},
    {"memory", read_other},  {"graphics", read_other},
};

/* "ua-2b77…", or where nothing names the device: "controller scsi 0", "disk
 * sda", "interface 52:54:…", "video". */
static void
describe(xmlNodePtr node, char *out, size_t size)
{
    const char *element = (const char *)node->name;
    CLEANUP_FREE char *alias = xml_attr(xml_child(node, "alias"), "name");
    CLEANUP_FREE char *type = xml_attr(node, "type");
    CLEANUP_FREE char *target = xml_attr(xml_child(node, "target"), "dev");
    CLEANUP_FREE char *mac = xml_attr(xml_child(node, "mac"), "address");

    if (alias)
        snprintf(out, size, "%s", alias);
    else if (xml_is(node, "controller"))
        snprintf(out, size, "controller %s %u", type ? type : "",
                 (unsigned)xml_attr_int(node, "index", 0));
    else if (xml_is(node, "disk") && target)
        snprintf(out, size, "disk %s", target);
    else if (xml_is(node, "interface") && mac)
        snprintf(out, size, "interface %s", mac);
    else
        snprintf(out, size, "%s", element);
}

static void
read_device(struct domain *d, xmlNodePtr node)
{
    struct domain_pci *pci;
    struct address address;

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (xml_is(node, readers[i].element))
            readers[i].read(d, node);
    address_from_xml(node, &address);
    if (address.type != ADDRESS_PCI)
        return;
    d->pci = mem_more(d->pci, d->npci, sizeof(*d->pci));
    pci = &d->pci[d->npci++];
    pci->address = address;
    describe(node, pci->what, sizeof(pci->what));
}

/* What hands QEMU words of somebody's own stands in a namespace of its own;
 * a <hostdev> of SCSI is a LUN with all its commands. */
static char *
read_privilege(xmlNodePtr root)
{
    xmlNodePtr child = xml_child(root, NULL);
    xmlNodePtr hostdev = xml_path(root, "devices/hostdev");

    for (; child; child = xml_next(child, NULL))
        if (child->ns && !xml_is(child, "capabilities"))
            return mem_printf("%s:%s",
                              child->ns->prefix
                                  ? (const char *)child->ns->prefix
                                  : "",
                              (const char *)child->name);
    for (; hostdev; hostdev = xml_next(hostdev, "hostdev"))
        if (xml_attr_is(hostdev, "type", "scsi") ||
            xml_attr_is(hostdev, "type", "scsi_host"))
            return mem_dup("hostdev scsi");
    return NULL;
}

struct domain *
domain_parse(const char *xml, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    CLEANUP_DOMAIN struct domain *d = NULL;
    xmlNodePtr root;

    if (!doc)
        return NULL;
    root = xml_root(doc);
    if (!xml_is(root, "domain")) {
        err_set(err, ERR_INVALID, "The XML is a <%s>, not a libvirt <domain>",
                (const char *)root->name);
        return NULL;
    }
    d = domain_ref(mem_zalloc(1, sizeof(*d)));
    d->nics = json_array();
    d->view = ovirt_view_make(root);
    read_header(root, d);
    d->privilege = read_privilege(root);
    for (xmlNodePtr node = xml_child(xml_child(root, "devices"), NULL); node;
         node = xml_next(node, NULL))
        read_device(d, node);
    return STEAL(d);
}
