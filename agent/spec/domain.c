// SPDX-License-Identifier: Apache-2.0
/*
 * Questions about a parsed domain: who is where, what is free, what is new.
 * Its life: domain_parse gives one reference; after that it is only read,
 * by any thread that holds a reference; the last domain_unref frees it.
 */
#include "agent/spec/domain.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"

/* Slots of i440fx's bus 0 that devices may have: 0 is the host bridge, 1 the
 * PIIX3 with its functions. */
#define SLOT_FIRST 2
#define SLOT_LAST 31
#define FUNCTIONS 8

struct domain *
domain_ref(struct domain *d)
{
    if (d)
        __atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
    return d;
}

void
domain_unref(struct domain *d)
{
    if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < d->ndisks; i++)
        disk_free(d->disks[i]);
    free(d->disks);
    free(d->controllers);
    free(d->iothreads);
    free(d->pci);
    for (size_t i = 0; i < d->ndevices; i++) {
        free(d->devices[i].alias);
        free(d->devices[i].mac);
        free(d->devices[i].xml);
    }
    free(d->devices);
    json_decref(d->nics);
    json_decref(d->view);
    free(d->ovirt);
    free(d->qos);
    free(d->name);
    free(d->type);
    free(d->arch);
    free(d->machine);
    free(d->graphics);
    free(d->serial_log);
    free(d->firmware);
    free(d->kernel);
    free(d->initrd);
    free(d->cmdline);
    free(d->privilege);
    free(d->metadata);
    free(d);
}

bool
domain_is_q35(const struct domain *d)
{
    const struct controller *root = domain_controller(d, "pci", 0);

    /* libvirt always lists the root; a hand-written XML may not. */
    if (root)
        return strcmp(root->model, "pcie-root") == 0;
    return d->machine && strstr(d->machine, "q35") != NULL;
}

static bool
same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

const struct disk *
domain_disk_by_alias(const struct domain *d, const char *alias)
{
    for (size_t i = 0; i < d->ndisks; i++)
        if (same(d->disks[i]->alias, alias))
            return d->disks[i];
    return NULL;
}

const struct disk *
domain_disk_by_target(const struct domain *d, const char *target)
{
    for (size_t i = 0; i < d->ndisks; i++)
        if (same(d->disks[i]->target, target))
            return d->disks[i];
    return NULL;
}

const struct domain_device *
domain_device(const struct domain *d, const char *element, const char *alias)
{
    for (size_t i = 0; i < d->ndevices; i++)
        if (same(d->devices[i].element, element) &&
            same(d->devices[i].alias, alias))
            return &d->devices[i];
    return NULL;
}

bool
domain_has_alias(const struct domain *d, const char *alias)
{
    for (size_t i = 0; i < d->ncontrollers; i++)
        if (strcmp(d->controllers[i].alias, alias) == 0)
            return true;
    for (size_t i = 0; i < d->ndevices; i++)
        if (same(d->devices[i].alias, alias))
            return true;
    return domain_disk_by_alias(d, alias) != NULL;
}

const struct controller *
domain_controller(const struct domain *d, const char *type, unsigned index)
{
    for (size_t i = 0; i < d->ncontrollers; i++)
        if (d->controllers[i].index == index &&
            strcmp(d->controllers[i].type, type) == 0)
            return &d->controllers[i];
    return NULL;
}

const struct controller *
domain_next_scsi(const struct domain *d, const struct controller *after)
{
    const struct controller *best = NULL;

    for (size_t i = 0; d && i < d->ncontrollers; i++) {
        const struct controller *c = &d->controllers[i];

        if (controller_is_virtio_scsi(c) &&
            (!after || c->index > after->index) &&
            (!best || c->index < best->index))
            best = c;
    }
    return best;
}

bool
domain_has_iothread(const struct domain *d, unsigned id)
{
    for (size_t i = 0; i < d->niothreads; i++)
        if (d->iothreads[i] == id)
            return true;
    return false;
}

void
domain_take_addresses(const struct domain *d, struct address_pool *pool)
{
    for (size_t i = 0; i < d->npci; i++)
        address_pool_take(pool, NULL, &d->pci[i].address, d->pci[i].what);
    for (size_t i = 0; i < d->ndisks; i++) {
        const struct disk *disk = d->disks[i];
        CLEANUP_FREE char *owner = NULL;

        if (disk->address.type != ADDRESS_DRIVE)
            continue;
        owner = disk->alias
                    ? mem_dup(disk->alias)
                    : mem_printf("disk %s", disk->target ? disk->target : "?");
        address_pool_take(pool, disk_bus(disk), &disk->address, owner);
    }
}

static struct address
pci_address(unsigned bus, unsigned slot, unsigned function)
{
    struct address a = {.type = ADDRESS_PCI};

    a.pci.bus = bus;
    a.pci.slot = slot;
    a.pci.function = function;
    return a;
}

