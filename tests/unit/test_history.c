// SPDX-License-Identifier: Apache-2.0
/*
 * Random histories of a VM's disks, planned by the planners that serve the
 * verbs and carried out on two views and a device table, as the steps say.
 * After each step: no two devices on one address, none that drifted, none
 * that was given away too early, and a controller under every disk.
 */
#include "tests/unit/world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HISTORIES 5000
#else
#define HISTORIES 100000
#endif
#define STEPS 10

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
