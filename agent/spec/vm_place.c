// SPDX-License-Identifier: Apache-2.0
/*
 * Where everything sits in a new VM. q35: each PCI device has a root port of
 * its own; ports fill slots 2..30 of bus 0, eight functions each, and slot 1
 * last when no video is there. i440fx: slots of bus 0. Then drives, in the
 * order of the wish. What the wish says itself is taken first.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/vm.h"

#define FUNCTIONS 8
#define SLOT_VIDEO_Q35 1
#define SLOT_VIDEO_PC 2
#define SLOT_FIRST 2
#define SLOT_LAST 31
#define SLOT_PORT_LAST 30 /* 31 is the ICH9's: LPC, SATA, SMBus */

/* A device of the wish that needs a PCI address. */
struct user {
    struct address *address; /* borrowed from the VM */
    char param[48];          /* "nics[0].address" */
};

struct place {
    struct vm *vm;
    struct address_pool *pool;
    struct user *users;
    size_t nusers;
};

static void
place_clear(struct place *p)
{
    address_pool_free(p->pool);
    free(p->users);
}

static struct address
pci(unsigned bus, unsigned slot, unsigned function)
{
    struct address a = {.type = ADDRESS_PCI};

    a.pci.bus = bus;
    a.pci.slot = slot;
    a.pci.function = function;
    return a;
}

static void
add_user(struct place *p, struct address *address, const char *list, size_t i)
{
    struct user *user;

    p->users = mem_more(p->users, p->nusers, sizeof(*p->users));
    user = &p->users[p->nusers++];
    user->address = address;
    snprintf(user->param, sizeof(user->param), "%s[%zu].address", list, i);
}

/* In the order in which they get their places. */
static void
list_users(struct place *p)
{
    struct vm *vm = p->vm;

    for (size_t i = 0; i < vm->ncontrollers; i++)
        add_user(p, &vm->controllers[i].address, "controllers", i);
    for (size_t i = 0; i < vm->nnics; i++)
        add_user(p, &vm->nics[i].address, "nics", i);
    for (size_t i = 0; i < vm->ndisks; i++)
        if (vm->disks[i]->interface == DISK_VIRTIO)
            add_user(p, &vm->disks[i]->address, "disks", i);
}

/* All functions of a slot of bus 0. */
static void
take_slot(struct place *p, unsigned slot, const char *owner)
{
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        struct address a = pci(0, slot, f);

        address_pool_take(p->pool, NULL, &a, owner);
    }
}

static bool
slot_held(const struct place *p, unsigned slot)
{
    struct address a = pci(0, slot, 0);

    return address_pool_owner(p->pool, NULL, &a) != NULL;
}

/* What the machine has before any device of ours. */
static void
take_chipset(struct place *p)
{
    bool q35 = vm_is_q35(p->vm);

    take_slot(p, 0, "the host bridge");
    take_slot(p, q35 ? SLOT_LAST : 1, "the chipset");
    if (strcmp(p->vm->graphics, "none") != 0)
        take_slot(p, q35 ? SLOT_VIDEO_Q35 : SLOT_VIDEO_PC, "video");
}

/* --- addresses of the wish ---------------------------------------------- */

static int
refuse(const char *param, const struct address *a, const char *expected,
       struct err *err)
{
    char text[32];

    address_text(a, text);
    return err_param(err, ERR_INVALID, param, text, expected);
}

static int
refuse_held(const char *param, const struct address *a, const char *owner,
            struct err *err)
{
    char expected[128];

    snprintf(expected, sizeof(expected),
             "a free address: this one is held by %s", owner);
    return refuse(param, a, expected, err);
}

static int
take_pci(struct place *p, const struct user *user, struct err *err)
{
    const struct address *a = user->address;
    const char *owner = address_pool_owner(p->pool, NULL, a);
    bool q35 = vm_is_q35(p->vm);

    if (a->type != ADDRESS_PCI)
        return 0;
    if (a->pci.domain || a->pci.function || (a->pci.bus && a->pci.slot) ||
        (a->pci.bus && !q35))
        return refuse(user->param, a,
                      q35 ? "domain 0, function 0, and bus 1..240 with slot 0 "
                            "(behind a root port) or bus 0"
                          : "domain 0, bus 0, slot 2..31, function 0",
                      err);
    if (owner)
        return refuse_held(user->param, a, owner, err);
    if (a->pci.bus)
        address_pool_take(p->pool, NULL, a, user->param);
    else
        take_slot(p, a->pci.slot, user->param);
    return 0;
}

/* --- q35 ---------------------------------------------------------------- */

/* One port per device that is not on bus 0 itself, and the spare ones; at
 * least up to the highest bus that the wish names. */
static unsigned
count_ports(const struct place *p)
{
    size_t devices = 0;
    unsigned highest = 0;

    for (size_t i = 0; i < p->nusers; i++) {
        const struct address *a = p->users[i].address;

        if (a->type == ADDRESS_PCI && a->pci.bus == 0)
            continue;
        devices++;
        if (a->type == ADDRESS_PCI && a->pci.bus > highest)
            highest = a->pci.bus;
    }
    devices += p->vm->spare_root_ports;
    return devices > highest ? (unsigned)devices : highest;
}

