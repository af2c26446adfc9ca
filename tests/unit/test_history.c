// SPDX-License-Identifier: Apache-2.0
/*
 * Random histories of a VM's disks, planned by the planners that serve the
 * verbs and carried out on two views and a device table, as the steps say.
 * After each step: no two devices on one address, none that drifted, none
 * that was given away too early, and a controller under every disk.
 */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/plan/controller_plan.h"
#include "agent/plan/disk_plan.h"
#include "agent/state/device.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HISTORIES 5000
#else
#define HISTORIES 100000
#endif
#define STEPS 14
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

static uint32_t
next_random(struct world *w, uint32_t n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (uint32_t)(w->seed >> 33) % n;
}

static void
id_of(size_t i, char id[UUID_TEXT])
{
    snprintf(id, UUID_TEXT, "%08zx-0000-4000-8000-000000000000", i + 1);
}

static size_t
number_of(const char *id)
{
    return strtoul(id, NULL, 16) - 1;
}

/* --- views ---------------------------------------------------------------- */

static void
add_pci(struct domain *d, const struct address *address, const char *what)
{
    d->pci = mem_more(d->pci, d->npci, sizeof(*d->pci));
    d->pci[d->npci].address = *address;
    snprintf(d->pci[d->npci++].what, sizeof(d->pci->what), "%s", what);
}

static void
add_controller(struct domain *d, const struct controller *c)
{
    d->controllers =
        mem_more(d->controllers, d->ncontrollers, sizeof(*d->controllers));
    d->controllers[d->ncontrollers++] = *c;
    if (c->address.type == ADDRESS_PCI)
        add_pci(d, &c->address, c->alias);
}

/* The domain as a parser would give it. */
static struct domain *
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

static size_t
find(const struct side *side, const char *id)
{
    size_t i = 0;

    while (i < side->ndisks && strcmp(side->disks[i]->id, id) != 0)
        i++;
    return i;
}

static bool
has(const struct side *side, const char *id)
{
    return find(side, id) < side->ndisks;
}

static void
side_add(struct side *side, const struct disk *disk)
{
    assert_false(has(side, disk->id));
    side->disks[side->ndisks++] = disk_copy(disk);
}

static void
side_drop(struct side *side, const char *id)
{
    size_t i = find(side, id);

    if (i == side->ndisks)
        return;
    disk_free(side->disks[i]);
    side->disks[i] = side->disks[--side->ndisks];
}

static void
side_clear(struct side *side)
{
    while (side->ndisks)
        disk_free(side->disks[--side->ndisks]);
    side->nscsi = 0;
}

static void
side_copy(struct side *to, const struct side *from)
{
    *to = (struct side){.nscsi = from->nscsi};
    memcpy(to->scsi, from->scsi, sizeof(to->scsi));
    for (size_t i = 0; i < from->ndisks; i++)
        side_add(to, from->disks[i]);
}

static bool
has_scsi(const struct side *side, unsigned index)
{
    for (size_t i = 0; i < side->nscsi; i++)
        if (side->scsi[i].index == index)
            return true;
    return false;
}

/* --- the device table ------------------------------------------------------ */

static struct device **
row(struct world *w, const char *id)
{
    for (size_t i = 0; i < w->nrows; i++)
        if (!strcmp(w->rows[i]->id, id))
            return &w->rows[i];
    return NULL;
}

static void
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

static void
row_drop(struct world *w, const char *id)
{
    struct device **at = row(w, id);

    if (!at)
        return;
    device_free(*at);
    *at = w->rows[--w->nrows];
}

static void
commit(struct world *w, const struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (records[i].kind == RECORD_DEVICE)
            row_put(w, records[i].device);
        else if (records[i].kind == RECORD_DEVICE_GONE)
            row_drop(w, records[i].device->id);
}

static const struct disk *
recorded(struct world *w, size_t i)
{
    char id[UUID_TEXT];
    struct device **at;

    id_of(i, id);
    at = row(w, id);
    return at ? (*at)->disk : NULL;
}

/* --- carrying out ---------------------------------------------------------- */

static void
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
static bool
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

