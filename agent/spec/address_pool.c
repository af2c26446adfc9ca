// SPDX-License-Identifier: Apache-2.0
/*
 * The allocator: a hash table of the places that are taken, and for every
 * controller that was met the first place that is free, so that giving a
 * thousand disks their addresses stays linear. A pool only grows; it is made
 * anew for each plan from everything that is known.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/address.h"

/* How the drives of a space are numbered, in the order they are given. */
static const struct layout {
    const char *space;
    unsigned controllers, buses, targets, units;
} layouts[] = {
    {"scsi", ADDRESS_CONTROLLER_MAX + 1, 1, ADDRESS_TARGET_MAX + 1,
     ADDRESS_UNIT_ALLOC_MAX + 1},
    {"sata", 1, 1, 1, 6}, /* the six ports of QEMU's ich9-ahci */
    {"ide", 1, 2, 1, 2},  /* two channels, master and slave */
};

struct place {
    char *owner; /* NULL: an empty slot of the table */
    char space[12];
    unsigned n[4];
};

struct cursor {
    const struct layout *layout;
    unsigned controller;
    unsigned next; /* the first free position */
    unsigned taken;
};

struct address_pool {
    struct place *places; /* open addressing, size is a power of two */
    size_t size, count;
    struct cursor *cursors;
    size_t ncursors;
};

static const struct layout *
layout_find(const char *space)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (space && strcmp(layouts[i].space, space) == 0)
            return &layouts[i];
    return NULL;
}

/* The place that an address stands for; owner is left NULL. */
static struct place
place_of(const char *space, const struct address *a)
{
    struct place p = {.owner = NULL};

    if (a->type == ADDRESS_DRIVE) {
        snprintf(p.space, sizeof(p.space), "%s", space ? space : "");
        p.n[0] = a->drive.controller;
        p.n[1] = a->drive.bus;
        p.n[2] = a->drive.target;
        p.n[3] = a->drive.unit;
    } else {
        strcpy(p.space, "pci");
        p.n[0] = a->pci.domain;
        p.n[1] = a->pci.bus;
        p.n[2] = a->pci.slot;
        /* Slot 0 of a bus behind a port is all there is of it. */
        p.n[3] = a->pci.bus && !a->pci.slot ? 0 : a->pci.function;
    }
    return p;
}

static size_t
place_hash(const struct place *p)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a's constants */

    for (const char *c = p->space; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    for (int i = 0; i < 4; i++)
        h = (h ^ p->n[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

/* The slot that holds p, or the empty one where it would go. */
static struct place *
place_find(const struct address_pool *pool, const struct place *p)
{
    size_t i = place_hash(p);

    for (;; i++) {
        struct place *at = &pool->places[i & (pool->size - 1)];

        if (!at->owner || (strcmp(at->space, p->space) == 0 &&
                           memcmp(at->n, p->n, sizeof(p->n)) == 0))
            return at;
    }
}

static void
grow(struct address_pool *pool)
{
    struct place *old = pool->places;
    size_t size = pool->size;

    pool->size = size ? size * 2 : 64;
    pool->places = mem_zalloc(pool->size, sizeof(*pool->places));
    for (size_t i = 0; i < size; i++)
        if (old[i].owner)
            *place_find(pool, &old[i]) = old[i];
    free(old);
}

struct address_pool *
address_pool_new(void)
{
    struct address_pool *pool = mem_zalloc(1, sizeof(*pool));

    grow(pool);
    return pool;
}

void
address_pool_free(struct address_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->size; i++)
        free(pool->places[i].owner);
    free(pool->places);
    free(pool->cursors);
    free(pool);
}

/* The position-th drive of a controller; false behind the last one. */
static bool
position_address(const struct layout *layout, unsigned controller,
                 unsigned position, struct address *out)
{
    unsigned units = layout->units, targets = layout->targets;

    *out = (struct address){.type = ADDRESS_DRIVE};
    out->drive.controller = controller;
    out->drive.unit = position % units;
    out->drive.target = position / units % targets;
    out->drive.bus = position / units / targets;
    return out->drive.bus < layout->buses;
}

static unsigned
first_free(const struct address_pool *pool, const struct layout *layout,
           unsigned controller, unsigned from)
{
    struct address a;

    while (position_address(layout, controller, from, &a) &&
           address_pool_owner(pool, layout->space, &a))
        from++;
    return from;
}

static struct cursor *
cursor_find(const struct address_pool *pool, const struct layout *layout,
            unsigned controller)
{
    for (size_t i = 0; i < pool->ncursors; i++)
        if (pool->cursors[i].layout == layout &&
            pool->cursors[i].controller == controller)
            return &pool->cursors[i];
    return NULL;
}

/* Keep the first free position of a's controller right after a is taken. */
static void
advance(struct address_pool *pool, const char *space, const struct address *a)
{
    const struct layout *layout = layout_find(space);
    unsigned controller = a->drive.controller;
    struct cursor *c;

    if (a->type != ADDRESS_DRIVE || !layout ||
        controller >= layout->controllers)
        return;
    c = cursor_find(pool, layout, controller);
    if (!c) {
        pool->cursors =
            mem_more(pool->cursors, pool->ncursors, sizeof(*pool->cursors));
        c = &pool->cursors[pool->ncursors++];
        c->layout = layout;
        c->controller = controller;
    }
    c->taken++;
    c->next = first_free(pool, layout, controller, c->next);
}

void
address_pool_take(struct address_pool *pool, const char *space,
                  const struct address *a, const char *owner)
{
    struct place p;
    struct place *at;

    if (a->type == ADDRESS_NONE)
        return;
    p = place_of(space, a);
    at = place_find(pool, &p);
    if (at->owner)
        return;
    p.owner = mem_dup(owner);
    *at = p;
    /* Half full at most, or probing gets long. */
    if (++pool->count * 2 > pool->size)
        grow(pool);
    advance(pool, space, a);
}

const char *
address_pool_owner(const struct address_pool *pool, const char *space,
                   const struct address *a)
{
    struct place p;

    if (a->type == ADDRESS_NONE)
        return NULL;
    p = place_of(space, a);
    return place_find(pool, &p)->owner;
}

unsigned
address_pool_drives(const struct address_pool *pool, const char *space,
                    unsigned controller)
{
    const struct layout *layout = layout_find(space);
    const struct cursor *c =
        layout ? cursor_find(pool, layout, controller) : NULL;

    return c ? c->taken : 0;
}

int
address_pool_drive(const struct address_pool *pool, const char *space,
                   unsigned controller, struct address *out, struct err *err)
{
    const struct layout *layout = layout_find(space);
    const struct cursor *c;
    struct address a;

    if (!layout || controller >= layout->controllers)
        return err_set(err, ERR_NO_FREE_UNIT,
                       "There is no %s controller %u whose drives berth can "
                       "number; name a controller below %u",
                       space, controller, layout ? layout->controllers : 0);
    c = cursor_find(pool, layout, controller);
    if (!position_address(layout, controller, c ? c->next : 0, &a))
        return err_set(err, ERR_NO_FREE_UNIT,
                       "No unit is free on %s controller %u: all %u are held; "
                       "remove a disk or use another controller",
                       space, controller,
                       layout->buses * layout->targets * layout->units);
    *out = a;
    return 0;
}
