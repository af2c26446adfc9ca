// SPDX-License-Identifier: Apache-2.0
/*
 * The table of VMs in memory. Entries stay where they are in a vector of
 * pointers; a lookup walks it, which for the hundreds of VMs of a host costs
 * less than keeping an index right. Views are shared by reference.
 */
#include "agent/state/vm_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/state/vm_entry.h"

#define PREFIX_MIN 4    /* shortest prefix of a UUID that names a thing */
#define EXPECT_MAX 4096 /* announced events that never came are forgotten */

void
vm_info_clear(struct vm_info *info)
{
    domain_unref(info->live);
    domain_unref(info->config);
    info->live = info->config = NULL;
}

struct vm_table *
vm_table_new(void)
{
    struct vm_table *table = mem_zalloc(1, sizeof(*table));

    lock_init(&table->lock, LOCK_VM_TABLE);
    table->doubting = true;
    return table;
}

void
vm_entry_expect_none(struct vm_entry *entry)
{
    while (entry->nexpected)
        free(entry->expected[--entry->nexpected]);
}

static void
entry_free(struct vm_entry *entry)
{
    vm_info_clear(&entry->info);
    device_free_all(entry->devices, entry->ndevices);
    vm_entry_expect_none(entry);
    free(entry->expected);
    free(entry);
}

void
vm_table_free(struct vm_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        entry_free(table->entries[i]);
    free(table->entries);
    lock_destroy(&table->lock);
    free(table);
}

struct vm_entry *
vm_entry_find(struct vm_table *table, const char *uuid)
{
    for (size_t i = 0; i < table->count; i++)
        if (!strcmp(table->entries[i]->info.record.uuid, uuid))
            return table->entries[i];
    return NULL;
}

struct vm_entry *
vm_entry_add(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry = vm_entry_find(table, uuid);

    if (entry)
        return entry;
    entry = mem_zalloc(1, sizeof(*entry));
    snprintf(entry->info.record.uuid, UUID_TEXT, "%s", uuid);
    snprintf(entry->info.state, sizeof(entry->info.state), "shut_off");
    if (table->doubting) {
        entry->info.doubt = VM_DOUBT_VIEWS;
        entry->info.unsettled = entry->info.stale = true;
    }
    table->entries =
        mem_more(table->entries, table->count, sizeof(*table->entries));
    table->entries[table->count++] = entry;
    return entry;
}

void
vm_entry_device(struct vm_entry *entry, struct device *device /* takes */)
{
    for (size_t i = 0; i < entry->ndevices; i++)
        if (!strcmp(entry->devices[i]->id, device->id)) {
            device_free(entry->devices[i]);
            entry->devices[i] = device;
            return;
        }
    entry->devices = mem_more(entry->devices, entry->ndevices,
                              sizeof(*entry->devices));
    entry->devices[entry->ndevices++] = device;
}

/* --- lookup ------------------------------------------------------------- */

/* 2: exact, 1: prefix of the UUID, 0: no. */
static int
names(const char *ref, const char *uuid, const char *name)
{
    if (!strcasecmp(ref, uuid) || (name && !strcmp(ref, name)))
        return 2;
    return strlen(ref) >= PREFIX_MIN && !strncasecmp(ref, uuid, strlen(ref));
}

int
vm_table_find(struct vm_table *table, const char *ref, char uuid[UUID_TEXT],
              struct err *err)
{
    const struct vm_record *hit = NULL, *other = NULL;

    LOCK_SCOPE(&table->lock);
    for (size_t i = 0; i < table->count; i++) {
        const struct vm_info *info = &table->entries[i]->info;
        int how = info->present
                      ? names(ref, info->record.uuid, info->record.name)
                  : info->life.state && !strcasecmp(ref, info->record.uuid)
                      ? 2 /* an engine's: it is to destroy it */
                      : 0;

        if (how == 2) {
            snprintf(uuid, UUID_TEXT, "%s", info->record.uuid);
            return 0;
        }
        if (how && hit)
            other = &info->record;
        else if (how)
            hit = &info->record;
    }
    if (other)
        return err_set(err, ERR_INVALID,
                       "vm: \"%s\" begins the UUIDs of several VMs, \"%s\" "
                       "and \"%s\" among them; give more of it or a name",
                       ref, hit->name, other->name);
    if (!hit)
        return err_set(err, ERR_NOT_FOUND,
                       "There is no VM \"%s\" on this host; expected a UUID, "
                       "the beginning of one, or a name (ListVms shows them)",
                       ref);
    snprintf(uuid, UUID_TEXT, "%s", hit->uuid);
    return 0;
}

