// SPDX-License-Identifier: Apache-2.0
/*
 * One VM as answers show it: what libvirt said last and what is recorded, put
 * together from copies of the VM table. A disk of the record comes first;
 * disks that only libvirt knows follow. Memory only; any thread.
 */
#pragma once

#include "agent/plan/env.h"

struct vm_view {
    struct vm_info info;
    struct device **devices; /* copies of the rows */
    size_t ndevices;
    const struct domain *now;  /* live while it runs, else the definition;
                                  NULL: not read yet. Borrowed from info */
    const struct disk **disks; /* borrowed from devices and info */
    size_t ndisks;
};

/* Fill from the table; false when there is no such VM. */
bool vm_view_load(struct vm_table *vms, const char *uuid, struct vm_view *out);
void vm_view_clear(struct vm_view *view);

/* fn for each VM that is present, by name. */
void vm_view_each(struct vm_table *vms,
                  void (*fn)(const struct vm_view *view, void *arg),
                  void *arg);

/* Every address taken by libvirt's views and by the rows; returns owned. */
struct address_pool *vm_view_addresses(const struct vm_view *view);

/* Places for one more PCI device: root ports (q35), or slots 2..31 of bus 0. */
struct vm_view_ports {
    size_t total, free;
};
struct vm_view_ports vm_view_ports(const struct vm_view *view);

/* The disk that ref names: disk_id, a prefix of it that only one has, alias,
 * target name or serial. Borrowed, NULL + err (NOT_FOUND, INVALID). */
const struct disk *vm_view_disk(const struct vm_view *view, const char *ref,
                                struct err *err);

/* All return owned. hypervisor is its name ("local"). */
json_t *vm_view_json(const struct vm_view *view, const char *hypervisor);
json_t *vm_view_summary(const struct vm_view *view); /* a line of ListVms */
json_t *vm_view_disk_json(const struct vm_view *view, const struct disk *disk,
                          const char *hypervisor);

static inline void
vm_view_cleanup_(struct vm_view *view)
{
    vm_view_clear(view);
}
#define CLEANUP_VM_VIEW CLEANUP(vm_view_cleanup_)