/* A step fails: the views are as before, and so are the rows. A controller
 * that was hot-added stays in a VM that stands still. */
static void
fail_at(struct world *w, const struct plan *plan, size_t at)
{
    struct side live, config;

    side_copy(&live, &w->live);
    side_copy(&config, &w->config);
    for (size_t i = 0; i < at; i++) {
        const struct step *step = &plan->steps[i];

        if (step->kind != STEP_ATTACH_CONTROLLER || next_random(w, 2))
            continue;
        live.scsi[live.nscsi++] = step->controller;
        commit(w, step->records, step->nrecords);
    }
    side_clear(&w->live);
    side_clear(&w->config);
    w->live = live;
    w->config = config;
    commit(w, plan->release, plan->nrelease);
}

static void
carry_out(struct world *w, const struct plan *plan, bool silent)
{
    commit(w, plan->reserve, plan->nreserve);
    if (plan->nsteps && next_random(w, 10) == 0) {
        fail_at(w, plan, next_random(w, (uint32_t)plan->nsteps));
        return;
    }
    for (size_t i = 0; i < plan->nsteps; i++)
        if (!apply_step(w, &plan->steps[i], silent))
            return;
}

/* What a refusal may be about; anything else is a fault of a planner. */
static void
judge(struct world *w, const struct err *err)
{
    static const enum err_kind fair[] = {ERR_NO_FREE_PORT, ERR_BUSY,
                                         ERR_EXISTS, ERR_BAD_STATE,
                                         ERR_INVALID};

    w->refused++;
    for (size_t i = 0; i < sizeof(fair) / sizeof(*fair); i++)
        if (err->kind == fair[i])
            return;
    fail_msg("history %u, step %u: %s", w->history, w->step, err->message);
}

static void
plan_it(struct world *w, plan_fn planner, const void *wish, bool silent)
{
    CLEANUP_VM_INFO struct vm_info info = {
        .record = {.name = "vm1", .virtio_scsi = true},
        .recorded = true,
        .present = true,
        .persistent = true,
        .active = w->active,
        .live = w->active ? view(&w->live) : NULL,
        .config = view(&w->config)};
    struct known known = {.vm = &info,
                          .devices = w->rows,
                          .ndevices = w->nrows,
                          .defaults = {.per_iothread = w->per_iothread}};
    CLEANUP_PLAN struct plan plan;
    struct err err = ERR_INIT;

    plan_init(&plan);
    if (planner(&known, wish, &plan, &err) < 0)
        judge(w, &err);
    else
        carry_out(w, &plan, silent);
}

/* --- what may happen ------------------------------------------------------- */

static void
add(struct world *w, size_t i)
{
    CLEANUP_DISK struct disk *disk = disk_new();
    struct disk_wish wish = {.disk = disk};

    if (recorded(w, i)) /* the name of a disk that is there is its own */
        return;
    id_of(i, disk->id);
    disk->alias = mem_printf("ua-%s", disk->id);
    disk->path = mem_printf("/images/%zu", i);
    disk->format = mem_dup("raw");
    disk->source_type = DISK_SOURCE_FILE;
    disk->interface = next_random(w, 4) ? DISK_VIRTIO_SCSI : DISK_VIRTIO;
    disk->wanted = next_random(w, 4) != 0;
    if (disk->interface == DISK_VIRTIO_SCSI && next_random(w, 4) == 0) {
        disk->on_controller = true;
        disk->controller = next_random(w, 3);
    } else if (disk->interface == DISK_VIRTIO_SCSI && next_random(w, 4) == 0) {
        disk->address = (struct address){.type = ADDRESS_DRIVE};
        disk->address.drive.unit = next_random(w, DISKS);
    }
    plan_it(w, disk_plan_add, &wish, false);
}

static void
on_disk(struct world *w, size_t i, plan_fn planner, bool silent)
{
    struct disk_wish wish = {.delete_image = false};

    if (!recorded(w, i))
        return;
    id_of(i, wish.disk_id);
    plan_it(w, planner, &wish, silent);
}

/* A virtio-scsi disk goes without asking the guest; a PCI one may wait. */
static void
unplug(struct world *w, size_t i)
{
    const struct disk *disk = recorded(w, i);

    on_disk(w, i, disk_plan_unplug,
            disk && disk->interface == DISK_VIRTIO && next_random(w, 2));
}

