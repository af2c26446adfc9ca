// SPDX-License-Identifier: Apache-2.0
/*
 * A VM as two lists of devices, live and defined, and a table of rows, which
 * the steps of a plan change; the views are made from the lists. For tests
 * that carry out plans by the thousand.
 */
#pragma once

#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/plan/controller_plan.h"
#include "agent/plan/disk_plan.h"
#include "agent/state/device.h"

#define DISKS 5
#define PORTS 5
#define ROWS (DISKS + 8)

/* One view of the domain. */
struct side {
    struct disk *disks[DISKS];
    size_t ndisks;
    struct controller scsi[8];
    size_t nscsi;
};

struct world {
    uint64_t seed;
    unsigned history, step;
    bool active;
    struct side live, config;
    struct device *rows[ROWS];
    size_t nrows;
    struct address places[DISKS]; /* of the recorded disks, as first given */
    struct address scsi[8];       /* of the controllers */
    bool pending[DISKS];          /* asked to go, and the guest is silent */
    bool per_iothread;
    unsigned refused;
};

static inline uint32_t
next_random(struct world *w, uint32_t n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (uint32_t)(w->seed >> 33) % n;
}

static inline void
id_of(size_t i, char id[UUID_TEXT])
{
    snprintf(id, UUID_TEXT, "%08zx-0000-4000-8000-000000000000", i + 1);
}

static inline size_t
number_of(const char *id)
{
    return strtoul(id, NULL, 16) - 1;
}

/* --- views ---------------------------------------------------------------- */

static inline void
add_pci(struct domain *d, const struct address *address, const char *what)
{
    d->pci = mem_more(d->pci, d->npci, sizeof(*d->pci));
    d->pci[d->npci].address = *address;
    snprintf(d->pci[d->npci++].what, sizeof(d->pci->what), "%s", what);
}

static inline void
add_controller(struct domain *d, const struct controller *c)
{
    d->controllers =
        mem_more(d->controllers, d->ncontrollers, sizeof(*d->controllers));
    d->controllers[d->ncontrollers++] = *c;
    if (c->address.type == ADDRESS_PCI)
        add_pci(d, &c->address, c->alias);
}

/* The domain as a parser would give it. */
static inline struct domain *
view(const struct side *side)
{
    struct domain *d = domain_ref(mem_zalloc(1, sizeof(*d)));
    struct controller c;

    d->name = mem_dup("vm1");
    controller_init(&c, "pci", "pcie-root", 0);
    add_controller(d, &c);
    for (unsigned i = 1; i <= PORTS; i++) {
        controller_init(&c, "pci", "pcie-root-port", i);
        c.address = (struct address){.type = ADDRESS_PCI};
        c.address.pci.slot = 2;
        c.address.pci.function = i - 1;
        add_controller(d, &c);
    }
    for (size_t i = 0; i < side->nscsi; i++)
        add_controller(d, &side->scsi[i]);
    d->disks = mem_zalloc(side->ndisks + 1, sizeof(*d->disks));
    for (size_t i = 0; i < side->ndisks; i++) {
        d->disks[d->ndisks] = disk_copy(side->disks[i]);
        if (d->disks[d->ndisks]->address.type == ADDRESS_PCI)
            add_pci(d, &side->disks[i]->address, side->disks[i]->alias);
        d->ndisks++;
    }
    return d;
}

static inline size_t
find(const struct side *side, const char *id)
{
    size_t i = 0;

    while (i < side->ndisks && strcmp(side->disks[i]->id, id) != 0)
        i++;
    return i;
}

static inline bool
has(const struct side *side, const char *id)
{
    return find(side, id) < side->ndisks;
}

static inline void
side_add(struct side *side, const struct disk *disk)
{
    assert_false(has(side, disk->id));
    side->disks[side->ndisks++] = disk_copy(disk);
}

static inline void
side_drop(struct side *side, const char *id)
{
    size_t i = find(side, id);

    if (i == side->ndisks)
        return;
    disk_free(side->disks[i]);
    side->disks[i] = side->disks[--side->ndisks];
}

