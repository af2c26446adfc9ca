// SPDX-License-Identifier: Apache-2.0
/*
 * Where the devices of an engine's domain go. In this order: controllers get
 * their index, and by it what the host knows of them; PCI addresses are
 * settled; targets; drive addresses; then the metadata follow the targets.
 * Of two that want one place, the one keeps it that had it before.
 */
#include "agent/spec/engine.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/engine_scsi.h"
#include "agent/spec/ovirt.h"

/* One device with a place of its own. */
struct device {
    xmlNodePtr node;
    struct disk *disk;  /* owned; NULL: no disk */
    char what[96];      /* for the pool and for warnings */
    struct address had; /* from earlier; NONE: not known */
};

struct place {
    struct engine_domain *domain;
    const struct engine_known *known;
    xmlNodePtr devices;
    struct address_pool *pool;
    struct device *list;
    size_t n;
    bool q35;
    unsigned ports; /* highest bus behind a root port */
};

static void
place_clear(struct place *place)
{
    for (size_t i = 0; i < place->n; i++)
        disk_free(place->list[i].disk);
    free(place->list);
    address_pool_free(place->pool);
}

static void
set_address(struct device *device, const struct address *address)
{
    xmlNodePtr old = xml_child(device->node, "address");
    bool many = xml_attr_is(old, "multifunction", "on");

    if (old)
        xml_remove(old);
    address_to_xml(device->node, address, many);
    if (device->disk)
        device->disk->address = *address;
}

/* --- who is there --------------------------------------------------------- */

static const struct disk *
known_disk(const struct place *place, const struct disk *disk)
{
    for (size_t i = 0; i < place->known->ndisks; i++)
        if (strcmp(place->known->disks[i]->id, disk->id) == 0)
            return place->known->disks[i];
    return NULL;
}

static void
describe(struct device *device)
{
    CLEANUP_FREE char *alias =
        xml_attr(xml_child(device->node, "alias"), "name");

    snprintf(device->what, sizeof(device->what), "%s",
             alias ? alias : (const char *)device->node->name);
}

static void
add_device(struct place *place, xmlNodePtr node)
{
    struct device *device;

    place->list = mem_more(place->list, place->n, sizeof(*place->list));
    device = &place->list[place->n++];
    device->node = node;
    if (xml_is(node, "disk")) {
        const struct disk *known;

        device->disk = engine_disk_read(node);
        known = known_disk(place, device->disk);
        if (known && known->interface == device->disk->interface)
            device->had = known->address;
    }
    if (xml_is(node, "controller"))
        device->had = engine_scsi_had(node, place->known);
    describe(device);
}

static void
count_port(struct place *place, xmlNodePtr node, unsigned *unnamed)
{
    int64_t index = xml_attr_int(node, "index", -1);

    if (!xml_attr_is(node, "type", "pci"))
        return;
    if (xml_attr_is(node, "model", "pcie-root"))
        place->q35 = true;
    if (!xml_attr_is(node, "model", "pcie-root-port"))
        return;
    ++*unnamed;
    if (index > place->ports && index <= UINT_MAX)
        place->ports = (unsigned)index;
}

static void
gather(struct place *place)
{
    xmlNodePtr node = xml_child(place->devices, NULL);
    unsigned ports = 0;

    for (; node; node = xml_next(node, NULL)) {
        add_device(place, node);
        if (xml_is(node, "controller"))
            count_port(place, node, &ports);
    }
    if (ports > place->ports)
        place->ports = ports; /* libvirt numbers them from 1 */
}

/* --- PCI ------------------------------------------------------------------ */

/* Whether a place of an earlier run exists on this machine, too. */
static bool
pci_exists(const struct place *place, const struct address *a)
{
    if (a->type != ADDRESS_PCI || a->pci.domain)
        return false;
    if (a->pci.bus == 0)
        return true;
    return place->q35 && a->pci.bus <= place->ports && a->pci.slot == 0;
}

/* Drives are numbered by bus; a host's SCSI device sits among the disks. */
static const char *
space_of(const struct device *device)
{
    return device->disk ? disk_bus(device->disk) : "scsi";
}

