// SPDX-License-Identifier: Apache-2.0
/*
 * Controllers in plans. Their numbers have no gap, since libvirt would fill
 * it with controllers of a model that it chooses; so one is added behind the
 * last, and taken out from behind.
 */
#include "agent/plan/controller_plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"

/* The view that decides what is possible now. */
static const struct domain *
main_view(const struct known *known)
{
    return known->vm->active ? known->vm->live : known->vm->config;
}

static const struct controller *
row_of(const struct known *known, unsigned index)
{
    for (size_t i = 0; i < known->ndevices; i++) {
        const struct controller *c = &known->devices[i]->controller;

        if (known->devices[i]->kind == DEVICE_CONTROLLER &&
            !strcmp(c->type, "scsi") && c->index == index)
            return c;
    }
    return NULL;
}

static const struct controller *
seen_in(const struct domain *view, unsigned index)
{
    return view ? domain_controller(view, "scsi", index) : NULL;
}

/* --- which one -------------------------------------------------------------- */

/* The first number that no controller has or is kept for. */
static unsigned
next_index(const struct known *known)
{
    unsigned index = 0;

    while (seen_in(known->vm->live, index) ||
           seen_in(known->vm->config, index) || row_of(known, index))
        index++;
    return index;
}

/* One I/O thread each: the first that no controller has. */
static unsigned
next_iothread(const struct known *known)
{
    const struct domain *view = main_view(known);
    unsigned id = 1;

    for (const struct controller *c = NULL; (c = domain_next_scsi(view, c));)
        if (c->iothread >= id)
            id = c->iothread + 1;
    return id;
}

static int
refuse_index(const struct known *known, unsigned index, struct err *err)
{
    char value[16], expected[96];

    snprintf(value, sizeof(value), "%u", index);
    snprintf(expected, sizeof(expected),
             "one that VM \"%.40s\" has, or %u, the next",
             known->vm->record.name, next_index(known));
    return err_param(err, ERR_INVALID, "address.controller", value, expected);
}

/* A controller that the definition does not have; one that it had, or that
 * the running VM has, keeps its place. */
static int
make(const struct known *known, unsigned index,
     const struct address_pool *pool, struct controller *out, struct err *err)
{
    const struct controller *live = seen_in(known->vm->live, index);
    const struct controller *row = row_of(known, index);

    if (live || row) {
        *out = live ? *live : *row;
        out->leaving = false;
        return 0;
    }
    if (index != next_index(known))
        return refuse_index(known, index, err);
    controller_init(out, "scsi", "virtio-scsi", index);
    if (known->defaults.per_iothread)
        out->iothread = next_iothread(known);
    return domain_free_pci(main_view(known), pool, &out->address, err);
}

/* It would take its disks with it. */
static int
check_stays(const struct known *known, const struct controller *controller,
            struct err *err)
{
    const struct controller *row = row_of(known, controller->index);

    if (!row || !row->leaving)
        return 0;
    return err_set(err, ERR_BUSY,
                   "Controller %s of VM \"%s\" is being taken out again, since "
                   "the operation that added it failed, and the guest has not "
                   "answered yet; reset the VM, or try again",
                   row->alias, known->vm->record.name);
}

/* Of the controllers that a view has: the one of that index, or as the
 * setting says. */
static const struct controller *
pick(const struct known *known, const struct domain *view, unsigned want,
     const struct address_pool *pool)
{
    const struct controller *best = NULL;

    for (const struct controller *c = NULL; (c = domain_next_scsi(view, c));) {
        if (want != UINT_MAX && c->index != want)
            continue;
        if (!best || (known->defaults.per_iothread &&
                      address_pool_drives(pool, "scsi", c->index) <
                          address_pool_drives(pool, "scsi", best->index)))
            best = c;
    }
    return best;
}

static unsigned
wanted_index(const struct disk *disk)
{
    if (disk->address.type == ADDRESS_DRIVE)
        return disk->address.drive.controller;
    return disk->on_controller ? disk->controller : UINT_MAX;
}

int
controller_plan_choose(const struct known *known, const struct disk *disk,
                       const struct address_pool *pool, struct controller *out,
                       struct err *err)
{
    unsigned want = wanted_index(disk);
    const struct controller *have;

    if (!known->vm->record.virtio_scsi)
        return err_set(err, ERR_BAD_STATE,
                       "interface: VM \"%s\" has its virtio_scsi flag off; set "
                       "it with UpdateVm {virtio_scsi: true} or use another "
                       "interface",
                       known->vm->record.name);
    have = pick(known, known->vm->live, want, pool);
    if (!have)
        have = pick(known, known->vm->config, want, pool);
    if (!have)
        return make(known, want == UINT_MAX ? 0 : want, pool, out, err);
    *out = *have;
    return check_stays(known, have, err);
}

