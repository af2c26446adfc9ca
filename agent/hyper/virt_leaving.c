// SPDX-License-Identifier: Apache-2.0
/* A vector, looked through: unplugs under way at one time are few. */
#include "agent/hyper/virt_leaving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct entry {
    char uuid[UUID_TEXT];
    char *alias;
};

struct virt_leaving {
    struct lock lock; /* guards what follows */
    struct entry *entries;
    size_t n;
};

struct virt_leaving *
virt_leaving_new(void)
{
    struct virt_leaving *set = mem_zalloc(1, sizeof(*set));

    lock_init(&set->lock, LOCK_LEAF);
    return set;
}

/* With the lock held: drop what fits; NULL fits all. */
static void
drop(struct virt_leaving *set, const char *uuid, const char *alias)
{
    for (size_t i = set->n; i-- > 0;) {
        struct entry *e = &set->entries[i];

        if ((uuid && strcmp(e->uuid, uuid) != 0) ||
            (alias && strcmp(e->alias, alias) != 0))
            continue;
        free(e->alias);
        *e = set->entries[--set->n];
    }
}

void
virt_leaving_free(struct virt_leaving *set)
{
    drop(set, NULL, NULL);
    free(set->entries);
    lock_destroy(&set->lock);
    free(set);
}

bool
virt_leaving_begin(struct virt_leaving *set, const char *uuid,
                   const char *alias)
{
    LOCK_SCOPE(&set->lock);
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->entries[i].uuid, uuid) == 0 &&
            strcmp(set->entries[i].alias, alias) == 0)
            return false;
    set->entries = mem_more(set->entries, set->n, sizeof(*set->entries));
    snprintf(set->entries[set->n].uuid, UUID_TEXT, "%s", uuid);
    set->entries[set->n++].alias = mem_dup(alias);
    return true;
}

void
virt_leaving_end(struct virt_leaving *set, const char *uuid, const char *alias)
{
    LOCK_SCOPE(&set->lock);
    drop(set, uuid, alias);
}

void
virt_leaving_see(struct virt_leaving *set, const struct hyper_event *event)
{
    LOCK_SCOPE(&set->lock);
    /* Not at an arrival: that of this device may be told after the unplug
     * that followed it was asked for. */
    if (event->type == HYPER_EVENT_DEVICE_REMOVED ||
        event->type == HYPER_EVENT_REMOVAL_FAILED)
        drop(set, event->uuid, event->device);
    else if (event->type == HYPER_EVENT_LIFECYCLE &&
             event->state == HYPER_SHUT_OFF)
        drop(set, event->uuid, NULL);
    else if (event->type == HYPER_EVENT_LOST ||
             event->type == HYPER_EVENT_BACK)
        drop(set, NULL, NULL);
}
