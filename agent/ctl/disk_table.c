// SPDX-License-Identifier: Apache-2.0
/*
 * The table of `disk ls` and `vm show`: what names a disk, where it sits, and
 * what is behind it.
 */
#include "agent/ctl/disk_table.h"

#include "agent/ctl/print.h"

static void
print_source(const json_t *source, struct buf *out)
{
    buf_add_text(
        out, json_get_text(source, "path", json_get_text(source, "type", "")));
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
    {"SOURCE", "source", print_source},
};

void
disk_table_print(FILE *to, const json_t *disks)
{
    print_list(to, disks, columns, sizeof(columns) / sizeof(*columns));
}