static void
take(struct place *place, const struct device *device,
     const struct address *address)
{
    address_pool_take(place->pool, space_of(device), address, device->what);
}

static const char *
owner_of(const struct place *place, const struct device *device,
         const struct address *address)
{
    return address_pool_owner(place->pool, space_of(device), address);
}

/* What asks for a place: those that had it before come first. */
static void
take_sent(struct place *place, enum address_type type, bool known_first)
{
    for (size_t i = 0; i < place->n; i++) {
        struct device *device = &place->list[i];
        struct address sent;
        const char *owner;
        char text[32];

        address_from_xml(device->node, &sent);
        if (sent.type != type ||
            known_first != address_equal(&sent, &device->had))
            continue;
        owner = owner_of(place, device, &sent);
        if (!owner) {
            take(place, device, &sent);
            continue;
        }
        address_text(&sent, text);
        engine_warn(place->domain->warnings,
                    "%s asks for the address %s, which %s has: it gets "
                    "another",
                    device->what, text, owner);
        set_address(device, &(struct address){.type = ADDRESS_NONE});
    }
}

static bool
has_address(const struct device *device)
{
    struct address now;

    address_from_xml(device->node, &now);
    return now.type != ADDRESS_NONE || xml_child(device->node, "address");
}

/* What comes without an address gets the one that it had. */
static void
give_known(struct place *place, enum address_type type)
{
    for (size_t i = 0; i < place->n; i++) {
        struct device *device = &place->list[i];

        if (device->had.type != type || has_address(device) ||
            owner_of(place, device, &device->had) ||
            (type == ADDRESS_PCI && !pci_exists(place, &device->had)))
            continue;
        set_address(device, &device->had);
        take(place, device, &device->had);
    }
}

static void
settle_pci(struct place *place)
{
    take_sent(place, ADDRESS_PCI, true);
    take_sent(place, ADDRESS_PCI, false);
    give_known(place, ADDRESS_PCI);
}

/* --- targets -------------------------------------------------------------- */

static bool
is_target_taken(const struct place *place, size_t upto, const char *target)
{
    for (size_t i = 0; i < upto; i++)
        if (place->list[i].disk && place->list[i].disk->target &&
            strcmp(place->list[i].disk->target, target) == 0)
            return true;
    return false;
}

/* The entry of the disk that gives up its target: the one with its id. */
static void
rename_meta(const struct place *place, const struct disk *disk,
            const char *from, const char *to)
{
    xmlNodePtr vm =
        ovirt_find(xml_root(place->domain->doc), OVIRT_VM_URI);
    xmlNodePtr entry = xml_child(vm, "device"), found = NULL;

    for (; entry; entry = xml_next(entry, "device")) {
        CLEANUP_FREE char *image = ovirt_get(entry, "imageID");

        if (!xml_attr_is(entry, "devtype", "disk") ||
            !xml_attr_is(entry, "name", from))
            continue;
        if (image && strcmp(image, disk->id) == 0) {
            xml_set(entry, "name", to);
            return;
        }
        found = entry;
    }
    if (found && found != ovirt_device(vm, "disk", "name", from))
        xml_set(found, "name", to);
}

static void
retarget(struct place *place, size_t i)
{
    struct disk *disk = place->list[i].disk;
    CLEANUP_FREE const char **taken = mem_zalloc(place->n + 1, sizeof(*taken));
    CLEANUP_FREE char *from = STEAL(disk->target);
    char name[16];

    for (size_t k = 0; k < place->n; k++)
        taken[k] = place->list[k].disk ? place->list[k].disk->target : NULL;
    taken[place->n] = from;
    disk_target_pick(disk->interface, taken, place->n + 1, name);
    disk->target = mem_dup(name);
    xml_set(xml_child(place->list[i].node, "target"), "dev", name);
    if (!from)
        return;
    rename_meta(place, disk, from, name);
    engine_warn(place->domain->warnings,
                "%s asks for the target %s, which another disk has: it is %s",
                place->list[i].what, from, name);
}

