// SPDX-License-Identifier: Apache-2.0
/*
 * One more disk for a VM that has many: the plan from what is known, the
 * disk's XML, and the XML of the whole VM; reading XML is left out. Prints
 * the best of some rounds in milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/plan/disk_plan.h"

#define ROUNDS 20

static void
die(const struct err *err)
{
    fprintf(stderr, "plan: %s\n", err->message);
    exit(1);
}

static json_t *
wish_disk(int i)
{
    CLEANUP_FREE char *path = mem_printf("/var/lib/libvirt/images/%d.raw", i);
    json_t *disk = json_object(), *source = json_object();

    json_put_text(source, "type", "file");
    json_put_text(source, "path", path);
    json_put_text(source, "format", "raw");
    json_put(disk, "source", source);
    return disk;
}

static struct vm *
make_vm(int disks)
{
    static const struct vm_defaults defaults = {true, 8, false, "qemu"};
    CLEANUP_JSON json_t *wish = json_object();
    json_t *list = json_array();
    struct err err = ERR_INIT;
    struct vm *vm;

    for (int i = 0; i < disks; i++)
        json_array_append_new(list, wish_disk(i));
    json_put_text(wish, "name", "bench");
    json_put_int(wish, "memory", 1 << 30);
    json_put_int(wish, "vcpus", 1);
    json_put(wish, "disks", list);
    vm = vm_from_json(wish, &defaults, &err);
    if (!vm || vm_place(vm, &err) < 0)
        die(&err);
    return vm;
}

/* The VM as it would be known while it runs with all its disks. */
static struct known
make_known(const struct vm *vm, struct vm_info *info)
{
    CLEANUP_FREE char *xml = vm_xml(vm, NULL);
    struct device **rows = mem_zalloc(vm->ndisks, sizeof(*rows));
    struct err err = ERR_INIT;

    info->recorded = info->present = info->active = info->persistent = true;
    snprintf(info->record.uuid, sizeof(info->record.uuid), "%s", vm->id);
    snprintf(info->record.name, sizeof(info->record.name), "%s", vm->name);
    snprintf(info->state, sizeof(info->state), "running");
    info->config = domain_parse(xml, &err);
    if (!info->config)
        die(&err);
    info->live = domain_ref(info->config);
    for (size_t i = 0; i < vm->ndisks; i++)
        rows[i] = device_for_disk(vm->disks[i]);
    return (struct known){.vm = info, .devices = rows,
                          .ndevices = vm->ndisks};
}

static int64_t
round_us(const struct vm *vm, const struct known *known,
         const struct disk_wish *wish)
{
    CLEANUP_FREE char *disk = NULL, *whole = NULL;
    CLEANUP_PLAN struct plan plan;
    struct err err = ERR_INIT;
    int64_t start = clock_mono_us();

    plan_init(&plan);
    if (disk_plan_add(known, wish, &plan, &err) < 0)
        die(&err);
    disk = disk_xml(plan.steps[0].disk);
    whole = vm_xml(vm, NULL);
    return clock_mono_us() - start;
}

int
main(int argc, char **argv)
{
    int disks = argc == 2 ? atoi(argv[1]) : 1000;
    CLEANUP_VM struct vm *vm = make_vm(disks);
    CLEANUP_VM_INFO struct vm_info info = {.stale = false};
    CLEANUP_JSON json_t *extra = wish_disk(disks);
    struct known known = make_known(vm, &info);
    struct err err = ERR_INIT;
    struct disk_wish wish = {.disk = disk_from_json(extra, "", &err)};
    int64_t best = INT64_MAX;

    if (!wish.disk)
        die(&err);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t took = round_us(vm, &known, &wish);

        best = took < best ? took : best;
    }
    printf("{\"disks\": %d, \"ms\": %.3f}\n", disks, (double)best / 1000);
    device_free_all((struct device **)known.devices, known.ndevices);
    disk_wish_clear(&wish);
    return 0;
}
