// SPDX-License-Identifier: Apache-2.0
/*
 * A VM that is to be made: the wish of CreateVm ⇄ JSON, and its first domain
 * XML with an address on every device: root ports (spare ones included), the
 * virtio-scsi controllers, NICs; USB and balloon off. A VM that exists is
 * struct domain; it is edited, never rendered again. Pure.
 */
#pragma once

#include "agent/spec/domain.h"

#define VM_CONTROLLERS_MAX 16
#define VM_DISKS_MAX 4096
#define VM_NICS_MAX 32

struct vm_nic {
    char id[UUID_TEXT];
    char mac[18];
    char *network, *bridge; /* one of them; both NULL: QEMU's user network */
    char model[16];         /* "virtio", "e1000e" … */
    struct address address;
};

struct vm {
    char id[UUID_TEXT];
    char *name;
    uint64_t memory; /* bytes, multiple of 1 MiB */
    unsigned vcpus;
    char *arch, *machine; /* "x86_64"; "q35" or "pc" or a full name */
    char *firmware;       /* "bios", "uefi" */
    char *virt;           /* "kvm", "qemu" */
    char *guest_os;       /* "linux" … kept in the record */
    bool virtio_scsi;
    bool per_iothread; /* disks are spread over the controllers */
    unsigned iothreads, spare_root_ports;
    struct controller controllers[VM_CONTROLLERS_MAX];
    size_t ncontrollers;
    struct controller *ports; /* q35's root ports; made by vm_place */
    size_t nports;
    struct disk **disks;
    size_t ndisks;
    struct vm_nic nics[VM_NICS_MAX];
    size_t nnics;
    char *graphics; /* "none", "vnc" */
    char *serial_log, *kernel, *initrd, *cmdline;
    bool autostart;
};

/* Defaults that come from settings and from the host. */
struct vm_defaults {
    bool virtio_scsi;
    unsigned spare_root_ports;
    bool per_iothread; /* a virtio-scsi controller for each I/O thread */
    const char *virt; /* "kvm" where it works here, else "qemu" */
};

struct vm *vm_new(void);
void vm_free(struct vm *vm);
bool vm_is_q35(const struct vm *vm);

/* By guest_os: whether there is a driver for virtio-scsi. */
bool vm_os_has_virtio_scsi(const char *guest_os);

/* The highest unit of a SCSI target that the guest sees. */
unsigned vm_os_unit_max(const char *guest_os);

/* One of "nics": id and MAC made when absent, model checked against the
 * machine. out owns its texts: vm_nic_clear. */
int vm_nic_from_json(const json_t *obj, const char *prefix, bool q35,
                     struct vm_nic *out, struct err *err);
void vm_nic_clear(struct vm_nic *nic);
void vm_nic_to_xml(const struct vm_nic *nic, xmlNodePtr devices);

/* The rows of a VM object (CreateVm's parameters). */
extern const struct field vm_fields[];
#define VM_NFIELDS 21 /* a constant, for the row of CreateVm */
extern const size_t vm_nfields;

/* A wish from a peer: checked, defaults filled in, ids and MACs made.
 * "disks" holds whole disk objects. */
struct vm *vm_from_json(const json_t *obj, const struct vm_defaults *defaults,
                        struct err *err);

/*
 * Give every device its address: PCI first (root ports from 00:02.0 on, 8
 * functions a slot; controllers; NICs; virtio disks), then drives, and target
 * names. Addresses in the wish are kept; two devices on one are INVALID;
 * more than fit is NO_FREE_PORT.
 */
int vm_place(struct vm *vm, struct err *err);

/* The domain XML of a placed VM; valid against libvirt's domain.rng.
 * Returns owned. */
char *vm_xml(const struct vm *vm, const char *metadata);

CLEANUP_DEFINE(vm_cleanup_, struct vm, vm_free)
#define CLEANUP_VM CLEANUP(vm_cleanup_)