static void
copy_info(const struct vm_info *from, struct vm_info *out)
{
    *out = *from;
    out->live = domain_ref(from->live);
    out->config = domain_ref(from->config);
}

bool
vm_table_get(struct vm_table *table, const char *uuid, struct vm_info *out)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (entry)
        copy_info(&entry->info, out);
    return entry != NULL;
}

static int
by_name(const void *a, const void *b)
{
    const struct vm_info *left = a, *right = b;

    return strcmp(left->record.name, right->record.name);
}

struct vm_info *
vm_table_all(struct vm_table *table, size_t *n)
{
    struct vm_info *all;

    *n = 0;
    LOCK_SCOPE(&table->lock);
    all = mem_zalloc(table->count + 1, sizeof(*all));
    for (size_t i = 0; i < table->count; i++)
        if (table->entries[i]->info.present)
            copy_info(&table->entries[i]->info, &all[(*n)++]);
    qsort(all, *n, sizeof(*all), by_name);
    return all;
}

/* --- what the hypervisor says ------------------------------------------- */

bool
vm_table_seen(struct vm_table *table, const struct vm_seen *seen)
{
    struct vm_info *info;

    LOCK_SCOPE(&table->lock);
    info = &vm_entry_add(table, seen->uuid)->info;
    if (seen->event)
        info->told++;
    else if (seen->told != info->told)
        return false;
    info->present = true;
    snprintf(info->record.name, sizeof(info->record.name), "%s", seen->name);
    snprintf(info->state, sizeof(info->state), "%s", seen->state);
    snprintf(info->reason, sizeof(info->reason), "%s", seen->reason);
    info->active = seen->active;
    info->persistent = seen->persistent;
    info->autostart = seen->autostart;
    if (strcmp(seen->state, "paused") != 0)
        info->fault_disk[0] = info->fault_reason[0] = '\0';
    return true;
}

void
vm_table_absent(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (!entry)
        return;
    entry->info.present = entry->info.active = false;
    vm_info_clear(&entry->info);
}

void
vm_table_settled(struct vm_table *table, const char *uuid, bool settled)
{
    LOCK_SCOPE(&table->lock);
    vm_entry_add(table, uuid)->info.unsettled = !settled;
}

void
vm_table_fault(struct vm_table *table, const char *uuid, const char *alias,
               const char *reason)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (!entry)
        return;
    snprintf(entry->info.fault_disk, sizeof(entry->info.fault_disk), "%s",
             alias ? alias : "");
    snprintf(entry->info.fault_reason, sizeof(entry->info.fault_reason), "%s",
             reason ? reason : "");
}

void
vm_table_views(struct vm_table *table, const char *uuid, struct domain *live,
               struct domain *config)
{
    struct vm_info *info;

    LOCK_SCOPE(&table->lock);
    info = &vm_entry_add(table, uuid)->info;
    if (live) {
        domain_unref(info->live);
        info->live = domain_ref(live);
        if (live->ovirt && info->life.state < VM_LIFE_RUNNING)
            info->life = (struct vm_life){.state = VM_LIFE_RUNNING,
                                          .since_ms = clock_mono_ms()};
    }
    if (config) {
        domain_unref(info->config);
        info->config = domain_ref(config);
    }
    info->stale = false;
    info->read_ms = clock_mono_ms();
}

void
vm_table_no_live(struct vm_table *table, const char *uuid)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (!entry)
        return;
    domain_unref(entry->info.live);
    entry->info.live = NULL;
}

