// SPDX-License-Identifier: Apache-2.0
/*
 * Documents of a central engine: the whole domain of VM.create, and those of
 * hot plug and unplug. They are no valid libvirt XML and mean a host with
 * names of its own, so they are normalised, not refused; what is changed
 * against the engine's meaning is told in warnings. Pure; one owner.
 */
#pragma once

#include "agent/spec/controller.h"
#include "agent/spec/disk.h"

/* What documents are read for; borrowed. */
struct engine_host {
    const char *virt; /* "kvm" or "qemu": what runs here */
    bool allow_tcg;   /* a kvm domain may run without KVM */
    /* For sysinfo; NULL: the host does not tell. */
    const char *os_name, *os_version, *serial;
};

/* --- VM.create ------------------------------------------------------------ */

struct engine_domain {
    xmlDocPtr doc;
    char uuid[UUID_TEXT];
    char *name;
    bool paused;      /* launchPaused: its processors do not run at first */
    json_t *warnings; /* texts */
};

/*
 * Read and normalise; INVALID, UNSUPPORTED + err where the domain cannot
 * run here whatever is changed. Devices keep the places they ask for
 * (engine_place settles those). Returns owned.
 */
struct engine_domain *engine_domain_read(const char *xml,
                                         const struct engine_host *host,
                                         struct err *err);
struct engine_domain *engine_domain_copy(const struct engine_domain *domain);
void engine_domain_free(struct engine_domain *domain);

/* The drive of that alias starts without its medium. */
void engine_domain_eject(struct engine_domain *domain, const char *alias);

/* The machine type that it asks for (owned, or NULL), and another one. */
char *engine_domain_machine(const struct engine_domain *domain);
void engine_domain_set_machine(struct engine_domain *domain,
                               const char *machine);

/* Its disks, each with its element as it is now in `foreign`; returns owned
 * vector of owned. An id is taken from the alias, else from the serial, else
 * made (and then stands in the alias). */
struct disk **engine_domain_disks(struct engine_domain *domain, size_t *n);
void engine_disks_free(struct disk **disks, size_t n);

/* Make the drive of that alias say what disk says; disk's own text is then as
 * in the domain. */
void engine_domain_write(struct engine_domain *domain, struct disk *disk);

/* What the domain asks for beyond an ordinary VM, in words ("hostdev scsi"),
 * or NULL; owned. Disks' own privileges are in their fields. */
char *engine_domain_privilege(const struct engine_domain *domain);

/* What the host knows of the VM from earlier; borrowed. */
struct engine_known {
    const struct disk *const *disks;
    size_t ndisks;
    const struct controller *controllers;
    size_t ncontrollers;
};

/*
 * Settle places: a duplicate address, target or controller index is moved to
 * a free one, a virtio-scsi controller has the iothread and the PCI address
 * that its index had before, a disk without an address the one it had, else a
 * free one; the engine's metadata follow the targets. PCI addresses that
 * nobody knows are left to libvirt. Everything moved is warned of.
 */
int engine_place(struct engine_domain *domain, const struct engine_known *known,
                 struct err *err);

/* --- hot plug and unplug -------------------------------------------------- */

struct engine_plug {
    xmlDocPtr doc;
    xmlNodePtr device; /* the one of <devices>; of doc */
    xmlNodePtr meta;   /* its entry in the metadata, NULL: none; of doc */
    json_t *warnings;
};

/* The document about one device of that element ("disk", "interface",
 * "memory"). Returns owned. */
struct engine_plug *engine_plug_read(const char *xml, const char *element,
                                     struct err *err);
void engine_plug_free(struct engine_plug *plug);

/* The disk to be plugged: id as in engine_domain_disks, no target, the
 * address only as far as it was sent. INVALID without a source. Owned. */
struct disk *engine_plug_disk(struct engine_plug *plug, struct err *err);

/* What the unplug is about: alias of the device, or NULL; owned. */
char *engine_plug_alias(const struct engine_plug *plug);

/* The same document from the older dictionary of a drive; path is where its
 * ids lead to (plan/vdsm_path). Owned. */
char *engine_plug_from_drive(const json_t *drive, const char *path,
                             struct err *err);

/* --- shared by the files of this room ------------------------------------- */

/* To nobody where warnings is NULL. */
void engine_warn(json_t *warnings, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Normalise a <disk> in place. */
void engine_disk_normalise(xmlNodePtr node, json_t *warnings);

/* The disk of a normalised <disk>, with its text; gives it an id. */
struct disk *engine_disk_read(xmlNodePtr node);

static inline void
engine_domain_cleanup_(struct engine_domain **p)
{
    engine_domain_free(*p);
}
#define CLEANUP_ENGINE_DOMAIN CLEANUP(engine_domain_cleanup_)

static inline void
engine_plug_cleanup_(struct engine_plug **p)
{
    engine_plug_free(*p);
}
#define CLEANUP_ENGINE_PLUG CLEANUP(engine_plug_cleanup_)
