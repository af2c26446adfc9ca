// SPDX-License-Identifier: Apache-2.0
/*
 * The VM object and the disk list. Nothing is asked of libvirt here: answers
 * carry age_ms, the age of what they say, and settled, whether it is known to
 * be so still.
 */
#include "agent/verbs/vm_view.h"

#include <string.h>
#include <strings.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/plan/grant.h"
#include "agent/plan/plan.h"

#define PREFIX_MIN 4 /* as vm_table: the shortest prefix that names a disk */
#define PC_SLOT_FIRST 2
#define PC_SLOT_LAST 31
#define PCI_FUNCTIONS 8

static bool
same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/*
 * Whether the disk stands in the list already. A disk of a definition has no
 * alias unless berth gave it one; then the target name, unique in a domain,
 * tells. Views and rows are mostly in the same order: the search begins
 * behind the last hit, so that a thousand disks cost a thousand looks.
 */
static bool
is_shown(const struct vm_view *view, const struct disk *disk, size_t *next)
{
    for (size_t i = 0; i < view->ndisks; i++) {
        size_t at = (*next + i) % view->ndisks;
        const struct disk *shown = view->disks[at];

        if (!same_text(shown->alias, disk->alias) &&
            (shown->state == DISK_UNPLUGGED ||
             !same_text(shown->target, disk->target)))
            continue;
        *next = at + 1;
        return true;
    }
    return false;
}

static void
show(struct vm_view *view, const struct disk *disk)
{
    view->disks = mem_more(view->disks, view->ndisks, sizeof(*view->disks));
    view->disks[view->ndisks++] = disk;
}

static void
show_unrecorded(struct vm_view *view, const struct domain *domain)
{
    size_t next = 0;

    for (size_t i = 0; domain && i < domain->ndisks; i++)
        if (!is_shown(view, domain->disks[i], &next))
            show(view, domain->disks[i]);
}

bool
vm_view_load(struct vm_table *vms, const char *uuid, struct vm_view *out)
{
    struct vm_info *info = &out->info;

    memset(out, 0, sizeof(*out));
    if (!vm_table_get(vms, uuid, info))
        return false;
    out->devices = vm_table_devices(vms, uuid, &out->ndevices);
    out->now = info->active && info->live ? info->live : info->config;
    for (size_t i = 0; i < out->ndevices; i++)
        if (out->devices[i]->disk)
            show(out, out->devices[i]->disk);
    if (info->active)
        show_unrecorded(out, info->live);
    show_unrecorded(out, info->config);
    return true;
}

void
vm_view_clear(struct vm_view *view)
{
    device_free_all(view->devices, view->ndevices);
    vm_info_clear(&view->info);
    free(view->disks);
    memset(view, 0, sizeof(*view));
}

void
vm_view_each(struct vm_table *vms,
             void (*fn)(const struct vm_view *view, void *arg), void *arg)
{
    size_t n;
    CLEANUP_FREE struct vm_info *all = vm_table_all(vms, &n);

    for (size_t i = 0; i < n; i++) {
        CLEANUP_VM_VIEW struct vm_view view = {0};

        if (vm_view_load(vms, all[i].record.uuid, &view))
            fn(&view, arg);
        vm_info_clear(&all[i]);
    }
}

struct address_pool *
vm_view_addresses(const struct vm_view *view)
{
    const struct known known = {.vm = &view->info,
                                .devices = view->devices,
                                .ndevices = view->ndevices};

    return known_addresses(&known, NULL);
}

static struct vm_view_ports
root_ports(const struct domain *domain, const struct address_pool *pool)
{
    struct vm_view_ports ports = {0, 0};
    CLEANUP_FREE struct domain_port *all =
        domain_ports(domain, pool, &ports.total);

    for (size_t i = 0; i < ports.total; i++)
        ports.free += all[i].holder == NULL;
    return ports;
}