/* --- steps ------------------------------------------------------------------ */

void
controller_plan_attach(const struct known *known,
                       const struct controller *controller, struct plan *plan)
{
    const struct domain *live = known->vm->live;
    struct step *step;

    if (seen_in(live, controller->index))
        return;
    if (controller->iothread &&
        !domain_has_iothread(live, controller->iothread))
        plan_add(plan, STEP_ADD_IOTHREAD)->number = controller->iothread;
    step = plan_add(plan, STEP_ATTACH_CONTROLLER);
    step->controller = *controller;
    step->event = "controller.added";
    plan_step_controller(step, controller);
}

void
controller_plan_define(const struct known *known,
                       const struct controller *controller, struct step *step)
{
    if (seen_in(known->vm->config, controller->index))
        return;
    plan_edit_controller(step, EDIT_ADD_CONTROLLER, controller);
    plan_step_controller(step, controller);
}

/* --- UpdateVm --------------------------------------------------------------- */

static int
by_index(const void *a, const void *b)
{
    const struct controller *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

int
controller_plan_read(const json_t *list, struct controller_wish *out,
                     struct err *err)
{
    bool seen[ADDRESS_CONTROLLER_MAX + 1] = {false};
    char at[40];

    out->given = list != NULL;
    out->n = json_array_size(list);
    for (size_t i = 0; i < out->n; i++) {
        const json_t *item = json_array_get(list, i);
        struct controller *c = &out->items[i];

        snprintf(at, sizeof(at), "controllers[%zu].", i);
        if (controller_from_json(item, at, c, err) < 0)
            return -1;
        c->leaving = false;
        if (seen[c->index])
            return field_refuse(at, "index", json_object_get(item, "index"),
                                "each index once", err);
        seen[c->index] = true;
    }
    qsort(out->items, out->n, sizeof(*out->items), by_index);
    return 0;
}

static bool
is_wished(const struct controller_wish *wish, unsigned index)
{
    for (size_t i = 0; i < wish->n; i++)
        if (wish->items[i].index == index)
            return true;
    return false;
}

static bool
same_driver(const struct controller *a, const struct controller *b)
{
    CLEANUP_TEXT char *mismatch = controller_mismatch(a, b);

    return mismatch == NULL;
}

/* One that the definition has: its address stays, its driver may change. */
static int
change(const struct known *known, const struct controller *wish,
       const struct controller *have, struct plan *plan, struct step *define,
       struct err *err)
{
    struct controller now = *have;
    char value[32], text[32], expected[96];

    address_text(&wish->address, value);
    address_text(&have->address, text);
    snprintf(expected, sizeof(expected), "%s, where controller %u is, or none",
             text, have->index);
    if (wish->address.type != ADDRESS_NONE &&
        !address_equal(&wish->address, &have->address))
        return err_param(err, ERR_INVALID, "controllers.address", value,
                         expected);
    if (!controller_is_virtio_scsi(have))
        return err_set(err, ERR_EXISTS,
                       "controllers: VM \"%s\" has a SCSI controller %u of "
                       "model %s, which berth does not change",
                       known->vm->record.name, have->index, have->model);
    if (same_driver(wish, have))
        return 0;
    now.queues = wish->queues;
    now.iothread = wish->iothread;
    now.max_sectors = wish->max_sectors;
    now.cmd_per_lun = wish->cmd_per_lun;
    plan_edit_controller(define, EDIT_REPLACE_CONTROLLER, &now);
    plan_step_controller(define, &now);
    if (known->vm->active)
        plan_warn(plan,
                  "Controller %u changes at the next start of VM \"%s\": QEMU "
                  "cannot change one that is plugged",
                  now.index, known->vm->record.name);
    return 0;
}

/* The place of one that the definition lacks. */
static int
place(const struct known *known, const struct controller *wish,
      struct address_pool *pool, struct controller *out, struct err *err)
{
    const struct controller *live = seen_in(known->vm->live, wish->index);
    const struct controller *row = row_of(known, wish->index);
    char value[32];

    *out = live ? *live : *wish;
    out->leaving = false;
    if (!live && row)
        out->address = row->address;
    address_text(&wish->address, value);
    if (!live && !row && address_pool_owner(pool, NULL, &wish->address))
        return err_param(err, ERR_EXISTS, "controllers.address", value,
                         "a free place, or none to have one allocated");
    if (out->address.type == ADDRESS_NONE &&
        domain_free_pci(main_view(known), pool, &out->address, err) < 0)
        return -1;
    address_pool_take(pool, NULL, &out->address, out->alias);
    return 0;
}

/* What holds the controller, as a list of disks; NULL when nothing. */
static char *
users_of(const struct known *known, unsigned index)
{
    CLEANUP_BUF struct buf names = BUF_INIT;

    for (size_t i = 0; i < known->ndevices && names.len < 300; i++) {
        const struct disk *disk = known->devices[i]->disk;

        if (disk && disk->interface == DISK_VIRTIO_SCSI &&
            disk->address.type == ADDRESS_DRIVE &&
            disk->address.drive.controller == index)
            buf_printf(&names, "%s%s", names.len ? ", " : "", disk->id);
    }
    return names.len ? buf_steal(&names) : NULL;
}

static int
take_out(const struct known *known, const struct controller *have, bool behind,
         struct plan *plan, struct step *define, struct err *err)
{
    CLEANUP_TEXT char *users = users_of(known, have->index);

    if (users)
        return err_set(err, ERR_BAD_STATE,
                       "controllers: controller %u of VM \"%s\" has disks "
                       "(%s); remove them first, or leave it in the list",
                       have->index, known->vm->record.name, users);
    if (behind)
        return err_set(err, ERR_BAD_STATE,
                       "controllers: VM \"%s\" has a SCSI controller behind "
                       "controller %u; only the last one can be removed",
                       known->vm->record.name, have->index);
    plan_edit_controller(define, EDIT_REMOVE_CONTROLLER, have);
    plan_step_controller_gone(define, have);
    if (known->vm->active)
        plan_warn(plan,
                  "Controller %u is in VM \"%s\" until it stops; it is gone "
                  "at its next start",
                  have->index, known->vm->record.name);
    return 0;
}

/* Those that are not wished, from behind. */
static int
take_out_rest(const struct known *known, const struct controller_wish *wish,
              struct plan *plan, struct step *define, struct err *err)
{
    bool behind = false;

    for (unsigned i = ADDRESS_CONTROLLER_MAX + 1; i-- > 0;) {
        const struct controller *have = seen_in(known->vm->config, i);

        if (have && controller_is_virtio_scsi(have) && !is_wished(wish, i)) {
            if (take_out(known, have, behind, plan, define, err) < 0)
                return -1;
        } else {
            behind = behind || have || is_wished(wish, i);
        }
    }
    return 0;
}

static int
check_wish(const struct known *known, const struct controller_wish *wish,
           bool flag, struct err *err)
{
    unsigned last = wish->n ? wish->items[wish->n - 1].index : 0;

    if (flag != (wish->n > 0))
        return err_set(err, ERR_INVALID,
                       "controllers: VM \"%s\" has its virtio_scsi flag %s: "
                       "%s expected",
                       known->vm->record.name, flag ? "on" : "off",
                       flag ? "at least one is" : "none is");
    for (unsigned i = 0; i < last; i++)
        if (!is_wished(wish, i) && !seen_in(known->vm->config, i))
            return err_set(err, ERR_INVALID,
                           "controllers: index %u is missing below %u; their "
                           "numbers have no gap",
                           i, last);
    return 0;
}

/* One wished controller. */
static int
bring(const struct known *known, const struct controller *wish,
      struct address_pool *pool, struct plan *plan, struct step *define,
      struct err *err)
{
    const struct controller *have = seen_in(known->vm->config, wish->index);
    struct controller made;

    if (have)
        return change(known, wish, have, plan, define, err);
    if (place(known, wish, pool, &made, err) < 0)
        return -1;
    if (known->vm->active)
        controller_plan_attach(known, &made, plan);
    controller_plan_define(known, &made, define);
    return 0;
}

int
controller_plan_update(const struct known *known,
                       const struct controller_wish *wish, bool flag,
                       struct plan *plan, struct err *err)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool =
        known_addresses(known, NULL);
    struct step define = {.kind = STEP_DEFINE};
    int rc = check_wish(known, wish, flag, err);

    for (size_t i = 0; rc == 0 && i < wish->n; i++)
        rc = bring(known, &wish->items[i], pool, plan, &define, err);
    if (rc == 0)
        rc = take_out_rest(known, wish, plan, &define, err);
    if (rc == 0 && define.nedits)
        *plan_add(plan, STEP_DEFINE) = define;
    else
        plan_step_clear(&define);
    return rc;
}

int
controller_plan_first(const struct known *known, struct step *define,
                      struct err *err)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool =
        known_addresses(known, NULL);
    struct controller first;
    unsigned index = 0;

    if (domain_next_scsi(known->vm->config, NULL))
        return 0;
    while (seen_in(known->vm->config, index))
        index++;
    if (make(known, index, pool, &first, err) < 0)
        return -1;
    controller_plan_define(known, &first, define);
    return 0;
}
