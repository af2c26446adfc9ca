// SPDX-License-Identifier: Apache-2.0
/*
 * The disks of a batch stand in its result as they were planned; a step is
 * found by the disk's alias, which both have.
 */
#include "agent/plan/batch_receipt.h"

#include <stdio.h>
#include <string.h>

/* SIZE_MAX: none attaches it. */
static size_t
step_of(const struct plan *plan, const char *alias)
{
    for (size_t i = 0; i < plan->nsteps; i++) {
        const char *attached = plan_attached(&plan->steps[i]);

        if (attached && !strcmp(attached, alias))
            return i;
    }
    return SIZE_MAX;
}

static const char *
fate(const struct plan *plan, size_t at, size_t steps, size_t failed)
{
    static const char *const words[UNDO_STATES] = {
        [UNDO_NONE] = "kept",        [UNDO_DONE] = "rolled_back",
        [UNDO_KEPT] = "kept",        [UNDO_PENDING] = "rollback_pending",
        [UNDO_REFUSED] = "kept",     [UNDO_FAILED] = "undo_failed",
    };

    if (at == failed && plan->steps[at].undo <= UNDO_DONE)
        return "failed";
    return at < steps ? words[plan->steps[at].undo] : "not_begun";
}

void
batch_receipt_state(json_t *receipt, const char *state)
{
    const json_t *disks = json_object_get(receipt, "disks");
    json_t *disk;
    size_t i;

    json_array_foreach(disks, i, disk)
    {
        json_put_text(disk, "state", state);
    }
}

void
batch_receipt_failed(const struct plan *plan, size_t steps, size_t failed,
                     json_t *receipt)
{
    CLEANUP_JSON json_t *disks =
        json_deep_copy(json_object_get(plan->result, "disks"));
    json_t *disk;
    size_t i;

    json_array_foreach(disks, i, disk)
    {
        size_t at = step_of(plan, json_get_text(disk, "device", ""));

        json_put_text(disk, "state", fate(plan, at, steps, failed));
    }
    if (disks)
        json_put(receipt, "disks", json_incref(disks));
}

void
batch_receipt_name(const struct plan *plan, size_t i, char out[32])
{
    const json_t *disks = json_object_get(plan->result, "disks"), *disk;
    const char *alias =
        i < plan->nsteps ? plan_attached(&plan->steps[i]) : NULL;
    size_t k;

    out[0] = '\0';
    json_array_foreach(disks, k, disk)
    {
        if (alias && !strcmp(json_get_text(disk, "device", ""), alias))
            snprintf(out, 32, "disks[%zu]", k);
    }
}