static void
settle_targets(struct place *place)
{
    for (size_t i = 0; i < place->n; i++) {
        struct disk *disk = place->list[i].disk;

        if (disk && (!disk->target || is_target_taken(place, i, disk->target)))
            retarget(place, i);
    }
}

/* --- drives --------------------------------------------------------------- */

/* What QEMU cannot have is as good as not sent. */
static void
drop_impossible(struct place *place)
{
    for (size_t i = 0; i < place->n; i++) {
        struct device *device = &place->list[i];
        const struct address *a;

        if (!device->disk || device->disk->address.type != ADDRESS_DRIVE)
            continue;
        a = &device->disk->address;
        if (a->drive.controller <= ADDRESS_CONTROLLER_MAX &&
            a->drive.target <= ADDRESS_TARGET_MAX &&
            a->drive.unit <= ADDRESS_UNIT_MAX)
            continue;
        engine_warn(place->domain->warnings,
                    "%s asks for an address that no drive can have: it gets "
                    "another",
                    device->what);
        set_address(device, &(struct address){.type = ADDRESS_NONE});
    }
}

/* The place that libvirt would read out of the target's name. */
static struct address
natural(const struct disk *disk)
{
    struct address a = {.type = ADDRESS_DRIVE};
    bool ide = disk->interface == DISK_IDE;
    unsigned per = ide ? 4 : 6, i = 0;
    char name[16] = "";

    for (; i < 100 && strcmp(name, disk->target) != 0; i++)
        disk_target_name(disk->interface, i, name);
    i = i ? i - 1 : 0;
    a.drive.controller = i / per;
    a.drive.bus = ide ? i % per / 2 : 0;
    a.drive.unit = ide ? i % 2 : i % per;
    return a;
}

static int
give_drive(struct place *place, struct device *device, struct err *err)
{
    struct disk *disk = device->disk;
    bool scsi = disk->interface == DISK_VIRTIO_SCSI;
    struct address a = natural(disk);
    unsigned controller = scsi ? engine_scsi_lowest(place->devices) : 0;

    if ((scsi || a.drive.controller || owner_of(place, device, &a)) &&
        address_pool_drive(place->pool, disk_bus(disk), controller, &a, err) <
            0)
        return -1;
    set_address(device, &a);
    take(place, device, &a);
    return 0;
}

static int
settle_drives(struct place *place, struct err *err)
{
    drop_impossible(place);
    take_sent(place, ADDRESS_DRIVE, true);
    take_sent(place, ADDRESS_DRIVE, false);
    give_known(place, ADDRESS_DRIVE);
    for (size_t i = 0; i < place->n; i++) {
        struct disk *disk = place->list[i].disk;

        if (disk && disk->interface != DISK_VIRTIO &&
            disk->interface != DISK_OTHER_BUS && !has_address(&place->list[i]) &&
            give_drive(place, &place->list[i], err) < 0)
            return -1;
    }
    return 0;
}

/* A controller that disks need and the engine forgot: libvirt would make one
 * of a model that nobody wants. */
static void
add_missing(struct place *place)
{
    for (size_t i = 0; i < place->n; i++) {
        const struct disk *disk = place->list[i].disk;

        if (disk && disk->interface == DISK_VIRTIO_SCSI &&
            engine_scsi_add(place->devices, disk->address.drive.controller))
            engine_warn(place->domain->warnings,
                        "%s is on SCSI controller %u, which the domain lacks: "
                        "it is added",
                        place->list[i].what, disk->address.drive.controller);
    }
}

int
engine_place(struct engine_domain *domain, const struct engine_known *known,
             struct err *err)
{
    CLEANUP(place_clear) struct place place = {
        .domain = domain,
        .known = known,
        .devices = xml_child(xml_root(domain->doc), "devices"),
        .pool = address_pool_new(),
    };

    engine_scsi_settle(place.devices, known, domain->warnings);
    gather(&place);
    settle_pci(&place);
    settle_targets(&place);
    if (settle_drives(&place, err) < 0)
        return -1;
    add_missing(&place);
    return 0;
}
