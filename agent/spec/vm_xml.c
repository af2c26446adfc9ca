// SPDX-License-Identifier: Apache-2.0
/*
 * The first domain XML of a VM. Every device that libvirt would add or place
 * by itself is written or switched off (USB, balloon, video), so that the
 * ports that are planned to be spare stay so. Disks that are recorded only
 * (plugged: false) are left out; their places are kept.
 */
#include <stdio.h>
#include <string.h>

#include "agent/spec/vm.h"

#define KIB 1024

static void
add_os(const struct vm *vm, xmlNodePtr root)
{
    xmlNodePtr os = xml_add(root, "os", NULL);
    xmlNodePtr type = xml_add(os, "type", "hvm");

    if (strcmp(vm->firmware, "uefi") == 0)
        xml_set(os, "firmware", "efi");
    xml_set(type, "arch", vm->arch);
    xml_set(type, "machine", vm->machine);
    if (vm->kernel)
        xml_add(os, "kernel", vm->kernel);
    if (vm->initrd)
        xml_add(os, "initrd", vm->initrd);
    if (vm->cmdline)
        xml_add(os, "cmdline", vm->cmdline);
}

static void
add_number(xmlNodePtr parent, const char *name, uint64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    xml_add(parent, name, text);
}

static void
add_head(const struct vm *vm, const char *metadata, xmlNodePtr root)
{
    xmlNodePtr features;

    xml_set(root, "type", vm->virt);
    xml_add(root, "name", vm->name);
    xml_add(root, "uuid", vm->id);
    domain_metadata_set(root, metadata);
    add_number(root, "memory", vm->memory / KIB); /* libvirt's unit is KiB */
    add_number(root, "vcpu", vm->vcpus);
    if (vm->iothreads)
        add_number(root, "iothreads", vm->iothreads);
    add_os(vm, root);
    /* Without ACPI a guest cannot hot-plug PCI devices. */
    features = xml_add(root, "features", NULL);
    xml_add(features, "acpi", NULL);
    xml_add(features, "apic", NULL);
    if (strcmp(vm->virt, "kvm") == 0)
        xml_set(xml_add(root, "cpu", NULL), "mode", "host-passthrough");
}

/* The machine's own controllers, where the chipset has them. They are made by
 * QEMU under names of its own: an alias of ours would name a bus that is not
 * there. */
static void
add_builtin(struct controller *c, xmlNodePtr devices)
{
    *c->alias = '\0';
    controller_to_xml(c, devices);
}

static void
add_chipset(const struct vm *vm, xmlNodePtr devices)
{
    bool q35 = vm_is_q35(vm);
    struct controller c;

    controller_init(&c, "pci", q35 ? "pcie-root" : "pci-root", 0);
    add_builtin(&c, devices);
    for (size_t i = 0; i < vm->nports; i++)
        controller_to_xml(&vm->ports[i], devices);
    controller_init(&c, q35 ? "sata" : "ide", "", 0);
    c.address = (struct address){.type = ADDRESS_PCI};
    c.address.pci.slot = q35 ? 0x1f : 1;
    c.address.pci.function = q35 ? 2 : 1;
    add_builtin(&c, devices);
    controller_init(&c, "usb", "none", 0);
    add_builtin(&c, devices);
}

static void
add_serial(const struct vm *vm, xmlNodePtr devices)
{
    xmlNodePtr node = xml_add(devices, "serial", NULL);
    xmlNodePtr source, target;

    xml_set(node, "type", vm->serial_log ? "file" : "pty");
    if (vm->serial_log) {
        source = xml_add(node, "source", NULL);
        xml_set(source, "path", vm->serial_log);
        xml_set(source, "append", "on");
    }
    target = xml_add(node, "target", NULL);
    xml_set(target, "type", "isa-serial");
    xml_set_int(target, "port", 0);
    xml_set(xml_add(node, "alias", NULL), "name", "ua-serial0");
}

static void
add_screen(const struct vm *vm, xmlNodePtr devices)
{
    xmlNodePtr video, graphics, listener;
    struct address a = {.type = ADDRESS_PCI};

    if (strcmp(vm->graphics, "none") == 0)
        return;
    graphics = xml_add(devices, "graphics", NULL);
    xml_set(graphics, "type", vm->graphics);
    xml_set(graphics, "autoport", "yes");
    listener = xml_add(graphics, "listen", NULL);
    xml_set(listener, "type", "address");
    xml_set(listener, "address", "127.0.0.1");
    video = xml_add(devices, "video", NULL);
    xml_set(xml_add(video, "model", NULL), "type", "vga");
    xml_set(xml_add(video, "alias", NULL), "name", "ua-video0");
    a.pci.slot = vm_is_q35(vm) ? 1 : 2; /* where firmware expects it */
    address_to_xml(video, &a, false);
}

char *
vm_xml(const struct vm *vm, const char *metadata)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("domain");
    xmlNodePtr devices;

    add_head(vm, metadata, xml_root(doc));
    devices = xml_add(xml_root(doc), "devices", NULL);
    for (size_t i = 0; i < vm->ndisks; i++)
        if (vm->disks[i]->wanted)
            disk_to_xml(vm->disks[i], devices);
    add_chipset(vm, devices);
    for (size_t i = 0; i < vm->ncontrollers; i++)
        controller_to_xml(&vm->controllers[i], devices);
    for (size_t i = 0; i < vm->nnics; i++)
        vm_nic_to_xml(&vm->nics[i], devices);
    add_serial(vm, devices);
    add_screen(vm, devices);
    xml_set(xml_add(devices, "memballoon", NULL), "model", "none");
    return xml_text(xml_root(doc));
}