/* The guest lets go: the rest of the operation follows. */
static void
let_go(struct world *w, size_t i)
{
    char id[UUID_TEXT];
    struct device **at;

    id_of(i, id);
    at = row(w, id);
    if (!w->pending[i])
        return;
    w->pending[i] = false;
    side_drop(&w->live, id);
    side_drop(&w->config, id);
    (*at)->disk->state = DISK_UNPLUGGED;
    (*at)->disk->wanted = false;
}

static void
refuse(struct world *w, size_t i)
{
    char id[UUID_TEXT];

    id_of(i, id);
    if (w->pending[i])
        (*row(w, id))->disk->state = DISK_PLUGGED;
    w->pending[i] = false;
}

/* Rows follow what the definition has, as adoption does it. */
static void
follow(struct world *w, const struct side *side)
{
    for (size_t i = 0; i < w->nrows; i++) {
        struct disk *disk = w->rows[i]->disk;

        if (!disk || w->pending[number_of(disk->id)])
            continue;
        disk->state = has(side, disk->id) ? DISK_PLUGGED : DISK_UNPLUGGED;
        disk->wanted = disk->state == DISK_PLUGGED;
    }
}

static void
start_or_stop(struct world *w, size_t i)
{
    (void)i;
    if (!w->active) {
        side_copy(&w->live, &w->config);
        w->active = true;
        return;
    }
    for (size_t k = 0; k < DISKS; k++)
        let_go(w, k);
    side_clear(&w->live);
    w->active = false;
    follow(w, &w->config);
}

/* What the database gives back. */
static void
restart(struct world *w, size_t i)
{
    (void)i;
    for (size_t k = 0; k < w->nrows; k++) {
        struct device *device = w->rows[k];
        CLEANUP_JSON json_t *spec =
            device->disk ? disk_to_json(device->disk, NULL)
                         : controller_to_json(&device->controller);
        CLEANUP_TEXT char *text = json_text(spec, NULL);
        struct err err = ERR_INIT;

        w->rows[k] =
            device_from_row(device->disk ? "disk" : "controller", device->id,
                            text, &err);
        if (!w->rows[k])
            fail_msg("%s", err.message);
        device_free(device);
    }
}

/* The record is lost: what the views have is recorded anew, and only that. */
static void
adopt(struct world *w, size_t i)
{
    const struct side *sides[] = {&w->live, &w->config};

    (void)i;
    if (next_random(w, 4))
        return;
    while (w->nrows)
        device_free(w->rows[--w->nrows]);
    memset(w->pending, 0, sizeof(w->pending));
    for (size_t s = w->active ? 0 : 1; s < 2; s++) {
        for (size_t k = 0; k < sides[s]->ndisks; k++) {
            struct device *device = device_for_disk(sides[s]->disks[k]);

            device->disk->state = DISK_PLUGGED;
            device->disk->wanted = true;
            row_put(w, device);
            device_free(device);
        }
        for (size_t k = 0; k < sides[s]->nscsi; k++) {
            struct device *device = device_for_controller(&sides[s]->scsi[k]);

            if (has_scsi(&w->config, sides[s]->scsi[k].index))
                row_put(w, device);
            device_free(device);
        }
    }
    follow(w, w->active ? &w->live : &w->config);
}

static int
update(const struct known *known, const void *wish, struct plan *plan,
       struct err *err)
{
    return controller_plan_update(known, wish, true, plan, err);
}

static void
controllers(struct world *w, size_t i)
{
    struct controller_wish wish = {.given = true, .n = 1 + i % 3};

    for (unsigned k = 0; k < wish.n; k++) {
        controller_init(&wish.items[k], "scsi", "virtio-scsi", k);
        wish.items[k].iothread = k;
    }
    plan_it(w, update, &wish, false);
}

static void
plug(struct world *w, size_t i)
{
    on_disk(w, i, disk_plan_plug, false);
}

static void
drop(struct world *w, size_t i)
{
    on_disk(w, i, disk_plan_remove, false);
}

