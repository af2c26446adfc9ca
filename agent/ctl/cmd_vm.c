// SPDX-License-Identifier: Apache-2.0
/*
 * Commands for VMs: rows, and how a list, the XML and the topology are shown.
 */
#include "agent/ctl/cmd_vm.h"

#include <string.h>

#include "agent/common/file.h"
#include "agent/ctl/client.h"
#include "agent/ctl/disk_table.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/picture.h"
#include "agent/ctl/print.h"
#include "agent/ctl/result.h"
#include "agent/ctl/term.h"
#include "agent/ctl/tree.h"

#define TOPOLOGY_WAIT_MS 60000

#define VM_ARG                                      \
    {                                               \
        "VM", ARG_VM, "vm", NULL, true,             \
            "UUID, unique beginning of it, or name" \
    }

static const struct arg create_args[] = {
    {"NAME", ARG_TEXT, "name", NULL, true, "Name of the VM"},
    {"--memory", ARG_SIZE, "memory", NULL, false, "Memory, such as 1G"},
    {"--vcpus", ARG_INT, "vcpus", NULL, false, "Virtual CPUs"},
    {"--machine", ARG_TEXT, "machine", "TYPE", false,
     "Machine type: q35 (default) or pc"},
    {"--virtio-scsi", ARG_BOOL, "virtio_scsi", NULL, false,
     "Whether it has a virtio-scsi controller from the start"},
    {"--spare-root-ports", ARG_INT, "spare_root_ports", NULL, false,
     "Free PCIe root ports for hot-plug (q35)"},
    {"--graphics", ARG_WORD, "graphics", "none|vnc", false, "Graphics"},
    {"--firmware", ARG_WORD, "firmware", "bios|uefi", false, "Firmware"},
    {"--kernel", ARG_PATH, "kernel", NULL, false, "Kernel to boot directly"},
    {"--initrd", ARG_PATH, "initrd", NULL, false, "Its initial RAM disk"},
    {"--cmdline", ARG_TEXT, "cmdline", NULL, false, "Its command line"},
    {"--serial-log", ARG_PATH, "serial_log", NULL, false,
     "File that gets what the guest writes to its serial port"},
    {"--json", ARG_FILE, NULL, NULL, false,
     "A VM object (JSON) for everything else; options win over it"},
};

static const struct arg update_args[] = {
    VM_ARG,
    {"--memory", ARG_SIZE, "memory", NULL, false, "Memory"},
    {"--vcpus", ARG_INT, "vcpus", NULL, false, "Virtual CPUs"},
    {"--virtio-scsi", ARG_BOOL, "virtio_scsi", NULL, false,
     "Whether it has a virtio-scsi controller"},
    {"--autostart", ARG_BOOL, "autostart", NULL, false,
     "Whether it starts with the host"},
    {"--controllers", ARG_JSON, "controllers", "[{\"index\": 0, …}, …]", false,
     "All virtio-scsi controllers as they shall be"},
};

static const struct arg vm_args[] = {VM_ARG};

static const struct arg start_args[] = {
    VM_ARG,
    {"--paused", ARG_SET, "paused", "true", false, "Start it paused"},
};

static const struct arg reboot_args[] = {
    VM_ARG,
    {"--reset", ARG_SET, "reset", "true", false,
     "Reset it at once instead of asking the guest"},
};

static const struct arg stats_args[] = {
    {"VM", ARG_VM, "vm", NULL, false, "One VM; default all"},
};

static const struct arg xml_args[] = {
    VM_ARG,
    {"--live", ARG_SET, "which", "\"live\"", false, "Of the running VM"},
    {"--config", ARG_SET, "which", "\"config\"", false,
     "The definition: what the next start uses"},
};

static void
print_vms(const struct ctl *ctl, const struct command *command,
          const json_t *result)
{
    static const struct print_column columns[] = {
        {"NAME", "name", NULL},
        {"STATE", "state", NULL},
        {">MEMORY", "memory", print_size},
        {">VCPUS", "vcpus", NULL},
        {">DISKS", "disks", NULL},
        {"VM", "vm_id", print_short},
        {"WHY PAUSED", "paused_because.reason", NULL},
    };

    print_list(ctl->out, json_object_get(result, command->list), columns,
               sizeof(columns) / sizeof(*columns));
}

/* The fields, and the disks as their table (with the VM's name in it). */
static void
print_vm(const struct ctl *ctl, const struct command *command,
         const json_t *result)
{
    CLEANUP_JSON json_t *vm = json_deep_copy(result);
    CLEANUP_JSON json_t *disks = json_incref(json_object_get(vm, "disks"));
    json_t *disk;
    size_t i;

    (void)command;
    json_object_del(vm, "disks");
    print_fields(ctl->out, vm, 0);
    json_array_foreach(disks, i, disk)
    {
        json_put_text(disk, "vm_name", json_get_text(vm, "name", NULL));
    }
    if (!json_array_size(disks))
        return;
    fputc('\n', ctl->out);
    disk_table_print(ctl->out, disks);
}

