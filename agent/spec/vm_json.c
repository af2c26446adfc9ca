// SPDX-License-Identifier: Apache-2.0
/*
 * The wish of CreateVm: read by rows, defaults filled in, ids and MACs made,
 * then the rules between fields: what the machine type has, which controller
 * and I/O thread exists, what may stand only once.
 */
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/vm.h"

#define MIB (1024 * 1024)
#define MEMORY_MAX ((int64_t)1 << 44)
#define IOTHREADS_MAX 64
#define ORDER_MAX 1000 /* of boot_order, as disk_check has it */

const struct field vm_fields[] = {
    {.name = "vm_id",
     .type = FIELD_UUID,
     .doc = "Identity of the VM; made when absent"},
    {.name = "name",
     .type = FIELD_NAME,
     .required = true,
     .doc = "Name of the VM, unique on its hypervisor"},
    {.name = "memory",
     .type = FIELD_INT,
     .required = true,
     .min = MIB,
     .max = MEMORY_MAX,
     .range = "bytes, a multiple of 1 MiB up to 16 TiB",
     .doc = "Memory of the guest"},
    {.name = "vcpus",
     .type = FIELD_INT,
     .deflt = "1",
     .min = 1,
     .max = 255,
     .range = "1..255",
     .doc = "Virtual CPUs"},
    {.name = "arch",
     .type = FIELD_ENUM,
     .deflt = "\"x86_64\"",
     .range = "x86_64",
     .doc = "Architecture of the guest"},
    {.name = "machine",
     .type = FIELD_NAME,
     .deflt = "\"q35\"",
     .range = "q35, pc, or a version such as pc-q35-7.2",
     .doc = "Machine type; only q35 has root ports to hot-plug into"},
    {.name = "firmware",
     .type = FIELD_ENUM,
     .deflt = "\"bios\"",
     .range = "bios|uefi",
     .doc = "Firmware that boots the guest"},
    {.name = "virt",
     .type = FIELD_ENUM,
     .range = "kvm|qemu",
     .doc = "How the guest runs; default what works on this host"},
    {.name = "guest_os",
     .type = FIELD_NAME,
     .deflt = "\"linux\"",
     .range = "linux, windows, windows_xp, …",
     .doc = "What runs inside"},
    {.name = "virtio_scsi",
     .type = FIELD_BOOL,
     .doc = "Has a virtio-scsi controller, even with no disk on it; default "
            "by setting vm.virtio_scsi"},
    {.name = "iothreads",
     .type = FIELD_INT,
     .deflt = "0",
     .min = 0,
     .max = IOTHREADS_MAX,
     .range = "0..64",
     .doc = "I/O threads"},
    {.name = "spare_root_ports",
     .type = FIELD_INT,
     .min = 0,
     .max = 240,
     .range = "0..240",
     .doc = "Free PCIe root ports for hot-plug, beyond those in use; default "
            "by setting vm.spare_root_ports"},
    {.name = "controllers",
     .type = FIELD_ARRAY,
     .max = VM_CONTROLLERS_MAX,
     .range = "at most 16 objects {index, queues, iothread, max_sectors, "
              "cmd_per_lun, address}",
     .doc = "virtio-scsi controllers; default one with index 0, or one per "
            "I/O thread by setting scsi.controllers"},
    {.name = "disks",
     .type = FIELD_ARRAY,
     .max = VM_DISKS_MAX,
     .range = "at most 4096 disk objects",
     .doc = "Disks, as in AddDisk"},
    {.name = "nics",
     .type = FIELD_ARRAY,
     .max = VM_NICS_MAX,
     .range = "at most 32 objects {nic_id, mac, network, bridge, model, "
              "address}",
     .doc = "Network cards; without network and bridge on QEMU's user network"},
    {.name = "graphics",
     .type = FIELD_ENUM,
     .deflt = "\"none\"",
     .range = "none|vnc",
     .doc = "Screen: VNC on 127.0.0.1, or none"},
    {.name = "serial_log",
     .type = FIELD_PATH,
     .doc = "File that gets what the guest writes to its serial port"},
    {.name = "kernel", .type = FIELD_PATH, .doc = "Kernel to boot directly"},
    {.name = "initrd", .type = FIELD_PATH, .doc = "Its initial RAM disk"},
    {.name = "cmdline",
     .type = FIELD_TEXT,
     .max = 2047,
     .doc = "Its command line"},
    {.name = "autostart",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Start with the host"},
};
const size_t vm_nfields = VM_NFIELDS;
_Static_assert(sizeof(vm_fields) / sizeof(vm_fields[0]) == VM_NFIELDS,
               "VM_NFIELDS counts the rows");

static const char *const output_only[] = {"hypervisor", "state",
                                          "paused_because"};

static int
refuse(const char *prefix, const char *name, const json_t *obj,
       const char *expected, struct err *err)
{
    return field_refuse(prefix, name, json_object_get(obj, name), expected,
                        err);
}

/* --- controllers -------------------------------------------------------- */

static int
read_controller(struct vm *vm, const json_t *obj, const char *at,
                struct err *err)
{
    struct controller *c = &vm->controllers[vm->ncontrollers];

    if (!vm->virtio_scsi)
        return refuse("", "virtio_scsi", NULL,
                      "true, or no controllers: these are virtio-scsi", err);
    if (controller_from_json(obj, at, c, err) < 0)
        return -1;
    /* libvirt fills a gap with controllers of a model it chooses. */
    if (c->index != vm->ncontrollers)
        return refuse(at, "index", obj, "0, 1, 2 … in order, with no gap", err);
    if (c->iothread > vm->iothreads)
        return refuse(at, "iothread", obj,
                      "at most the VM's iothreads, or null", err);
    c->leaving = false;
    vm->ncontrollers++;
    return 0;
}

static int
read_nic(struct vm *vm, const json_t *obj, const char *at, struct err *err)
{
    struct vm_nic *nic = &vm->nics[vm->nnics];

    if (vm_nic_from_json(obj, at, vm_is_q35(vm), nic, err) < 0)
        return -1;
    for (size_t i = 0; i < vm->nnics; i++)
        if (strcmp(vm->nics[i].id, nic->id) == 0) {
            vm_nic_clear(nic);
            return refuse(at, "nic_id", obj, "an id that no other NIC has",
                          err);
        }
    vm->nnics++;
    return 0;
}

/* --- disks -------------------------------------------------------------- */

/* A cdrom of i440fx is on ide when nothing is said; that of q35 on sata. */
static json_t *
disk_wish(const struct vm *vm, const json_t *obj)
{
    json_t *wish = json_is_object(obj) ? json_copy((json_t *)obj)
                                       : json_incref((json_t *)obj);

    if (!vm_is_q35(vm) && !json_get_text(obj, "interface", NULL) &&
        strcmp(json_get_text(obj, "kind", ""), "cdrom") == 0)
        json_put_text(wish, "interface", "ide");
    return wish;
}

static int
check_disk(const struct vm *vm, const struct disk *disk, const json_t *obj,
           const char *at, struct err *err)
{
    bool q35 = vm_is_q35(vm);
    const char *expected = NULL;
    CLEANUP_FREE char *param = NULL;

    if (disk->interface == DISK_VIRTIO_SCSI && !vm->virtio_scsi)
        expected = "an interface that the VM has: its virtio_scsi is false";
    if (disk->interface == DISK_SATA && !q35)
        expected = "virtio_scsi or virtio (a cdrom: ide or virtio_scsi): a pc "
                   "machine has no sata";
    if (disk->interface == DISK_IDE && q35)
        expected = "sata or virtio_scsi: a q35 machine has no ide";
    if (disk->iothread > vm->iothreads)
        return refuse(at, "iothread", obj,
                      "at most the VM's iothreads, or null", err);
    if (disk->on_controller && disk->controller >= vm->ncontrollers)
        return refuse(at, "address", obj, "a controller that the VM has", err);
    if (disk->interface == DISK_VIRTIO_SCSI &&
        disk->address.type == ADDRESS_DRIVE &&
        disk->address.drive.unit > vm_os_unit_max(vm->guest_os))
        return refuse(at, "address", obj,
                      "unit 0..254: a Windows guest sees no LUN above that",
                      err);
    if (!expected)
        return 0;
    param = mem_printf("%sinterface", at);
    return err_param(err, ERR_INVALID, param,
                     disk_interface_name(disk->interface), expected);
}

static int
read_disk(struct vm *vm, const json_t *obj, const char *at, struct err *err)
{
    CLEANUP_JSON json_t *wish = disk_wish(vm, obj);
    CLEANUP_DISK struct disk *disk = disk_from_json(wish, at, err);

    if (!disk || check_disk(vm, disk, wish, at, err) < 0)
        return -1;
    vm->disks = mem_more(vm->disks, vm->ndisks, sizeof(*vm->disks));
    vm->disks[vm->ndisks++] = STEAL(disk);
    return 0;
}

static int
by_id(const void *a, const void *b)
{
    return strcmp((*(struct disk *const *)a)->id,
                  (*(struct disk *const *)b)->id);
}

/* Ids and boot orders stand once. */
static int
check_unique(const struct vm *vm, struct err *err)
{
    CLEANUP_FREE struct disk **sorted = mem_zalloc(vm->ndisks, sizeof(*sorted));
    bool orders[ORDER_MAX + 1] = {false};

    for (size_t i = 0; i < vm->ndisks; i++) {
        unsigned order = vm->disks[i]->boot_order;
        char text[16];

        sorted[i] = vm->disks[i];
        snprintf(text, sizeof(text), "%u", order);
        if (order && orders[order])
            return err_param(err, ERR_INVALID, "disks.boot_order", text,
                             "an order that no other disk has");
        orders[order] = true;
    }
    qsort(sorted, vm->ndisks, sizeof(*sorted), by_id);
    for (size_t i = 1; i < vm->ndisks; i++)
        if (strcmp(sorted[i]->id, sorted[i - 1]->id) == 0)
            return err_param(err, ERR_INVALID, "disks.disk_id", sorted[i]->id,
                             "an id that no other disk has");
    return 0;
}

/* --- the VM ------------------------------------------------------------- */

static int
read_each(struct vm *vm, const json_t *obj, const char *key,
          int (*read)(struct vm *vm, const json_t *obj, const char *at,
                      struct err *err),
          struct err *err)
{
    const json_t *array = json_object_get(obj, key);

    for (size_t i = 0; i < json_array_size(array); i++) {
        CLEANUP_FREE char *at = mem_printf("%s[%zu].", key, i);

        if (read(vm, json_array_get(array, i), at, err) < 0)
            return -1;
    }
    return 0;
}

static void
read_scalars(struct vm *vm, const json_t *obj, const struct vm_defaults *d)
{
    if (!uuid_canon(json_get_text(obj, "vm_id", ""), vm->id))
        uuid_new(vm->id);
    vm->name = mem_dup(json_get_text(obj, "name", ""));
    vm->memory = (uint64_t)json_get_int(obj, "memory", 0);
    vm->vcpus = (unsigned)json_get_int(obj, "vcpus", 1);
    vm->arch = mem_dup(json_get_text(obj, "arch", ""));
    vm->machine = mem_dup(json_get_text(obj, "machine", ""));
    vm->firmware = mem_dup(json_get_text(obj, "firmware", ""));
    vm->virt = mem_dup(json_get_text(obj, "virt", d->virt));
    vm->guest_os = mem_dup(json_get_text(obj, "guest_os", ""));
    vm->virtio_scsi = json_get_bool(obj, "virtio_scsi", d->virtio_scsi);
    vm->iothreads = (unsigned)json_get_int(obj, "iothreads", 0);
    vm->spare_root_ports = (unsigned)json_get_int(
        obj, "spare_root_ports", (json_int_t)d->spare_root_ports);
    vm->graphics = mem_dup(json_get_text(obj, "graphics", ""));
    vm->serial_log = mem_dup(json_get_text(obj, "serial_log", NULL));
    vm->kernel = mem_dup(json_get_text(obj, "kernel", NULL));
    vm->initrd = mem_dup(json_get_text(obj, "initrd", NULL));
    vm->cmdline = mem_dup(json_get_text(obj, "cmdline", NULL));
    vm->autostart = json_get_bool(obj, "autostart", 0);
    vm->per_iothread = d->per_iothread;
}

static int
check_scalars(const struct vm *vm, const json_t *obj, struct err *err)
{
    if (vm->memory % MIB)
        return refuse("", "memory", obj, "bytes, a multiple of 1 MiB (1048576)",
                      err);
    if (!vm_is_q35(vm) && strcmp(vm->machine, "pc") != 0 &&
        strncmp(vm->machine, "pc-i440fx-", 10) != 0)
        return refuse("", "machine", obj,
                      "q35, pc, or a version such as pc-q35-7.2", err);
    if (vm->virtio_scsi && !vm_os_has_virtio_scsi(vm->guest_os))
        return err_param(err, ERR_INVALID, "virtio_scsi", "true",
                         "false: guest_os windows_xp has no driver for it");
    if (!vm->kernel && (vm->initrd || vm->cmdline))
        return refuse("", vm->initrd ? "initrd" : "cmdline", obj,
                      "a kernel beside it", err);
    return 0;
}

/* One, or one for each I/O thread. */
static void
default_controllers(struct vm *vm)
{
    unsigned n = vm->per_iothread && vm->iothreads ? vm->iothreads : 1;

    for (unsigned i = 0; i < n && i < VM_CONTROLLERS_MAX; i++) {
        struct controller *c = &vm->controllers[vm->ncontrollers++];

        controller_init(c, "scsi", "virtio-scsi", i);
        c->iothread = vm->per_iothread && vm->iothreads ? i + 1 : 0;
    }
}

static int
read_devices(struct vm *vm, const json_t *obj, struct err *err)
{
    if (read_each(vm, obj, "controllers", read_controller, err) < 0)
        return -1;
    if (vm->virtio_scsi && vm->ncontrollers == 0)
        default_controllers(vm);
    if (read_each(vm, obj, "disks", read_disk, err) < 0 ||
        read_each(vm, obj, "nics", read_nic, err) < 0)
        return -1;
    return check_unique(vm, err);
}

struct vm *
vm_from_json(const json_t *obj, const struct vm_defaults *defaults,
             struct err *err)
{
    CLEANUP_VM struct vm *vm = vm_new();
    CLEANUP_JSON json_t *given = json_copy((json_t *)obj);
    CLEANUP_JSON json_t *wish = NULL;

    for (size_t i = 0; i < sizeof(output_only) / sizeof(output_only[0]); i++)
        json_object_del(given, output_only[i]);
    if (field_check(vm_fields, vm_nfields, "", given, err) < 0)
        return NULL;
    wish = field_defaults(vm_fields, vm_nfields, given);
    read_scalars(vm, wish, defaults);
    if (check_scalars(vm, wish, err) < 0 || read_devices(vm, wish, err) < 0)
        return NULL;
    return STEAL(vm);
}