void
vm_table_expect(struct vm_table *table, const char *uuid, const char *event)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (!entry || entry->nexpected >= EXPECT_MAX)
        return;
    entry->expected = mem_more(entry->expected, entry->nexpected,
                               sizeof(*entry->expected));
    entry->expected[entry->nexpected++] = mem_dup(event);
}

bool
vm_table_stale(struct vm_table *table, const char *uuid, const char *event)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (!entry)
        return true;
    for (size_t i = 0; i < entry->nexpected; i++) {
        if (strcmp(entry->expected[i], event) != 0)
            continue;
        free(entry->expected[i]);
        entry->expected[i] = entry->expected[--entry->nexpected];
        return false;
    }
    entry->info.stale = true;
    return true;
}

/* --- rows --------------------------------------------------------------- */

void
vm_table_row(struct store_batch *batch, const struct vm_record *record)
{
    store_batch_add(batch,
                    "INSERT INTO vm(vm_id, name, hypervisor, adopted,"
                    " virtio_scsi, guest_os, created_ms, granted)"
                    " VALUES(?1, ?2, 'local', ?3, ?4, ?5, ?6, ?7)"
                    " ON CONFLICT(vm_id) DO UPDATE SET name = ?2,"
                    " adopted = ?3, virtio_scsi = ?4, guest_os = ?5,"
                    " granted = ?7",
                    "ttiitit", record->uuid, record->name,
                    (int64_t)record->adopted, (int64_t)record->virtio_scsi,
                    record->guest_os, clock_wall_ms(), record->granted);
}

void
vm_table_row_gone(struct store_batch *batch, const char *uuid)
{
    store_batch_add(batch, "DELETE FROM device WHERE vm_id = ?", "t", uuid);
    store_batch_add(batch, "DELETE FROM vm WHERE vm_id = ?", "t", uuid);
}

void
vm_table_put(struct vm_table *table, const struct vm_record *record)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_add(table, record->uuid);
    entry->info.record = *record;
    entry->info.recorded = true;
}

static void
keep_life(struct vm_table *table, const char *uuid, const char *name,
          const struct vm_life *life)
{
    struct vm_info *info = &vm_entry_add(table, uuid)->info;

    info->life = *life;
    memcpy(info->record.name, name, sizeof(info->record.name));
}

void
vm_table_remove(struct vm_table *table, const char *uuid)
{
    struct vm_life life;
    char name[256];

    LOCK_SCOPE(&table->lock);
    for (size_t i = 0; i < table->count; i++) {
        const struct vm_info *info = &table->entries[i]->info;

        if (strcmp(info->record.uuid, uuid) != 0)
            continue;
        life = info->life;
        memcpy(name, info->record.name, sizeof(name));
        entry_free(table->entries[i]);
        table->entries[i] = table->entries[--table->count];
        if (life.state != VM_LIFE_NONE) /* its engine has to hear of it */
            keep_life(table, uuid, name, &life);
        return;
    }
}

void
vm_table_device_put(struct vm_table *table, const char *uuid,
                    const struct device *device)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    if (entry)
        vm_entry_device(entry, device_copy(device));
}

void
vm_table_device_remove(struct vm_table *table, const char *uuid,
                       const char *id)
{
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    for (size_t i = 0; entry && i < entry->ndevices; i++) {
        if (strcmp(entry->devices[i]->id, id) != 0)
            continue;
        device_free(entry->devices[i]);
        memmove(&entry->devices[i], &entry->devices[i + 1],
                (entry->ndevices - i - 1) * sizeof(*entry->devices));
        entry->ndevices--;
        return;
    }
}

struct device **
vm_table_devices(struct vm_table *table, const char *uuid, size_t *n)
{
    struct vm_entry *entry;
    struct device **copies;

    *n = 0;
    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    copies = mem_zalloc((entry ? entry->ndevices : 0) + 1, sizeof(*copies));
    for (size_t i = 0; entry && i < entry->ndevices; i++)
        copies[(*n)++] = device_copy(entry->devices[i]);
    return copies;
}

static bool
disk_answers(const struct disk *disk, const char *ref)
{
    return (disk->alias && !strcmp(disk->alias, ref)) ||
           (disk->target && !strcmp(disk->target, ref)) ||
           (disk->serial && !strcmp(disk->serial, ref));
}