/* The machine type pc has one bus with slots. */
static struct vm_view_ports
slots(const struct address_pool *pool)
{
    struct vm_view_ports ports = {PC_SLOT_LAST - PC_SLOT_FIRST + 1, 0};

    for (unsigned slot = PC_SLOT_FIRST; slot <= PC_SLOT_LAST; slot++) {
        struct address a = {.type = ADDRESS_PCI};
        bool held = false;

        a.pci.slot = slot;
        for (; a.pci.function < PCI_FUNCTIONS && !held; a.pci.function++)
            held = address_pool_owner(pool, NULL, &a) != NULL;
        ports.free += !held;
    }
    return ports;
}

struct vm_view_ports
vm_view_ports(const struct vm_view *view)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = NULL;

    if (!view->now)
        return (struct vm_view_ports){0, 0};
    pool = vm_view_addresses(view);
    return domain_is_q35(view->now) ? root_ports(view->now, pool)
                                    : slots(pool);
}

/* 2: by its full name, 1: by the beginning of its id, 0: not. */
static int
names(const char *ref, const struct disk *disk)
{
    size_t len = strlen(ref);

    if ((*disk->id && strcasecmp(ref, disk->id) == 0) ||
        same_text(ref, disk->alias) || same_text(ref, disk->target) ||
        same_text(ref, disk->serial))
        return 2;
    return len >= PREFIX_MIN && strncasecmp(ref, disk->id, len) == 0;
}

const struct disk *
vm_view_disk(const struct vm_view *view, const char *ref, struct err *err)
{
    const struct disk *hit = NULL;
    int hits = 0;

    for (size_t i = 0; i < view->ndisks; i++) {
        int how = names(ref, view->disks[i]);

        if (how == 2)
            return view->disks[i];
        if (how == 1) {
            hit = view->disks[i];
            hits++;
        }
    }
    if (hits == 1)
        return hit;
    if (hits)
        err_set(err, ERR_INVALID,
                "disk: \"%s\" begins the ids of %d disks of VM \"%s\"; give "
                "more of it",
                ref, hits, view->info.record.name);
    else
        err_set(err, ERR_NOT_FOUND,
                "VM \"%s\" has no disk \"%s\"; expected its disk_id, the "
                "beginning of it, its alias, target name or serial "
                "(ListDisks shows them)",
                view->info.record.name, ref);
    return NULL;
}

/* --- as JSON ------------------------------------------------------------- */

json_t *
vm_view_disk_json(const struct vm_view *view, const struct disk *disk,
                  const char *hypervisor)
{
    json_t *obj = disk_to_json(disk, view->info.record.uuid);

    if (!*disk->id)
        json_put(obj, "disk_id", NULL); /* given when the VM is adopted */
    json_put_text(obj, "hypervisor", hypervisor);
    /* What was in force when the VM last ran is no longer. */
    if (disk->kind == DISK_LUN &&
        !(view->info.active && disk->state != DISK_UNPLUGGED)) {
        struct disk_effective none;

        grant_effective(NULL, 0, &none);
        json_put(obj, "effective", disk_effective_to_json(&none));
    }
    return obj;
}

/* Why libvirt paused it, as far as an event told; NULL for any other VM. */
static json_t *
paused_because(const struct vm_view *view)
{
    const struct vm_info *info = &view->info;
    const char *disk = *info->fault_disk ? info->fault_disk : NULL;
    json_t *obj;

    if (!*info->fault_reason)
        return NULL;
    for (size_t i = 0; i < view->ndisks; i++)
        if (same_text(view->disks[i]->alias, info->fault_disk) &&
            *view->disks[i]->id)
            disk = view->disks[i]->id;
    obj = json_object();
    json_put_text(obj, "reason", info->fault_reason);
    json_put_text(obj, "disk", disk);
    return obj;
}

