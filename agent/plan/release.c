// SPDX-License-Identifier: Apache-2.0
/*
 * A row is that of a device or of the VM itself; what it was is what was
 * known when the plan was made, or that there was none.
 */
#include "agent/plan/release.h"

#include <string.h>

#include "agent/common/mem.h"

/* --- when it is planned ----------------------------------------------------
 */

static bool
same_row(const struct record *a, const struct record *b)
{
    return a->device && b->device ? !strcmp(a->device->id, b->device->id)
                                  : a->device == b->device;
}

static bool
is_released(const struct plan *plan, const struct record *record)
{
    for (size_t i = 0; i < plan->nrelease; i++)
        if (same_row(&plan->release[i], record))
            return true;
    return false;
}

static struct record
row_before(const struct known *known, const struct record *record)
{
    struct record row = {.kind = RECORD_DEVICE_GONE};

    if (!record->device) {
        bool recorded = known->vm && known->vm->recorded;

        row.kind = recorded ? RECORD_VM : RECORD_VM_GONE;
        row.vm = recorded ? known->vm->record : record->vm;
        return row;
    }
    for (size_t i = 0; i < known->ndevices; i++) {
        if (strcmp(known->devices[i]->id, record->device->id) != 0)
            continue;
        row.kind = RECORD_DEVICE;
        row.device = device_copy(known->devices[i]);
        return row;
    }
    row.device = device_copy(record->device);
    return row;
}

void
release_fill(struct plan *plan, const struct known *known)
{
    for (size_t i = 0; i < plan->nsteps; i++) {
        const struct step *step = &plan->steps[i];

        for (size_t k = 0; k < step->nrecords; k++) {
            if (is_released(plan, &step->records[k]))
                continue;
            plan->release =
                mem_more(plan->release, plan->nrelease, sizeof(*plan->release));
            plan->release[plan->nrelease++] =
                row_before(known, &step->records[k]);
        }
    }
}

/* --- when it is undone -----------------------------------------------------
 */

static bool
has_row(const struct step *step, const struct record *of)
{
    for (size_t i = 0; i < step->nrecords; i++)
        if (same_row(&step->records[i], of))
            return true;
    return false;
}

bool
release_is_due(const struct plan *plan, const struct record *release)
{
    bool waited = false, late = false;

    for (size_t i = 0; i < plan->nsteps; i++) {
        const struct step *step = &plan->steps[i];
        bool of = has_row(step, release);

        if (of && step->undo >= UNDO_PENDING)
            return false;
        waited = waited || (of && step->waited);
        late = late || step->waited;
    }
    return waited || !late;
}

/* A device that stays for now, or for good, as its row says it. */
static void
mark(struct step *step)
{
    for (size_t i = 0; i < step->nrecords; i++) {
        struct device *device = step->records[i].device;
        struct disk *disk = device ? device->disk : NULL;

        if (disk) {
            disk->wanted = step->undo != UNDO_PENDING;
            disk->state = disk->wanted ? DISK_PLUGGED : DISK_ROLLBACK_PENDING;
        } else if (device) {
            device->controller.leaving = step->undo == UNDO_PENDING;
        }
    }
}

static bool
stays(const struct step *step)
{
    return plan_attached(step) &&
           (step->undo == UNDO_KEPT || step->undo == UNDO_PENDING ||
            step->undo == UNDO_REFUSED);
}

struct record *
release_rows(struct plan *plan, size_t *n)
{
    size_t max = plan->nrelease;
    struct record *rows;

    for (size_t i = 0; i < plan->nsteps; i++)
        max += plan->steps[i].nrecords;
    rows = mem_zalloc(max + 1, sizeof(*rows));
    *n = 0;
    for (size_t i = 0; i < plan->nrelease; i++)
        if (release_is_due(plan, &plan->release[i]))
            rows[(*n)++] = plan->release[i];
    for (size_t i = 0; i < plan->nsteps; i++) {
        struct step *step = &plan->steps[i];

        if (!stays(step))
            continue;
        mark(step);
        for (size_t k = 0; k < step->nrecords; k++)
            rows[(*n)++] = step->records[k];
    }
    return rows;
}

const char *
release_event(const char *event)
{
    static const char *const pairs[][2] = {
        {"disk.plugged", "disk.unplugged"},
        {"disk.unplugged", "disk.plugged"},
        {"disk.changed", "disk.changed"},
        {"vm.created", "vm.deleted"},
        {"nic.plugged", "nic.unplugged"},
        {"nic.unplugged", "nic.plugged"},
        {"nic.changed", "nic.changed"},
        {"vm.changed", "vm.changed"},
        {"memory.plugged", "memory.unplugged"},
        {"memory.unplugged", "memory.plugged"},
        {"controller.added", "controller.removed"},
    };

    for (size_t i = 0; event && i < sizeof(pairs) / sizeof(*pairs); i++)
        if (!strcmp(pairs[i][0], event))
            return pairs[i][1];
    return NULL;
}