static inline void
side_clear(struct side *side)
{
    while (side->ndisks)
        disk_free(side->disks[--side->ndisks]);
    side->nscsi = 0;
}

static inline void
side_copy(struct side *to, const struct side *from)
{
    *to = (struct side){.nscsi = from->nscsi};
    memcpy(to->scsi, from->scsi, sizeof(to->scsi));
    for (size_t i = 0; i < from->ndisks; i++)
        side_add(to, from->disks[i]);
}

static inline bool
has_scsi(const struct side *side, unsigned index)
{
    for (size_t i = 0; i < side->nscsi; i++)
        if (side->scsi[i].index == index)
            return true;
    return false;
}

/* --- the device table ------------------------------------------------------ */

static inline struct device **
row(struct world *w, const char *id)
{
    for (size_t i = 0; i < w->nrows; i++)
        if (!strcmp(w->rows[i]->id, id))
            return &w->rows[i];
    return NULL;
}

static inline void
row_put(struct world *w, const struct device *device)
{
    struct device **at = row(w, device->id);

    if (at)
        device_free(*at);
    else
        at = &w->rows[w->nrows++];
    assert_true(w->nrows <= ROWS);
    *at = device_copy(device);
}

static inline void
row_drop(struct world *w, const char *id)
{
    struct device **at = row(w, id);

    if (!at)
        return;
    device_free(*at);
    *at = w->rows[--w->nrows];
}

static inline void
commit(struct world *w, const struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].kind == RECORD_DEVICE)
            row_put(w, records[i].device);
        else if (records[i].kind == RECORD_DEVICE_GONE)
            row_drop(w, records[i].device->id);
}

static inline const struct disk *
recorded(struct world *w, size_t i)
{
    char id[UUID_TEXT];
    struct device **at;

    id_of(i, id);
    at = row(w, id);
    return at ? (*at)->disk : NULL;
}

/* --- carrying out ---------------------------------------------------------- */

static inline void
apply_edit(struct side *config, const struct edit *edit)
{
    const struct controller *c = edit->controller;

    switch (edit->kind) {
    case EDIT_ADD_DISK:
        side_add(config, edit->disk);
        break;
    case EDIT_REMOVE_DISK:
        side_drop(config, edit->disk->id);
        break;
    case EDIT_REPLACE_DISK:
        side_drop(config, edit->disk->id);
        side_add(config, edit->disk);
        break;
    case EDIT_ADD_CONTROLLER:
        assert_false(has_scsi(config, c->index));
        config->scsi[config->nscsi++] = *c;
        break;
    case EDIT_REPLACE_CONTROLLER:
        for (size_t i = 0; i < config->nscsi; i++)
            if (config->scsi[i].index == c->index)
                config->scsi[i] = *c;
        break;
    case EDIT_REMOVE_CONTROLLER:
        assert_int_equal(config->scsi[config->nscsi - 1].index, c->index);
        config->nscsi--;
        break;
    default:
        fail_msg("no such edit here");
    }
}

/* False: it is not over (an unplug whose guest is silent). */
static inline bool
apply_step(struct world *w, const struct step *step, bool silent)
{
    switch (step->kind) {
    case STEP_ADD_IOTHREAD:
        break;
    case STEP_ATTACH_CONTROLLER:
        assert_false(has_scsi(&w->live, step->controller.index));
        w->live.scsi[w->live.nscsi++] = step->controller;
        break;
    case STEP_ATTACH_DISK:
        side_add(&w->live, step->disk);
        break;
    case STEP_DETACH_DISK:
        if (!silent) {
            side_drop(&w->live, step->disk->id);
            break;
        }
        w->pending[number_of(step->disk->id)] = true;
        (*row(w, step->disk->id))->disk->state = DISK_UNPLUG_PENDING;
        return false;
    case STEP_DEFINE:
        for (size_t i = 0; i < step->nedits; i++)
            apply_edit(&w->config, &step->edits[i]);
        break;
    default:
        fail_msg("no such step here");
    }
    commit(w, step->records, step->nrecords);
    return true;
}