static void (*const happenings[])(struct world *w, size_t i) = {
    add,  add,    add,    plug,          plug,    unplug, unplug,
    drop, let_go, refuse, start_or_stop, restart, adopt,  controllers,
};
#define NHAPPENINGS (sizeof(happenings) / sizeof(*happenings))

/* --- what must hold ---------------------------------------------------------- */

static void
take(struct world *w, struct address_pool *pool, const char *space,
     const struct address *a, const char *owner)
{
    const char *other = address_pool_owner(pool, space, a);
    char text[32];

    address_text(a, text);
    if (other && strcmp(other, owner) != 0)
        fail_msg("history %u, step %u: %s is of %s and of %s", w->history,
                 w->step, text, other, owner);
    address_pool_take(pool, space, a, owner);
}

static void
check_side(struct world *w, struct address_pool *pool, const struct side *side)
{
    for (size_t i = 0; i < side->nscsi; i++)
        take(w, pool, NULL, &side->scsi[i].address, side->scsi[i].alias);
    for (size_t i = 0; i < side->ndisks; i++) {
        const struct disk *disk = side->disks[i];

        take(w, pool, disk_bus(disk), &disk->address, disk->alias);
        if (disk->interface == DISK_VIRTIO_SCSI &&
            !has_scsi(side, disk->address.drive.controller))
            fail_msg("history %u, step %u: no controller under %s", w->history,
                     w->step, disk->alias);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(disk->target, side->disks[k]->target);
    }
}

/* A recorded disk, and a controller for good, stay where they were first. */
static void
check_drift(struct world *w)
{
    for (size_t i = 0; i < DISKS; i++) {
        const struct disk *disk = recorded(w, i);
        char was[32], now[32];

        if (disk && w->places[i].type != ADDRESS_NONE &&
            !address_equal(&disk->address, &w->places[i])) {
            address_text(&w->places[i], was);
            address_text(&disk->address, now);
            fail_msg("history %u, step %u: disk %zu drifted from %s to %s",
                     w->history, w->step, i, was, now);
        }
        w->places[i] = disk ? disk->address
                            : (struct address){.type = ADDRESS_NONE};
    }
}

static void
check(struct world *w)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();

    for (size_t i = 0; i < w->nrows; i++) {
        const struct device *device = w->rows[i];

        if (device->disk)
            take(w, pool, disk_bus(device->disk), &device->disk->address,
                 device->disk->alias);
        else
            take(w, pool, NULL, &device->controller.address,
                 device->controller.alias);
    }
    if (w->active)
        check_side(w, pool, &w->live);
    check_side(w, pool, &w->config);
    check_drift(w);
}

static void
begin(struct world *w, unsigned history)
{
    struct controller c;

    w->history = history;
    w->per_iothread = next_random(w, 4) == 0;
    controller_init(&c, "scsi", "virtio-scsi", 0);
    c.address = (struct address){.type = ADDRESS_PCI};
    c.address.pci.bus = 1;
    /* Half of them begin with no controller at all. */
    if (next_random(w, 2)) {
        CLEANUP_DEVICE struct device *device = device_for_controller(&c);

        w->config.scsi[w->config.nscsi++] = c;
        row_put(w, device);
    }
    if (next_random(w, 2))
        start_or_stop(w, 0);
}

static void
end(struct world *w)
{
    side_clear(&w->live);
    side_clear(&w->config);
    while (w->nrows)
        device_free(w->rows[--w->nrows]);
}

static void
test_random_histories(void **state)
{
    uint64_t seed = 0x2545f4914f6cdd1du;
    unsigned refused = 0;

    (void)state;
    for (unsigned h = 0; h < HISTORIES; h++) {
        struct world w = {.seed = seed};

        begin(&w, h);
        for (w.step = 0; w.step < STEPS; w.step++) {
            happenings[next_random(&w, NHAPPENINGS)](&w,
                                                     next_random(&w, DISKS));
            check(&w);
        }
        seed = w.seed;
        refused += w.refused;
        end(&w);
    }
    /* Most of what was tried was done. */
    assert_true(refused < HISTORIES * STEPS / 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories),
    };

    json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
