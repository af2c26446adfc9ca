// SPDX-License-Identifier: Apache-2.0
/*
 * NONE → STARTING (VM.create accepted) → RUNNING (the start succeeded, or its
 * live view says that an engine made it) → DOWN → NONE (VM.destroy).
 */
#include "agent/state/vm_life.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/state/vm_entry.h"

static const struct how {
    const char *word;
    int code;
    enum vm_life_reason reason;
    const char *message;
} hows[] = {
    {"shutdown", 0, VM_LIFE_USER_SHUTDOWN,
     "User shut down from within the guest"},
    {"destroyed", 0, VM_LIFE_ADMIN_SHUTDOWN, "Stopped by the administrator"},
    {"crashed", 1, VM_LIFE_LOST_QEMU, "Its QEMU crashed"},
    {"migrated", 0, VM_LIFE_MIGRATED, "Migration succeeded"},
    {"saved", 0, VM_LIFE_SAVED, "Its state was saved"},
    {"failed", 1, VM_LIFE_START_FAILED, "It could not be started"},
};
static const struct how other = {"", 1, VM_LIFE_GENERIC, "It has stopped"};
static const struct how asked = {"", 0, VM_LIFE_ADMIN_SHUTDOWN,
                                 "Shut down by the administrator"};

static void
set(struct vm_life *life, enum vm_life_state state)
{
    life->state = state;
    life->since_ms = clock_mono_ms();
}

void
vm_life_begin(struct vm_table *table, const char *uuid, const char *name)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_add(table, uuid);
    if (!entry->info.record.name[0])
        snprintf(entry->info.record.name, sizeof(entry->info.record.name),
                 "%s", name);
    entry->info.life = (struct vm_life){.state = VM_LIFE_NONE};
    set(&entry->info.life, VM_LIFE_STARTING);
}

void
vm_life_running(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (entry && entry->info.life.state == VM_LIFE_STARTING)
        set(&entry->info.life, VM_LIFE_RUNNING);
}

void
vm_life_asked(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (entry)
        entry->info.life.asked = true;
}

/* The lock is held. */
static bool
down(struct vm_entry *entry, const struct how *how, const char *message)
{
    struct vm_life *life = entry ? &entry->info.life : NULL;

    if (!life || (life->state != VM_LIFE_STARTING &&
                  life->state != VM_LIFE_RUNNING))
        return false;
    set(life, VM_LIFE_DOWN);
    life->code = how->code;
    life->reason = (int)how->reason;
    snprintf(life->message, sizeof(life->message), "%s",
             message ? message : how->message);
    return true;
}

bool
vm_life_down(struct vm_table *table, const char *uuid,
             enum vm_life_reason reason, const char *message)
{
    const struct how how = {"", 1, reason, ""};

    LOCK_SCOPE(&table->lock);
    return down(vm_entry_find(table, uuid), &how, message);
}

bool
vm_life_stopped(struct vm_table *table, const char *uuid, const char *word)
{
    const struct how *how = &other;
    struct vm_entry *entry;

    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
        if (!strcmp(hows[i].word, word))
            how = &hows[i];
    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (entry && entry->info.life.asked && how->code == 0)
        how = &asked;
    return down(entry, how, NULL);
}

bool
vm_life_forget(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry;
    bool was;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    was = entry && entry->info.life.state != VM_LIFE_NONE;
    if (entry)
        entry->info.life = (struct vm_life){.state = VM_LIFE_NONE};
    return was;
}

struct vm_info *
vm_life_all(struct vm_table *table, size_t *n)
{
    struct vm_info *all;

    *n = 0;
    LOCK_SCOPE(&table->lock);
    all = mem_zalloc(table->count + 1, sizeof(*all));
    for (size_t i = 0; i < table->count; i++) {
        const struct vm_info *info = &table->entries[i]->info;

        if (!info->present && info->life.state != VM_LIFE_STARTING &&
            info->life.state != VM_LIFE_DOWN)
            continue;
        all[*n] = *info;
        all[*n].live = domain_ref(info->live);
        all[(*n)++].config = domain_ref(info->config);
    }
    return all;
}
