// SPDX-License-Identifier: Apache-2.0
/*
 * Where a disk goes: the controller it uses, its address, its target name.
 * What a disk had once is kept; what it asks for is checked against what is
 * taken; the rest is allocated. Pure.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/controller_plan.h"
#include "agent/plan/disk_plan.h"

/* The view that decides what is possible now. */
static const struct domain *
main_view(const struct known *known)
{
    return known->vm->active ? known->vm->live : known->vm->config;
}

/* Held by another than this disk itself (under any of its names). */
static const char *
other_owner(const struct address_pool *pool, const struct disk *disk,
            const struct address *address)
{
    const char *owner = address_pool_owner(pool, disk_bus(disk), address);

    if (!owner || (disk->alias && !strcmp(owner, disk->alias)) ||
        (disk->target && !strcmp(owner, disk->target)))
        return NULL;
    return owner;
}

static int
place_pci(const struct known *known, struct disk *disk,
          const struct address_pool *pool, struct err *err)
{
    return domain_free_pci(main_view(known), pool, &disk->address, err);
}

static int
place_address(const struct known *known, struct disk *disk,
              const struct address_pool *pool, unsigned controller,
              struct err *err)
{
    char text[32];
    const char *owner;

    if (disk->address.type == ADDRESS_NONE)
        return disk->interface == DISK_VIRTIO
                   ? place_pci(known, disk, pool, err)
                   : address_pool_drive(pool, disk_bus(disk), controller,
                                        &disk->address, err);
    owner = other_owner(pool, disk, &disk->address);
    if (!owner)
        return 0;
    address_text(&disk->address, text);
    return err_set(err, ERR_EXISTS,
                   "address: %s of VM \"%s\" is taken by %s; leave address "
                   "out to have a free one allocated",
                   text, known->vm->record.name, owner);
}

static void
place_target(const struct known *known, struct disk *disk)
{
    const struct domain *views[] = {known->vm->live, known->vm->config};
    size_t n = 0, max = known->ndevices;
    char name[16];
    CLEANUP_FREE const char **taken = NULL;

    for (size_t v = 0; v < 2; v++)
        max += views[v] ? views[v]->ndisks : 0;
    taken = mem_zalloc(max + 1, sizeof(*taken));
    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; views[v] && i < views[v]->ndisks; i++)
            taken[n++] = views[v]->disks[i]->target;
    for (size_t i = 0; i < known->ndevices; i++)
        if (known->devices[i]->disk)
            taken[n++] = known->devices[i]->disk->target;
    disk_target_pick(disk->interface, taken, n, name);
    disk->target = mem_dup(name);
}

static int
check_machine(const struct known *known, const struct disk *disk,
              struct err *err)
{
    bool q35 = domain_is_q35(main_view(known));

    if (disk->interface == DISK_IDE && q35)
        return err_param(err, ERR_INVALID, "interface", "ide",
                         "sata or virtio_scsi: a q35 VM has no IDE bus");
    if (disk->interface == DISK_SATA && !q35)
        return err_param(err, ERR_INVALID, "interface", "sata",
                         "ide or virtio_scsi: an i440fx VM has no SATA bus");
    return 0;
}

static int
check_unit(const struct known *known, const struct disk *disk, struct err *err)
{
    unsigned max = vm_os_unit_max(known->vm->record.guest_os);
    char text[32];

    if (disk->address.type != ADDRESS_DRIVE || disk->address.drive.unit <= max)
        return 0;
    snprintf(text, sizeof(text), "%u", disk->address.drive.unit);
    return err_param(err, ERR_INVALID, "address.unit", text,
                     "0..254: a Windows guest sees no LUN above that");
}

int
disk_plan_place(const struct known *known, struct disk *disk,
                struct controller *controller, struct err *err)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool =
        known_addresses(known, disk->id);

    controller->index = UINT_MAX;
    if (check_machine(known, disk, err) < 0)
        return -1;
    if (disk->interface == DISK_VIRTIO_SCSI &&
        (controller_plan_choose(known, disk, pool, controller, err) < 0 ||
         check_unit(known, disk, err) < 0))
        return -1;
    if (place_address(known, disk, pool,
                      controller->index == UINT_MAX ? 0 : controller->index,
                      err) < 0)
        return -1;
    if (!disk->target)
        place_target(known, disk);
    return 0;
}