static void
put_state(json_t *obj, const struct vm_view *view)
{
    const struct vm_info *info = &view->info;
    json_t *because = paused_because(view);
    /* Of a VM that nobody recorded there are no rows to follow. */
    enum vm_doubt good = info->recorded ? VM_DOUBT_NONE : VM_DOUBT_ROWS;

    json_put_text(obj, "state", info->state);
    if (because)
        json_put(obj, "paused_because", because);
    json_put_bool(obj, "recorded", info->recorded);
    json_put_bool(obj, "settled", !info->unsettled && info->doubt <= good);
    json_put(obj, "age_ms", info->read_ms
                                ? json_integer(clock_mono_ms() - info->read_ms)
                                : NULL);
}

static void
put_size(json_t *obj, const struct domain *now)
{
    json_put(obj, "memory", now ? json_integer((json_int_t)now->memory) : NULL);
    json_put(obj, "vcpus", now ? json_integer(now->vcpus) : NULL);
}

/* The virtio-scsi controllers; *any tells whether there is one. */
static json_t *
controllers(const struct domain *now, bool *any)
{
    json_t *list = json_array();

    for (size_t i = 0; i < now->ncontrollers; i++)
        if (controller_is_virtio_scsi(&now->controllers[i]))
            json_array_append_new(list,
                                  controller_to_json(&now->controllers[i]));
    *any = json_array_size(list) > 0;
    return list;
}

static void
put_hardware(json_t *obj, const struct vm_view *view)
{
    const struct vm_record *record = &view->info.record;
    const struct domain *now = view->now;
    bool scsi;

    if (!now)
        return;
    json_put_text(obj, "arch", now->arch);
    json_put_text(obj, "machine", now->machine);
    json_put_text(obj, "firmware",
                  same_text(now->firmware, "efi") ? "uefi" : "bios");
    json_put_text(obj, "virt", now->type);
    json_put_int(obj, "iothreads", (json_int_t)now->niothreads);
    json_put(obj, "controllers", controllers(now, &scsi));
    json_put_bool(obj, "virtio_scsi",
                  view->info.recorded ? record->virtio_scsi : scsi);
    /* A copy: the view's own may be freed in another thread, and jansson's
     * counting does not order that. */
    json_put(obj, "nics",
             now->nics ? json_deep_copy(now->nics) : json_array());
    json_put_text(obj, "graphics", now->graphics ? now->graphics : "none");
    json_put_text(obj, "serial_log", now->serial_log);
    json_put_text(obj, "kernel", now->kernel);
    json_put_text(obj, "initrd", now->initrd);
    json_put_text(obj, "cmdline", now->cmdline);
}

static json_t *
ports_json(const struct vm_view *view)
{
    struct vm_view_ports ports = vm_view_ports(view);
    json_t *obj = json_object();

    json_put_int(obj, "total", (json_int_t)ports.total);
    json_put_int(obj, "free", (json_int_t)ports.free);
    return obj;
}

json_t *
vm_view_json(const struct vm_view *view, const char *hypervisor)
{
    const struct vm_info *info = &view->info;
    json_t *obj = json_object(), *disks = json_array();

    json_put_text(obj, "vm_id", info->record.uuid);
    json_put_text(obj, "name", info->record.name);
    json_put_text(obj, "hypervisor", hypervisor);
    put_state(obj, view);
    json_put_bool(obj, "adopted", info->recorded && info->record.adopted);
    json_put_bool(obj, "persistent", info->persistent);
    json_put_bool(obj, "autostart", info->autostart);
    json_put_text(obj, "guest_os",
                  *info->record.guest_os ? info->record.guest_os : NULL);
    put_size(obj, view->now);
    put_hardware(obj, view);
    json_put(obj, "ports", ports_json(view));
    for (size_t i = 0; i < view->ndisks; i++)
        json_array_append_new(
            disks, vm_view_disk_json(view, view->disks[i], hypervisor));
    json_put(obj, "disks", disks);
    return obj;
}

json_t *
vm_view_summary(const struct vm_view *view)
{
    json_t *obj = json_object();

    json_put_text(obj, "vm_id", view->info.record.uuid);
    json_put_text(obj, "name", view->info.record.name);
    put_size(obj, view->now);
    json_put_int(obj, "disks", (json_int_t)view->ndisks);
    put_state(obj, view);
    return obj;
}
