// SPDX-License-Identifier: Apache-2.0
/*
 * A domain as one XML says it: what the plan needs to know of live or
 * persistent configuration, parsed once and shared. Immutable and counted
 * after domain_parse. And edits of a definition: the tree that was read is
 * changed in place; nothing that berth does not know is lost. Pure.
 */
#pragma once

#include "agent/spec/controller.h"
#include "agent/spec/disk.h"

/* berth's own element below <metadata>: <berth:vm xmlns:berth="…">. */
#define DOMAIN_METADATA_URI "urn:berth:vm:1"
#define DOMAIN_METADATA_PREFIX "berth"
#define DOMAIN_METADATA_NAME "vm"

/* Anything that holds a PCI address. */
struct domain_pci {
    struct address address;
    char what[96]; /* its alias; without one "controller scsi 0", "disk sda",
                      "interface 52:54:…", "video" … */
};

/* A device that is neither disk nor controller, of those that are plugged and
 * changed one by one: interface, memory, graphics. */
struct domain_device {
    char element[16];
    char *alias, *mac; /* NULL when not there */
    char *xml;         /* the element */
};

struct domain {
    char uuid[UUID_TEXT];
    char *name;
    char *type;    /* "kvm", "qemu" */
    char *arch;    /* "x86_64" */
    char *machine; /* "pc-q35-7.2" */
    uint64_t memory; /* bytes */
    unsigned vcpus;  /* current */
    unsigned vcpus_max;
    unsigned *iothreads; /* their numbers */
    size_t niothreads;
    struct disk **disks;
    size_t ndisks;
    struct controller *controllers;
    size_t ncontrollers;
    struct domain_pci *pci;
    size_t npci;
    struct domain_device *devices;
    size_t ndevices;
    char *graphics;   /* "vnc", NULL */
    char *serial_log; /* path, NULL */
    json_t *nics;     /* array in native form */
    char *firmware, *kernel, *initrd, *cmdline; /* NULL when not there */
    json_t *view;     /* ovirt_view_make's; only to be read */
    char *privilege;  /* what it has beyond an ordinary VM, disks apart:
                         "qemu:commandline", "hostdev scsi"; NULL: nothing */
    char *metadata;   /* text of berth's own metadata element, or NULL */
    char *ovirt, *qos; /* an engine's, as ovirt_text gives them, or NULL */
    int refs;         /* atomic; use domain_ref/unref */
};

/* Parse libvirt's domain XML. Returns owned (one reference). */
struct domain *domain_parse(const char *xml, struct err *err);
struct domain *domain_ref(struct domain *d); /* NULL is fine */
void domain_unref(struct domain *d);

bool domain_is_q35(const struct domain *d); /* PCIe: root ports */

/* First match, NULL if none. Borrowed. */
const struct disk *domain_disk_by_alias(const struct domain *d,
                                        const char *alias);
const struct disk *domain_disk_by_target(const struct domain *d,
                                         const char *target);
const struct domain_device *domain_device(const struct domain *d,
                                          const char *element,
                                          const char *alias);
const struct controller *domain_controller(const struct domain *d,
                                           const char *type, unsigned index);

/* Whether any device that we know has that alias. */
bool domain_has_alias(const struct domain *d, const char *alias);
/* The next virtio-scsi controller after `after` by index (NULL: the first);
 * NULL when there is none. Borrowed. */
const struct controller *domain_next_scsi(const struct domain *d,
                                          const struct controller *after);

bool domain_has_iothread(const struct domain *d, unsigned id);

/* Take every address of the domain (drives and PCI) in the pool. The owner is
 * the device's alias; without one (inactive XML) as domain_pci.what. */
void domain_take_addresses(const struct domain *d, struct address_pool *pool);

/* Root ports: index, and what holds the bus behind it (NULL: free, the
 * owner's name is borrowed from pool). Returns owned vector (free). */
struct domain_port {
    unsigned index; /* = bus number of what is plugged into it */
    const char *holder;
};
struct domain_port *domain_ports(const struct domain *d,
                                 const struct address_pool *pool, size_t *n);

/*
 * A place for one more PCI device: a free root port (q35: bus = its index,
 * slot 0) or a free slot 2..31 of bus 0 (i440fx). NO_FREE_PORT says how many
 * there are, what holds them, and "use virtio_scsi".
 */
int domain_free_pci(const struct domain *d, const struct address_pool *pool,
                    struct address *out, struct err *err);

/* Exactly which devices differ between two views of aliases: controllers and
 * disks in `seen` that `before` lacks and that `allow` (NULL-ended aliases)
 * does not name. Words for the first one found, NULL if none; owned. */
char *domain_unplanned(const struct domain *before, const struct domain *seen,
                       const char *const *allow);

/* --- edits of a definition --------------------------------------------- */

enum edit_kind {
    EDIT_ADD_DISK,
    EDIT_REMOVE_DISK,  /* by alias, or by target where the alias is gone */
    EDIT_REPLACE_DISK, /* same place in the tree; unknown children are kept */
    EDIT_ADD_CONTROLLER,
    EDIT_SET_METADATA, /* berth's own element; text */
    EDIT_ADD_DEVICE,   /* that is neither disk nor controller; text is its XML */
    EDIT_REMOVE_DEVICE, /* of the alias in text, its XML */
    EDIT_REPLACE_CONTROLLER, /* its driver; unknown attributes are kept */
    EDIT_REMOVE_CONTROLLER,  /* by type and index */
    EDIT_KINDS
};

struct edit {
    enum edit_kind kind;
    struct disk *disk;             /* owned; the new one, or what to remove */
    struct controller *controller; /* owned */
    char *text;                    /* owned */
};

static inline void
edit_clear(struct edit *edit)
{
    disk_free(edit->disk);
    free(edit->controller);
    free(edit->text);
    *edit = (struct edit){.kind = edit->kind};
}

/* berth's element in a <domain>: the node, or NULL; set its text (NULL: take
 * it out). */
xmlNodePtr domain_metadata_find(xmlNodePtr root);
void domain_metadata_set(xmlNodePtr root, const char *text);

/* The edits of controllers; an I/O thread that one names and the definition
 * lacks comes with it. */
int domain_controller_add(xmlNodePtr root, const struct controller *controller,
                          struct err *err);
int domain_controller_replace(xmlNodePtr root,
                              const struct controller *controller,
                              struct err *err);
void domain_controller_remove(xmlNodePtr root,
                              const struct controller *controller);

/*
 * Apply edits to a definition read with INACTIVE|SECURE; returns the new XML,
 * owned. A removal whose disk is not there is no error. Aliases of inactive
 * XML exist only for user aliases (ua-…): others are matched by target and,
 * but for a cdrom, by source as well. Adding what is there under the same
 * alias is no error; another disk on the target, or another controller on the
 * index, is EXISTS. A disk with a boot order displaces <os><boot>.
 */
char *domain_edit(const char *xml, const struct edit *edits, size_t n,
                  struct err *err);

CLEANUP_DEFINE(domain_cleanup_, struct domain, domain_unref)
#define CLEANUP_DOMAIN CLEANUP(domain_cleanup_)
