// SPDX-License-Identifier: Apache-2.0
/*
 * The bus tree. A PCI bus is walked by the addresses found in the domain; a
 * device that is itself a PCI controller opens the bus of its index. Drives
 * hang below the controller that their address names.
 */
#include "agent/verbs/topology.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/host/device.h"

struct tree {
    const struct domain *domain;
    const struct address_pool *pool; /* taken addresses, rows included */
    const struct disk **disks;       /* those that are plugged, by address */
    size_t ndisks;
    const struct domain_pci **pci; /* by address */
};

/* --- order --------------------------------------------------------------- */

static int
compare(const struct address *a, const struct address *b)
{
    bool drive = a->type == ADDRESS_DRIVE;
    const unsigned *x = drive ? &a->drive.controller : &a->pci.domain;
    const unsigned *y = drive ? &b->drive.controller : &b->pci.domain;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    /* Both forms are four numbers, the widest first. */
    for (int i = 0; i < 4; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int
by_disk_address(const void *a, const void *b)
{
    return compare(&(*(struct disk *const *)a)->address,
                   &(*(struct disk *const *)b)->address);
}

static int
by_pci_address(const void *a, const void *b)
{
    return compare(&(*(struct domain_pci *const *)a)->address,
                   &(*(struct domain_pci *const *)b)->address);
}

static void
tree_fill(struct tree *tree, const struct vm_view *view)
{
    const struct domain *domain = view->now;

    tree->domain = domain;
    tree->disks = mem_zalloc(view->ndisks + 1, sizeof(*tree->disks));
    tree->pci = mem_zalloc(domain->npci + 1, sizeof(*tree->pci));
    for (size_t i = 0; i < view->ndisks; i++)
        if (view->disks[i]->state != DISK_UNPLUGGED)
            tree->disks[tree->ndisks++] = view->disks[i];
    for (size_t i = 0; i < domain->npci; i++)
        tree->pci[i] = &domain->pci[i];
    qsort(tree->disks, tree->ndisks, sizeof(*tree->disks), by_disk_address);
    qsort(tree->pci, domain->npci, sizeof(*tree->pci), by_pci_address);
}

/* --- nodes --------------------------------------------------------------- */

/* A node with its texts; what is NULL is left out. Returns owned. */
static json_t *
node_new(const char *kind, const char *label, const char *alias,
         const struct address *address)
{
    json_t *node = json_object();
    char text[32];

    json_put_text(node, "kind", kind);
    json_put_text(node, "label", label);
    if (alias && *alias)
        json_put_text(node, "alias", alias);
    if (address && address->type != ADDRESS_NONE) {
        address_text(address, text);
        json_put_text(node, "address", text);
    }
    return node;
}

static void
put_children(json_t *node, json_t *children /* takes */)
{
    if (json_array_size(children) > 0)
        json_put(node, "children", children);
    else
        json_decref(children);
}

/* --- drives -------------------------------------------------------------- */

/* Who answers behind a LUN, and what this host calls its device. */
static void
put_behind(json_t *node, const struct disk *disk)
{
    const struct disk_lun *lun = &disk->lun;
    CLEANUP_FREE char *device = disk->source_type == DISK_SOURCE_BLOCK
                                    ? device_name(disk->path)
                                    : NULL;
    CLEANUP_BUF struct buf text = BUF_INIT;
    const char *parts[] = {device, lun->id, lun->vendor, lun->product};

    if (disk->kind != DISK_LUN)
        return;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (parts[i] && *parts[i])
            buf_printf(&text, "%s%s", text.len ? " " : "", parts[i]);
    if (device)
        json_put_text(node, "device", device);
    if (lun->id)
        json_put_text(node, "lun_id", lun->id);
    if (text.len)
        json_put_text(node, "behind", text.data);
}

static json_t *
disk_node(const struct disk *disk)
{
    json_t *node = node_new("disk", disk->target ? disk->target : "disk",
                            disk->alias, &disk->address);

    json_put_text(node, "detail", disk->path ? disk->path
                                  : disk->source_type == DISK_SOURCE_NONE
                                      ? "no medium"
                                      : "a source that is no path");
    if (disk->address.type == ADDRESS_DRIVE)
        json_put_int(node, "unit", disk->address.drive.unit);
    if (*disk->id)
        json_put_text(node, "disk_id", disk->id);
    json_put_text(node, "interface", disk_interface_name(disk->interface));
    json_put_text(node, "source", disk->path);
    json_put_text(node, "media", disk_kind_name(disk->kind));
    json_put_text(node, "state", disk_state_name(disk->state));
    put_behind(node, disk);
    return node;
}

static bool
is_drive_of(const struct disk *disk, const char *bus, unsigned controller)
{
    return disk->address.type == ADDRESS_DRIVE &&
           disk->address.drive.controller == controller &&
           strcmp(disk_bus(disk), bus) == 0;
}

/* The node of a target among those of its controller; made when new. */
static json_t *
target_children(json_t *targets, unsigned target)
{
    char label[32];
    json_t *node, *children = json_array();
    size_t i;

    snprintf(label, sizeof(label), "target %u", target);
    json_array_foreach(targets, i, node)
        if (strcmp(json_get_text(node, "label", ""), label) == 0) {
            json_decref(children);
            return json_object_get(node, "children");
        }
    node = node_new("target", label, NULL, NULL);
    json_put(node, "children", children);
    json_array_append_new(targets, node);
    return children;
}

static json_t *
drives(const struct tree *tree, const char *bus, unsigned controller)
{
    bool scsi = strcmp(bus, "scsi") == 0;
    json_t *list = json_array();

    for (size_t i = 0; i < tree->ndisks; i++) {
        const struct disk *disk = tree->disks[i];

        if (!is_drive_of(disk, bus, controller))
            continue;
        json_array_append_new(
            scsi ? target_children(list, disk->address.drive.target) : list,
            disk_node(disk));
    }
    return list;
}

/* --- PCI ----------------------------------------------------------------- */

static json_t *bus_nodes(const struct tree *tree, unsigned bus);

/* A bus behind a bus has the higher number (libvirt holds to it): a domain
 * that says otherwise could form a circle, and is not walked further. */
static json_t *
behind(const struct tree *tree, const struct controller *c)
{
    return c->index > c->address.pci.bus ? bus_nodes(tree, c->index)
                                         : json_array();
}

static bool
is_root_port(const struct controller *c)
{
    return strcmp(c->type, "pci") == 0 &&
           strcmp(c->model, "pcie-root-port") == 0;
}

static json_t *
root_port_node(const struct tree *tree, const struct controller *port)
{
    struct address slot = {.type = ADDRESS_PCI};
    char label[48];
    const char *holder;
    json_t *node;

    snprintf(label, sizeof(label), "root port %u", port->index);
    node = node_new("root_port", label, port->alias, &port->address);
    slot.pci.bus = port->index;
    holder = address_pool_owner(tree->pool, NULL, &slot);
    json_put_bool(node, "free", holder == NULL);
    put_children(node, behind(tree, port));
    if (holder && !json_object_get(node, "children")) {
        CLEANUP_FREE char *text = mem_printf("kept for %s", holder);

        json_put_text(node, "detail", text);
    }
    return node;
}

/* "scsi, 4 queues, I/O thread 1". */
static char *
controller_words(const struct controller *c)
{
    struct buf words = BUF_INIT;

    buf_add_text(&words, c->type);
    if (c->queues)
        buf_printf(&words, ", %u queues", c->queues);
    if (c->iothread)
        buf_printf(&words, ", I/O thread %u", c->iothread);
    return buf_steal(&words);
}

static json_t *
controller_node(const struct tree *tree, const struct controller *c)
{
    CLEANUP_FREE char *label = mem_printf(
        "%s %u", *c->model ? c->model : c->type, c->index);
    CLEANUP_FREE char *detail = controller_words(c);
    json_t *node = node_new("controller", label, c->alias, &c->address);

    json_put_text(node, "detail", detail);
    put_children(node, strcmp(c->type, "pci") == 0
                           ? behind(tree, c)
                           : drives(tree, c->type, c->index));
    return node;
}

/* A NIC's label is its model; its MAC tells which one it is. */
static json_t *
nic_node(const struct tree *tree, const struct address *address)
{
    const json_t *nics = tree->domain->nics;

    for (size_t i = 0; i < json_array_size(nics); i++) {
        const json_t *nic = json_array_get(nics, i);
        struct address at = {.type = ADDRESS_NONE};
        json_t *node;

        if (address_from_json(json_object_get(nic, "address"), &at, NULL) < 0 ||
            !address_equal(&at, address))
            continue;
        node = node_new("nic", json_get_text(nic, "model", "nic"),
                        json_get_text(nic, "alias", NULL), address);
        json_put_text(node, "detail", json_get_text(nic, "mac", NULL));
        return node;
    }
    return NULL;
}

static const struct disk *
disk_at(const struct tree *tree, const struct address *address)
{
    for (size_t i = 0; i < tree->ndisks; i++)
        if (address_equal(&tree->disks[i]->address, address))
            return tree->disks[i];
    return NULL;
}

static json_t *
pci_node(const struct tree *tree, const struct domain_pci *pci)
{
    const struct domain *domain = tree->domain;
    const struct disk *disk = disk_at(tree, &pci->address);
    json_t *nic;

    for (size_t i = 0; i < domain->ncontrollers; i++) {
        const struct controller *c = &domain->controllers[i];

        if (address_equal(&c->address, &pci->address))
            return is_root_port(c) ? root_port_node(tree, c)
                                   : controller_node(tree, c);
    }
    if (disk)
        return disk_node(disk);
    nic = nic_node(tree, &pci->address);
    return nic ? nic : node_new("device", pci->what, NULL, &pci->address);
}

static json_t *
bus_nodes(const struct tree *tree, unsigned bus)
{
    json_t *list = json_array();

    for (size_t i = 0; i < tree->domain->npci; i++)
        if (tree->pci[i]->address.pci.domain == 0 &&
            tree->pci[i]->address.pci.bus == bus)
            json_array_append_new(list, pci_node(tree, tree->pci[i]));
    return list;
}

/* --- what has no place on a PCI bus --------------------------------------- */

/* Controllers with drives that have no PCI address of their own. */
static void
add_other_controllers(const struct tree *tree, json_t *list)
{
    const struct domain *domain = tree->domain;

    for (size_t i = 0; i < domain->ncontrollers; i++) {
        const struct controller *c = &domain->controllers[i];

        CLEANUP_JSON json_t *below = drives(tree, c->type, c->index);

        if (c->address.type == ADDRESS_NONE && json_array_size(below) > 0)
            json_array_append_new(list, controller_node(tree, c));
    }
}

static void
add_unplugged(const struct vm_view *view, json_t *list)
{
    json_t *disks = json_array();
    json_t *node;

    for (size_t i = 0; i < view->ndisks; i++)
        if (view->disks[i]->state == DISK_UNPLUGGED)
            json_array_append_new(disks, disk_node(view->disks[i]));
    if (json_array_size(disks) == 0) {
        json_decref(disks);
        return;
    }
    node = node_new("device", "unplugged disks", NULL, NULL);
    json_put(node, "children", disks);
    json_array_append_new(list, node);
}

json_t *
topology_json(const struct vm_view *view)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = vm_view_addresses(view);
    struct tree tree = {.pool = pool};
    json_t *list;

    if (view->now) {
        tree_fill(&tree, view);
        list = bus_nodes(&tree, 0);
        add_other_controllers(&tree, list);
        free(tree.disks);
        free(tree.pci);
    } else {
        list = json_array();
    }
    add_unplugged(view, list);
    return list;
}