static void
print_xml(const struct ctl *ctl, const struct command *command,
          const json_t *result)
{
    const char *xml = json_get_text(result, "xml", "");

    (void)command;
    if (term_is_tty(ctl->out))
        term_print(ctl->out, xml, true);
    else
        fputs(xml, ctl->out);
}

static const struct arg topology_args[] = {
    VM_ARG,
    {"--svg", ARG_TEXT, "svg", "FILE", false,
     "Write a picture (SVG) to this file; - is standard output"},
};

static int
write_picture(const struct ctl *ctl, const char *path, const json_t *result,
              struct err *err)
{
    CLEANUP_BUF struct buf svg = BUF_INIT;

    picture_draw(result, &svg);
    if (strcmp(path, "-") == 0) {
        fwrite(svg.data, 1, svg.len, ctl->out);
        return 0;
    }
    return file_write(path, svg.data, svg.len, 0644, err);
}

static int
run_topology(const struct ctl *ctl, const struct command *command,
             struct client *client, const json_t *params)
{
    CLEANUP_JSON json_t *asked = json_copy((json_t *)params);
    CLEANUP_JSON json_t *refusal = NULL, *result = NULL;
    const char *path = json_get_text(params, "svg", NULL);
    struct err err = ERR_INIT;

    json_object_del(asked, "svg");
    result = client_call(client, command->wire, asked, TOPOLOGY_WAIT_MS,
                         &refusal, &err);
    if (result && !path)
        return (int)result_print(ctl, command, result);
    if (result && write_picture(ctl, path, result, &err) == 0)
        return CTL_OK;
    if (refusal && ctl->output == CTL_JSON) {
        print_json(ctl->err, refusal);
        return (int)fail_code(err.kind);
    }
    return (int)fail_print(ctl->err, command->wire, &err, refusal);
}

static void
print_topology(const struct ctl *ctl, const struct command *command,
               const json_t *result)
{
    (void)command;
    tree_print(result, ctl->out);
}

#define ROW(word, wire_verb, text, rows)                        \
    .noun = "vm", .verb = word, .wire = wire_verb, .doc = text, \
    COMMAND_ARGS(rows)
#define CHANGE(past) .mutating = true, .done = past, .name = "vm_id"

static const struct arg portability_args[] = {
    {"VM", ARG_VM, "vm", NULL, true, "The VM"},
    {"--to", ARG_TEXT, "to", "NAME", true,
     "hypervisor of the other kind (host ls)"},
};

const struct command cmd_vm_rows[] = {
    {ROW("create", "CreateVm", "Define a VM", create_args), CHANGE("created")},
    {ROW("update", "UpdateVm", "Change memory, vCPUs or virtio-scsi",
         update_args),
     CHANGE("updated")},
    {ROW("start", "StartVm", "Start it", start_args), CHANGE("started")},
    {ROW("shutdown", "ShutdownVm", "Ask the guest to shut down", vm_args),
     CHANGE("asked to shut down")},
    {ROW("destroy", "DestroyVm", "Stop it at once, as if unplugged", vm_args),
     CHANGE("stopped")},
    {ROW("reboot", "RebootVm", "Ask the guest to reboot", reboot_args),
     CHANGE("rebooted")},
    {ROW("suspend", "SuspendVm", "Pause its CPUs", vm_args),
     CHANGE("suspended")},
    {ROW("resume", "ResumeVm", "Let its CPUs run again", vm_args),
     CHANGE("resumed")},
    {ROW("delete", "DeleteVm", "Remove its definition; images stay", vm_args),
     CHANGE("deleted")},
    {ROW("show", "GetVm", "All that is known of it", vm_args), .name = "vm_id",
     .print = print_vm},
    {.noun = "vm",
     .verb = "ls",
     .wire = "ListVms",
     .doc = "List the VMs",
     .list = "vms",
     .name = "name",
     .print = print_vms},
    {ROW("xml", "GetVmXml", "Its XML as libvirt has it", xml_args),
     .print = print_xml},
    {ROW("stats", "GetVmStats", "CPU, memory and I/O counters", stats_args),
     .name = "vm_id"},
    {ROW("topology", "GetTopology",
         "Buses, controllers, ports, disks: tree or picture", topology_args),
     .print = print_topology, .name = "vm", .run = run_topology},
    {.noun = "vm",
     .verb = "portability",
     .wire = "GetPortability",
     .doc = "What moving its disks elsewhere would lose",
     COMMAND_ARGS(portability_args)},
};
const size_t cmd_vm_nrows = sizeof(cmd_vm_rows) / sizeof(*cmd_vm_rows);
