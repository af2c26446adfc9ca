// SPDX-License-Identifier: Apache-2.0
/*
 * The table of `disk ls` and `vm show`: what names a disk, where it sits, what
 * is behind it, and what a LUN's guest may do.
 */
#include "agent/ctl/disk_table.h"

#include <stdbool.h>

#include "agent/ctl/print.h"
#include "agent/ctl/source_url.h"

/* "unfiltered rawio reservations": what a LUN has in force. */
static void
print_effective(const json_t *effective, struct buf *out)
{
    static const char *const flags[] = {"rawio", "reservations"};

    buf_add_text(out, json_get_text(effective, "sgio", ""));
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (json_get_bool(effective, flags[i], false))
            buf_printf(out, " %s", flags[i]);
}

static const struct print_column columns[] = {
    {"DISK", "disk_id", print_short},
    {"VM", "vm_name", NULL},
    {"KIND", "kind", NULL},
    {"INTERFACE", "interface", NULL},
    {"ADDRESS", "address", NULL},
    {"STATE", "state", NULL},
    {"TARGET", "target", NULL},
    {"SERIAL", "serial", print_short},
    {"SOURCE", "source", source_url_print},
    /* of LUNs only */
    {"SGIO", "sgio", NULL},
    {"IN FORCE", "effective", print_effective},
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))
#define LUN_COLUMNS 2

static bool
has_lun(const json_t *disks)
{
    const json_t *disk;
    size_t i;

    json_array_foreach(disks, i, disk)
    {
        if (json_object_get(disk, "effective"))
            return true;
    }
    return false;
}

void
disk_table_print(FILE *to, const json_t *disks)
{
    print_list(to, disks, columns,
               has_lun(disks) ? COLUMNS : COLUMNS - LUN_COLUMNS);
}
