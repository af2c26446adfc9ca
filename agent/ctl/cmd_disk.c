// SPDX-License-Identifier: Apache-2.0
/*
 * Commands for disks. The rules that rows cannot state: what a source's path
 * says about its type, and that `disk cd` wants a path or --eject.
 */
#include "agent/ctl/cmd_disk.h"

#include <stdlib.h>
#include <string.h>

#include "agent/ctl/disk_table.h"
#include "agent/ctl/grid.h"
#include "agent/ctl/result.h"
#include "agent/ctl/source_url.h"

#define VM_ARG                                      \
    {                                               \
        "VM", ARG_VM, "vm", NULL, true,             \
            "UUID, unique beginning of it, or name" \
    }
#define DISK_ARG                                                    \
    {                                                               \
        "DISK", ARG_DISK, "disk", NULL, true,                       \
            "UUID, unique beginning of it, alias, target or serial" \
    }

#define PENDING_ARG                                               \
    {                                                             \
        "--allow-pending", ARG_SET, "allow_pending", "true", false, \
            "Accept what has no effect before the VM's next start" \
    }

static const struct arg add_args[] = {
    VM_ARG,
    {"PATH", ARG_PATH, "source.path", NULL, false,
     "Image file, block device or iscsi://HOST[:PORT]/IQN/LUN; may be missing "
     "with --cdrom or --json"},
    {"--size", ARG_SIZE, "size", NULL, false,
     "Make the image with this size if it is not there"},
    {"--format", ARG_WORD, "source.format", "raw|qcow2", false,
     "Format of the image"},
    {"--interface", ARG_WORD, "interface", "virtio_scsi|virtio|sata|ide", false,
     "How the guest sees it; default virtio_scsi"},
    {"--controller", ARG_INT, "address.controller", NULL, false,
     "A place on the virtio-scsi controller of this index"},
    {"--no-plug", ARG_SET, "plugged", "false", false,
     "Record it only, also when the VM runs"},
    {"--id", ARG_TEXT, "disk_id", "UUID", false, "Its identity"},
    {"--serial", ARG_TEXT, "serial", NULL, false, "Serial number"},
    {"--wwn", ARG_TEXT, "wwn", "HEX", false, "World wide name"},
    {"--read-only", ARG_SET, "read_only", "true", false,
     "The guest may not write"},
    {"--shareable", ARG_SET, "shareable", "true", false,
     "May be plugged into several VMs at once"},
    {"--boot-order", ARG_INT, "boot_order", NULL, false,
     "Place in the boot order"},
    {"--cache", ARG_WORD, "cache",
     "none|writethrough|writeback|directsync|unsafe|default", false,
     "Cache mode"},
    {"--io", ARG_WORD, "io", "native|threads|io_uring|default", false,
     "How QEMU does I/O"},
    {"--discard", ARG_WORD, "discard", "unmap|ignore", false,
     "What a guest's discard does"},
    {"--error-policy", ARG_WORD, "error_policy", "stop|report|ignore|enospace",
     false, "What an I/O error does"},
    {"--block", ARG_SET, "source.type", "\"block\"", false,
     "PATH is a block device; assumed below /dev"},
    {"--cdrom", ARG_SET, "kind", "\"cdrom\"", false,
     "A CD-ROM drive; PATH is its medium"},
    {"--lun", ARG_SET, "kind", "\"lun\"", false,
     "A whole LUN whose SCSI commands come from the guest"},
    {"--sgio", ARG_WORD, "sgio", "filtered|unfiltered", false,
     "Which SCSI commands a LUN takes"},
    {"--rawio", ARG_SET, "rawio", "true", false,
     "CAP_SYS_RAWIO for the VM's QEMU, from its next start"},
    {"--reservations", ARG_SET, "reservations", "true", false,
     "Persistent reservations of a LUN"},
    PENDING_ARG,
    {"--json", ARG_FILE, NULL, NULL, false,
     "A disk object (JSON) for everything else; options win over it"},
};

static const struct arg rm_args[] = {
    VM_ARG,
    DISK_ARG,
    {"--delete", ARG_SET, "delete", "true", false, "Delete the image too"},
};

static const struct arg disk_args[] = {VM_ARG, DISK_ARG};

static const struct arg plug_args[] = {VM_ARG, DISK_ARG, PENDING_ARG};