static int
make_ports(struct place *p, struct err *err)
{
    struct vm *vm = p->vm;
    unsigned count = count_ports(p);

    free(vm->ports);
    vm->ports = mem_zalloc(count, sizeof(*vm->ports));
    vm->nports = 0;
    for (unsigned i = SLOT_FIRST; i <= SLOT_PORT_LAST + 1; i++) {
        unsigned slot = i <= SLOT_PORT_LAST ? i : SLOT_VIDEO_Q35;

        for (unsigned f = 0;
             f < FUNCTIONS && !slot_held(p, slot) && vm->nports < count; f++) {
            struct controller *port = &vm->ports[vm->nports++];

            controller_init(port, "pci", "pcie-root-port",
                            (unsigned)vm->nports);
            port->address = pci(0, slot, f);
            port->multifunction = f == 0;
        }
    }
    if (vm->nports < count)
        return err_set(err, ERR_NO_FREE_PORT,
                       "%u PCIe root ports are needed (%u of them spare) and "
                       "%zu fit; lower spare_root_ports, or put disks on "
                       "virtio_scsi, which needs no port",
                       count, vm->spare_root_ports, vm->nports);
    return 0;
}

static int
place_q35(struct place *p, struct err *err)
{
    unsigned bus = 1;

    if (make_ports(p, err) < 0)
        return -1;
    /* There are as many ports as devices, so this ends before the last. */
    for (size_t i = 0; i < p->nusers; i++) {
        struct user *user = &p->users[i];
        struct address a;

        if (user->address->type != ADDRESS_NONE)
            continue;
        for (a = pci(bus, 0, 0); address_pool_owner(p->pool, NULL, &a);)
            a = pci(++bus, 0, 0);
        address_pool_take(p->pool, NULL, &a, user->param);
        *user->address = a;
    }
    return 0;
}

/* --- i440fx ------------------------------------------------------------- */

static int
place_pc(struct place *p, struct err *err)
{
    unsigned slot = SLOT_FIRST;

    for (size_t i = 0; i < p->nusers; i++) {
        struct user *user = &p->users[i];

        if (user->address->type != ADDRESS_NONE)
            continue;
        while (slot <= SLOT_LAST && slot_held(p, slot))
            slot++;
        if (slot > SLOT_LAST)
            return err_set(err, ERR_NO_FREE_PORT,
                           "%zu PCI devices do not fit into the slots of a pc "
                           "machine; put disks on virtio_scsi, which needs "
                           "none, or use machine q35",
                           p->nusers);
        take_slot(p, slot, user->param);
        *user->address = pci(0, slot, 0);
    }
    return 0;
}

/* --- drives ------------------------------------------------------------- */

static int
take_drive(struct place *p, size_t i, struct err *err)
{
    const struct disk *disk = p->vm->disks[i];
    const struct address *a = &disk->address;
    const char *owner = address_pool_owner(p->pool, disk_bus(disk), a);
    char param[48];

    if (a->type != ADDRESS_DRIVE)
        return 0;
    snprintf(param, sizeof(param), "disks[%zu].address", i);
    if (disk->interface == DISK_VIRTIO_SCSI &&
        a->drive.controller >= p->vm->ncontrollers)
        return refuse(param, a, "a controller that the VM has", err);
    if (owner)
        return refuse_held(param, a, owner, err);
    address_pool_take(p->pool, disk_bus(disk), a, param);
    return 0;
}

/* The one asked for, the first, or where they are spread the emptiest. */
static unsigned
choose_controller(const struct place *p, const struct disk *disk)
{
    const struct vm *vm = p->vm;
    unsigned best = 0;

    if (disk->interface != DISK_VIRTIO_SCSI)
        return 0;
    if (disk->on_controller)
        return disk->controller;
    for (unsigned c = 1; vm->per_iothread && c < vm->ncontrollers; c++)
        if (address_pool_drives(p->pool, "scsi", c) <
            address_pool_drives(p->pool, "scsi", best))
            best = c;
    return best;
}

static int
give_drive(struct place *p, struct disk *disk, struct err *err)
{
    if (address_pool_drive(p->pool, disk_bus(disk), choose_controller(p, disk),
                           &disk->address, err) < 0)
        return -1;
    address_pool_take(p->pool, disk_bus(disk), &disk->address, disk->id);
    return 0;
}

static int
place_drives(struct place *p, struct err *err)
{
    struct vm *vm = p->vm;

    for (size_t i = 0; i < vm->ndisks; i++)
        if (take_drive(p, i, err) < 0)
            return -1;
    for (size_t i = 0; i < vm->ndisks; i++)
        if (vm->disks[i]->address.type == ADDRESS_NONE &&
            give_drive(p, vm->disks[i], err) < 0)
            return -1;
    return 0;
}

/* scsi and sata share the names sda, sdb, … */
static void
name_targets(struct vm *vm)
{
    unsigned next[DISK_INTERFACES] = {0};

    for (size_t i = 0; i < vm->ndisks; i++) {
        struct disk *disk = vm->disks[i];
        bool sd = disk->interface == DISK_SATA;
        char name[16];

        disk_target_name(disk->interface,
                         next[sd ? DISK_VIRTIO_SCSI : disk->interface]++, name);
        free(disk->target);
        disk->target = mem_dup(name);
    }
}

int
vm_place(struct vm *vm, struct err *err)
{
    CLEANUP(place_clear)
    struct place p = {.vm = vm, .pool = address_pool_new()};

    take_chipset(&p);
    list_users(&p);
    for (size_t i = 0; i < p.nusers; i++)
        if (take_pci(&p, &p.users[i], err) < 0)
            return -1;
    if ((vm_is_q35(vm) ? place_q35(&p, err) : place_pc(&p, err)) < 0)
        return -1;
    if (place_drives(&p, err) < 0)
        return -1;
    name_targets(vm);
    return 0;
}