struct disk *
vm_table_disk(struct vm_table *table, const char *uuid, const char *ref,
              struct err *err)
{
    const struct disk *hit = NULL;
    bool several = false;
    struct vm_entry *entry;

    LOCK_SCOPE(&table->lock);
    entry = vm_entry_find(table, uuid);
    for (size_t i = 0; entry && i < entry->ndevices; i++) {
        const struct disk *disk = entry->devices[i]->disk;

        if (!disk)
            continue;
        if (names(ref, disk->id, NULL) == 2 || disk_answers(disk, ref))
            return disk_copy(disk);
        if (!names(ref, disk->id, NULL))
            continue;
        several = hit != NULL;
        hit = disk;
    }
    if (several) {
        err_set(err, ERR_INVALID,
                "disk: \"%s\" begins the ids of several disks of the VM; "
                "give more of it",
                ref);
        return NULL;
    }
    if (!hit) {
        err_set(err, ERR_NOT_FOUND,
                "VM \"%s\" has no disk \"%s\"; expected its disk_id, the "
                "beginning of it, its alias, target name or serial "
                "(ListDisks shows them)",
                entry ? entry->info.record.name : uuid, ref);
        return NULL;
    }
    return disk_copy(hit);
}

int
vm_table_disk_owner(struct vm_table *table, const char *ref,
                    char uuid[UUID_TEXT], struct err *err)
{
    int hits = 0;

    LOCK_SCOPE(&table->lock);
    for (size_t i = 0; i < table->count; i++) {
        struct vm_entry *entry = table->entries[i];

        for (size_t k = 0; k < entry->ndevices; k++) {
            if (!entry->devices[k]->disk ||
                !names(ref, entry->devices[k]->disk->id, NULL))
                continue;
            hits++;
            snprintf(uuid, UUID_TEXT, "%s", entry->info.record.uuid);
        }
    }
    if (hits > 1)
        return err_set(err, ERR_INVALID,
                       "disk: \"%s\" names %d attachments; give its whole "
                       "disk_id, and vm when several VMs share it",
                       ref, hits);
    return hits ? 0
                : err_set(err, ERR_NOT_FOUND,
                          "No VM of this host has a disk \"%s\"; expected a "
                          "disk_id or the beginning of one (ListDisks)",
                          ref);
}

bool
vm_table_source_used(struct vm_table *table, const char *path,
                     const char *except_uuid, char out[256])
{
    LOCK_SCOPE(&table->lock);
    for (size_t i = 0; i < table->count; i++) {
        struct vm_entry *entry = table->entries[i];

        if (!strcmp(entry->info.record.uuid, except_uuid) ||
            !entry->info.active || !entry->info.live)
            continue;
        for (size_t k = 0; k < entry->info.live->ndisks; k++) {
            const struct disk *disk = entry->info.live->disks[k];

            if (!disk->path || strcmp(disk->path, path) != 0 ||
                disk->shareable || disk->read_only)
                continue;
            snprintf(out, 256, "%s", entry->info.record.name);
            return true;
        }
    }
    return false;
}

static bool
has_lun(const struct vm_entry *entry, const char *lun, bool shareable)
{
    for (size_t i = 0; i < entry->ndevices; i++) {
        const struct disk *disk = entry->devices[i]->disk;

        if (disk && disk->lun.id && !strcmp(disk->lun.id, lun) &&
            disk->state != DISK_UNPLUGGED && !(shareable && disk->shareable))
            return true;
    }
    return false;
}

bool
vm_table_lun_used(struct vm_table *table, const char *lun, bool shareable,
                  const char *except_uuid, char out[256])
{
    LOCK_SCOPE(&table->lock);
    for (size_t i = 0; i < table->count; i++) {
        const struct vm_entry *entry = table->entries[i];

        if (!strcmp(entry->info.record.uuid, except_uuid) ||
            !entry->info.active || !has_lun(entry, lun, shareable))
            continue;
        snprintf(out, 256, "%s", entry->info.record.name);
        return true;
    }
    return false;
}
