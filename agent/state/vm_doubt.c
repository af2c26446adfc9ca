// SPDX-License-Identifier: Apache-2.0
/* Marks on the entries of the table; who looks and when is not known here. */
#include "agent/state/vm_doubt.h"

#include "agent/common/clock.h"
#include "agent/state/vm_entry.h"

void
vm_doubt_all(struct vm_table *table)
{
    LOCK_SCOPE(&table->lock);
    table->doubting = true;
    table->loss++;
    for (size_t i = 0; i < table->count; i++) {
        struct vm_entry *entry = table->entries[i];

        entry->info.doubt = VM_DOUBT_VIEWS;
        entry->info.unsettled = entry->info.stale = true;
        entry->print = 0;
        vm_entry_expect_none(entry);
    }
}

void
vm_doubt_listed(struct vm_table *table)
{
    LOCK_SCOPE(&table->lock);
    table->doubting = false;
}

unsigned
vm_doubt_loss(struct vm_table *table)
{
    LOCK_SCOPE(&table->lock);
    return table->loss;
}

int64_t
vm_doubt_print(struct vm_table *table, const char *uuid, uint64_t print)
{
    int64_t now = clock_mono_ms();
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (!entry)
        return 0;
    if (entry->print == print)
        return now - entry->print_ms;
    entry->print = print;
    entry->print_ms = now;
    return 0;
}

void
vm_doubt_lower(struct vm_table *table, const char *uuid, enum vm_doubt doubt,
               unsigned loss)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (entry && table->loss == loss && entry->info.doubt > doubt)
        entry->info.doubt = doubt;
}

bool
vm_doubt_look(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry;
    bool first;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    first = !entry || !entry->looking;
    if (entry)
        entry->looking = true;
    return first;
}

void
vm_doubt_look_begins(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (entry)
        entry->looking = false;
}

json_t *
vm_doubt_unsettled(struct vm_table *table)
{
    json_t *list = json_array();

    LOCK_SCOPE(&table->lock);
    for (size_t i = 0; i < table->count; i++)
        if (table->entries[i]->info.unsettled)
            json_array_append_new(
                list, json_string(table->entries[i]->info.record.uuid));
    return list;
}
