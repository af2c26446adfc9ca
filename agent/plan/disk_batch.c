// SPDX-License-Identifier: Apache-2.0
/*
 * Several disks in one operation. Each is planned as it would be alone, with
 * those before it taken as known; then the plans are made one: a controller
 * comes once, all but the last attach leave the look at the domain to it, and
 * the definition is written once, at the end. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/plan/disk_plan.h"

#include "agent/common/mem.h"

void
disk_wishes_clear(struct disk_wishes *wishes)
{
    for (size_t i = 0; i < wishes->n; i++)
        disk_wish_clear(&wishes->items[i]);
    free(wishes->items);
    wishes->items = NULL;
    wishes->n = 0;
}

/* --- what the earlier ones will have made true ----------------------------- */

struct ahead {
    struct known known;
    struct device **devices; /* vector owned, members borrowed */
};

/* Rows of known, and what the plan so far reserves and records; a later row
 * of the same device stands for it. */
static void
look_ahead(struct ahead *ahead, const struct known *known,
           const struct plan *plan)
{
    size_t max = known->ndevices + plan->nreserve, n = 0;

    for (size_t i = 0; i < plan->nsteps; i++)
        max += plan->steps[i].nrecords;
    ahead->known = *known;
    ahead->devices = mem_zalloc(max + 1, sizeof(*ahead->devices));
    for (size_t i = 0; i < known->ndevices; i++)
        ahead->devices[n++] = known->devices[i];
    for (size_t i = 0; i < plan->nreserve; i++)
        ahead->devices[n++] = plan->reserve[i].device;
    for (size_t i = 0; i < plan->nsteps; i++)
        for (size_t k = 0; k < plan->steps[i].nrecords; k++)
            if (plan->steps[i].records[k].device)
                ahead->devices[n++] = plan->steps[i].records[k].device;
    ahead->known.devices = ahead->devices;
    ahead->known.ndevices = n;
}

static bool
named_before(const struct disk_wishes *wishes, size_t i)
{
    const struct disk_wish *wish = &wishes->items[i];
    const char *id = wish->disk ? wish->disk->id : wish->disk_id;

    for (size_t k = 0; k < i; k++) {
        const struct disk_wish *other = &wishes->items[k];

        if (!strcmp(other->disk ? other->disk->id : other->disk_id, id))
            return true;
    }
    return false;
}

/* --- one plan of many ------------------------------------------------------ */

static bool
same_step_before(const struct plan *plan, size_t i)
{
    const struct step *step = &plan->steps[i];

    for (size_t k = 0; k < i; k++)
        if (plan->steps[k].kind == step->kind &&
            plan->steps[k].number == step->number &&
            plan->steps[k].controller.index == step->controller.index)
            return true;
    return false;
}

static bool
edit_known(const struct step *define, const struct edit *edit)
{
    for (size_t i = 0; edit->controller && i < define->nedits; i++)
        if (define->edits[i].controller &&
            define->edits[i].controller->index == edit->controller->index)
            return true;
    return false;
}

/* Move edits and records of one DEFINE to the end of another. */
static void
merge_define(struct step *into, struct step *from)
{
    for (size_t i = 0; i < from->nedits; i++) {
        if (edit_known(into, &from->edits[i])) {
            edit_clear(&from->edits[i]);
            continue;
        }
        into->edits = mem_more(into->edits, into->nedits, sizeof(*into->edits));
        into->edits[into->nedits++] = from->edits[i];
    }
    for (size_t i = 0; i < from->nrecords; i++) {
        into->records =
            mem_more(into->records, into->nrecords, sizeof(*into->records));
        into->records[into->nrecords++] = from->records[i];
    }
    if (!into->event)
        into->event = from->event;
    free(from->edits);
    free(from->records);
    from->edits = NULL;
    from->records = NULL;
    from->nedits = from->nrecords = 0;
}

static void
drop_step(struct plan *plan, size_t i)
{
    plan_step_clear(&plan->steps[i]);
    memmove(&plan->steps[i], &plan->steps[i + 1],
            (plan->nsteps - i - 1) * sizeof(*plan->steps));
    plan->nsteps--;
}

static void
make_one(struct plan *plan)
{
    struct step define = {.kind = STEP_DEFINE}, *last = NULL;
    bool defined = false;

    for (size_t i = 0; i < plan->nsteps;) {
        struct step *step = &plan->steps[i];

        if (step->kind == STEP_DEFINE) {
            merge_define(&define, step);
            defined = true;
            drop_step(plan, i);
        } else if ((step->kind == STEP_ATTACH_CONTROLLER ||
                    step->kind == STEP_ADD_IOTHREAD) &&
                   same_step_before(plan, i)) {
            drop_step(plan, i);
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < plan->nsteps; i++)
        if (plan->steps[i].kind == STEP_ATTACH_DISK) {
            if (last)
                last->flag = true; /* looked at with the next one */
            last = &plan->steps[i];
        }
    if (defined)
        *plan_add(plan, STEP_DEFINE) = define;
}

int
disk_plan_many(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    const struct disk_wishes *wishes = ctx;
    json_t *disks = json_array();

    for (size_t i = 0; i < wishes->n; i++) {
        struct ahead ahead;
        const struct disk_wish *wish = &wishes->items[i];
        int rc;

        look_ahead(&ahead, known, plan);
        rc = named_before(wishes, i)
                 ? err_set(err, ERR_INVALID, "the disk is named twice")
             : wish->disk ? disk_plan_add(&ahead.known, wish, plan, err)
                          : disk_plan_plug(&ahead.known, wish, plan, err);
        free(ahead.devices);
        if (rc < 0) {
            json_decref(disks);
            return err_wrap(err, "disks[%zu]", i);
        }
        json_array_append_new(disks, json_deep_copy(plan->result));
        json_object_clear(plan->result);
    }
    make_one(plan);
    json_put(plan->result, "disks", disks);
    if (wishes->n > 1)
        plan_warn(plan, "The guest sees each disk as it comes, not all at "
                        "once");
    return 0;
}
