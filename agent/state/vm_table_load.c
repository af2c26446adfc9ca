// SPDX-License-Identifier: Apache-2.0
/* The table of VMs from the database: at the start, or later where the record
 * could not be read then; what the hypervisor has said stays. */
#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/state/vm_entry.h"
#include "agent/state/vm_table.h"

static int
load_vm(void *ctx, const struct store_row *row)
{
    struct vm_table *table = ctx;
    struct vm_entry *entry = vm_entry_add(table, store_row_text(row, 0));
    struct vm_record *record = &entry->info.record;
    const char *os = store_row_text(row, 4);
    const char *granted = store_row_text(row, 5);

    entry->info.recorded = true;
    if (table->doubting && !entry->info.present) {
        entry->info.present = true; /* until the hypervisor says otherwise */
        snprintf(entry->info.state, sizeof(entry->info.state), "unknown");
    }
    snprintf(record->name, sizeof(record->name), "%s", store_row_text(row, 1));
    record->adopted = store_row_int(row, 2) != 0;
    record->virtio_scsi = store_row_int(row, 3) != 0;
    snprintf(record->guest_os, sizeof(record->guest_os), "%s", os ? os : "");
    snprintf(record->granted, sizeof(record->granted), "%s",
             granted ? granted : "");
    return 0;
}

static int
load_device(void *ctx, const struct store_row *row)
{
    struct err err = ERR_INIT;
    const char *vm = store_row_text(row, 0), *id = store_row_text(row, 2);
    struct vm_entry *entry = vm_entry_find(ctx, vm);
    struct device *device = device_from_row(store_row_text(row, 1), id,
                                            store_row_text(row, 3), &err);

    if (!device)
        log_error("The record of device %s of VM %s cannot be read and is "
                  "left out: %s",
                  id, vm, err.message);
    else if (entry)
        vm_entry_device(entry, device);
    else
        device_free(device);
    return 0;
}

/* What the record says is as old as the last event of the VM. */
static int
load_age(void *ctx, const struct store_row *row)
{
    struct vm_entry *entry = vm_entry_find(ctx, store_row_text(row, 0));

    if (entry && !entry->info.read_ms)
        entry->info.read_ms =
            clock_mono_ms() - (clock_wall_ms() - store_row_int(row, 1));
    return 0;
}

int
vm_table_load(struct vm_table *table, struct store *store, struct err *err)
{
    LOCK_SCOPE(&table->lock);

    if (store_read(store, err, load_vm, table,
                   "SELECT vm_id, name, adopted, virtio_scsi, guest_os,"
                   " granted"
                   " FROM vm",
                   "") < 0 ||
        store_read(store, err, load_age, table,
                   "SELECT vm, max(time_ms) FROM event WHERE vm IS NOT NULL"
                   " GROUP BY vm",
                   "") < 0)
        return -1;
    return store_read(store, err, load_device, table,
                      "SELECT vm_id, kind, device_id, spec FROM device"
                      " ORDER BY vm_id, rowid",
                      "");
}