struct domain_port *
domain_ports(const struct domain *d, const struct address_pool *pool, size_t *n)
{
    struct domain_port *ports = NULL;
    size_t count = 0;

    for (size_t i = 0; i < d->ncontrollers; i++) {
        const struct controller *c = &d->controllers[i];
        struct address behind = pci_address(c->index, 0, 0);

        if (strcmp(c->type, "pci") != 0 ||
            strcmp(c->model, "pcie-root-port") != 0)
            continue;
        ports = mem_more(ports, count, sizeof(*ports));
        ports[count].index = c->index;
        ports[count++].holder = address_pool_owner(pool, NULL, &behind);
    }
    *n = count;
    return ports;
}

static int
no_free_port(const struct domain *d, const struct domain_port *ports, size_t n,
             struct err *err)
{
    CLEANUP_BUF struct buf holders = BUF_INIT;

    for (size_t i = 0; i < n && holders.len < 600; i++)
        buf_printf(&holders, "%s%s on bus %u", i ? ", " : ": ", ports[i].holder,
                   ports[i].index);
    return err_set(err, ERR_NO_FREE_PORT,
                   "VM %s has %zu PCIe root ports and none is free%s%s; ports "
                   "cannot be hot-added: use interface virtio_scsi, which "
                   "needs none, or remove a device",
                   d->name ? d->name : d->uuid, n,
                   holders.data ? holders.data : "",
                   holders.len >= 600 ? ", …" : "");
}

static int
free_port(const struct domain *d, const struct address_pool *pool,
          struct address *out, struct err *err)
{
    size_t n;
    CLEANUP_FREE struct domain_port *ports = domain_ports(d, pool, &n);
    const struct domain_port *first = NULL;

    for (size_t i = 0; i < n; i++)
        if (!ports[i].holder && (!first || ports[i].index < first->index))
            first = &ports[i];
    if (!first)
        return no_free_port(d, ports, n, err);
    *out = pci_address(first->index, 0, 0);
    return 0;
}

static int
free_slot(const struct domain *d, const struct address_pool *pool,
          struct address *out, struct err *err)
{
    for (unsigned slot = SLOT_FIRST; slot <= SLOT_LAST; slot++) {
        bool held = false;

        for (unsigned f = 0; f < FUNCTIONS && !held; f++) {
            struct address a = pci_address(0, slot, f);

            held = address_pool_owner(pool, NULL, &a) != NULL;
        }
        if (!held) {
            *out = pci_address(0, slot, 0);
            return 0;
        }
    }
    return err_set(err, ERR_NO_FREE_PORT,
                   "VM %s has no free slot on PCI bus 0: all %d are held; use "
                   "interface virtio_scsi, which needs none, or remove a "
                   "device",
                   d->name ? d->name : d->uuid, SLOT_LAST - SLOT_FIRST + 1);
}

int
domain_free_pci(const struct domain *d, const struct address_pool *pool,
                struct address *out, struct err *err)
{
    return domain_is_q35(d) ? free_port(d, pool, out, err)
                            : free_slot(d, pool, out, err);
}

/* What tells a disk from the others: its alias, else its target. */
static const char *
disk_key(const struct disk *disk)
{
    if (disk->alias)
        return disk->alias;
    return disk->target ? disk->target : "";
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
allowed(const char *const *allow, const char *alias)
{
    for (; allow && *allow; allow++)
        if (strcmp(*allow, alias) == 0)
            return true;
    return false;
}

static char *
unplanned_disk(const struct domain *before, const struct domain *seen,
               const char *const *allow)
{
    CLEANUP_FREE const char **keys = mem_zalloc(before->ndisks, sizeof(*keys));

    /* Sorted: a VM may have a thousand disks. */
    for (size_t i = 0; i < before->ndisks; i++)
        keys[i] = disk_key(before->disks[i]);
    qsort(keys, before->ndisks, sizeof(*keys), by_text);
    for (size_t i = 0; i < seen->ndisks; i++) {
        const char *key = disk_key(seen->disks[i]);

        if (!bsearch(&key, keys, before->ndisks, sizeof(*keys), by_text) &&
            !allowed(allow, key))
            return mem_printf("disk %s (%s)", key,
                              seen->disks[i]->target ? seen->disks[i]->target
                                                     : "no target");
    }
    return NULL;
}

char *
domain_unplanned(const struct domain *before, const struct domain *seen,
                 const char *const *allow)
{
    for (size_t i = 0; i < seen->ncontrollers; i++) {
        const struct controller *c = &seen->controllers[i];

        if (!domain_controller(before, c->type, c->index) &&
            !allowed(allow, c->alias))
            return mem_printf("%s controller %u (%s)", c->type, c->index,
                              *c->model ? c->model : "no model");
    }
    return unplanned_disk(before, seen, allow);
}