static const struct arg update_args[] = {
    VM_ARG,
    DISK_ARG,
    PENDING_ARG,
    {"FIELD=VALUE", ARG_FIELDS, "set", NULL, true,
     "Fields to change, such as cache=writeback "
     "iotune.total_iops_sec=500"},
};

static const struct arg resize_args[] = {
    VM_ARG,
    DISK_ARG,
    {"SIZE", ARG_SIZE, "size", NULL, false,
     "New size; it can only grow. Without it a LUN's is read anew"},
};

static const struct arg cd_args[] = {
    VM_ARG,
    DISK_ARG,
    {"PATH", ARG_PATH, "source.path", NULL, false, "The new medium"},
    {"--eject", ARG_SET, "source", "null", false, "Leave the drive empty"},
    {"--force", ARG_SET, "force", "true", false,
     "Also when the guest has locked the tray"},
};

static const struct arg ls_args[] = {
    {"VM", ARG_VM, "vm", NULL, false, "One VM; default all"},
};

/* PATH may be a word for a source of another type. */
static int
source_type(json_t *params, struct err *err)
{
    json_t *source = json_object_get(params, "source");
    CLEANUP_FREE char *path = NULL;

    if (!json_get_text(source, "path", NULL))
        return 0;
    path = strdup(json_get_text(source, "path", ""));
    json_object_del(source, "path");
    return path ? source_url_read(path, source, err) : 0;
}

static int
finish_cd(json_t *params, struct err *err)
{
    if (!json_object_get(params, "source"))
        return err_set(err, ERR_INVALID,
                       "PATH is missing: name the new medium, or use --eject");
    return source_type(params, err);
}

static void
print_disks(const struct ctl *ctl, const struct command *command,
            const json_t *result)
{
    disk_table_print(ctl->out, json_object_get(result, command->list));
}

/* What became of each field of UpdateVmDisk. */
static void
print_effects(const struct ctl *ctl, const struct command *command,
              const json_t *result)
{
    static const char *const titles[] = {"FIELD", "EFFECT", "WHY"};
    CLEANUP_GRID struct grid *grid = grid_new(titles, 3);
    json_t *fields = json_object_get(result, "fields"), *value;
    const char *name;

    result_receipt(ctl, command, result);
    json_object_foreach(fields, name, value)
    {
        grid_add(grid, name);
        grid_add(grid, json_get_text(value, "effect", NULL));
        grid_add(grid, json_get_text(value, "why", NULL));
    }
    if (json_object_size(fields))
        grid_print(grid, ctl->out);
}

#define ROW(word, wire_verb, text, rows)                          \
    .noun = "disk", .verb = word, .wire = wire_verb, .doc = text, \
    COMMAND_ARGS(rows)
#define CHANGE(past) .mutating = true, .done = past, .name = "disk_id"

const struct command cmd_disk_rows[] = {
    {ROW("add", "AddDisk", "Record a disk in a VM; plug it when the VM runs",
         add_args),
     CHANGE("added"), .finish = source_type},
    {ROW("rm", "RemoveDisk", "Remove it from the VM, address and all", rm_args),
     CHANGE("removed")},
    {ROW("plug", "HotPlugDisk", "Plug a recorded disk into the running VM",
         plug_args),
     CHANGE("plugged")},
    {ROW("unplug", "HotUnplugDisk", "Unplug it; its address stays its own",
         disk_args),
     CHANGE("unplugged")},
    {ROW("update", "UpdateVmDisk", "Change fields, now or at the next start",
         update_args),
     CHANGE("updated"), .print = print_effects},
    {ROW("resize", "ResizeDisk", "Grow it, or read a LUN's capacity anew",
         resize_args), CHANGE("resized")},
    {ROW("cd", "ChangeCd", "Change or eject the medium of a CD-ROM", cd_args),
     CHANGE("changed"), .finish = finish_cd},
    {ROW("show", "GetDisk", "All that is known of it", disk_args),
     .name = "disk_id"},
    {ROW("ls", "ListDisks", "List disks with their addresses", ls_args),
     .list = "disks", .name = "disk_id", .print = print_disks},
};
const size_t cmd_disk_nrows = sizeof(cmd_disk_rows) / sizeof(*cmd_disk_rows);
