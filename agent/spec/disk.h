// SPDX-License-Identifier: Apache-2.0
/*
 * A disk as attached to a VM: struct ⇄ JSON (native form, DESIGN "A disk") and
 * struct ⇄ libvirt's <disk>. The rows of disk_fields.def decide what a field
 * may hold; disk_check() holds the rules between fields (which interface,
 * kind and attribute go together). Pure; one owner.
 */
#pragma once

#include "agent/common/clock.h"
#include "agent/common/uuid.h"
#include "agent/spec/address.h"
#include "agent/spec/field.h"

enum disk_kind { DISK_IMAGE, DISK_CDROM, DISK_LUN, DISK_KINDS };
enum disk_interface {
    DISK_VIRTIO_SCSI,
    DISK_VIRTIO,
    DISK_SATA,
    DISK_IDE,
    DISK_OTHER_BUS, /* read from foreign XML only (usb, fdc) */
    DISK_INTERFACES
};
enum disk_source_type {
    DISK_SOURCE_NONE, /* a cdrom without medium */
    DISK_SOURCE_FILE,
    DISK_SOURCE_BLOCK,
    DISK_SOURCE_ISCSI,
    DISK_SOURCE_NBD,
    DISK_SOURCE_RBD,
    DISK_SOURCE_VOLUME, /* of a libvirt storage pool */
    DISK_SOURCE_OTHER, /* foreign XML: gluster, vhost … kept as it is */
    DISK_SOURCE_TYPES
};
enum disk_state {
    DISK_UNPLUGGED,
    DISK_PLUGGED,
    DISK_UNPLUG_PENDING,
    DISK_ROLLBACK_PENDING, /* of an operation that failed; it will be gone */
    DISK_STATES
};

struct disk_iotune { /* 0: no limit */
    uint64_t total_bytes_sec, read_bytes_sec, write_bytes_sec;
    uint64_t total_iops_sec, read_iops_sec, write_iops_sec;
};

/* The limits by number, for tables and loops: JSON, XML and libvirt's block
 * I/O parameters use the same names. */
#define DISK_IOTUNE_ROWS 6
#define DISK_IOTUNE_MAX 1000000000000000 /* QEMU's THROTTLE_VALUE_MAX */
const char *disk_iotune_name(size_t i);
uint64_t disk_iotune_get(const struct disk_iotune *tune, size_t i);
void disk_iotune_set(struct disk_iotune *tune, size_t i, uint64_t value);

/* The parts of a source that is no path; what its type lacks is NULL or 0. */
#define DISK_HOSTS_MAX 16
struct disk_host {
    char *name;
    unsigned port; /* 0: what the protocol has by default */
};
struct disk_far {
    struct disk_host *hosts; /* owned */
    size_t nhosts;
    char *pool;      /* rbd, volume */
    char *name;      /* the target's IQN, the export, the image, the volume */
    unsigned lun;    /* iscsi */
    char *initiator; /* iscsi: the IQN to log in as */
    char *user, *secret; /* the secret by its UUID or usage */
};

/* What SCSI generic I/O a LUN has, as it is asked for or as XML says. */
struct disk_scsi {
    char sgio[12]; /* "filtered", "unfiltered", "" */
    bool rawio, reservations;
};

bool disk_scsi_equal(const struct disk_scsi *a, const struct disk_scsi *b);

/* What of it is in force in the running VM. */
struct disk_effective {
    char sgio[12];           /* "unknown" where it cannot be told; "": none */
    int rawio, reservations; /* 0, 1; -1: unknown */
    char reason[256];
};

/* Who allowed what scsi asks for, and when. "": nobody here. A policy
 * per command ([scsi] policy) would be a further member of the grant. */
struct disk_grant {
    char by[128];
    char at[CLOCK_STAMP]; /* RFC 3339 */
};

/* What the LUN says of itself: page 0x83, and for people INQUIRY. */
struct disk_lun {
    char *id; /* as /dev/disk/by-id names it after "scsi-": "36001405…" */
    char *vendor, *product, *serial;
    uint64_t capacity; /* bytes */
};

struct disk {
    char id[UUID_TEXT];
    enum disk_kind kind;
    enum disk_interface interface;
    enum disk_source_type source_type;
    char *path;   /* of file and block; else one text of all parts of far */
    char *format; /* "raw", "qcow2" */
    struct disk_far far;
    uint64_t size; /* wanted at creation, or 0 */
    bool read_only, shareable;
    unsigned boot_order; /* 0: none */
    char *serial, *wwn;
    char *cache, *io, *discard, *error_policy; /* NULL: libvirt's default */
    struct disk_iotune iotune;
    unsigned iothread; /* 0: none */
    struct disk_scsi scsi;    /* asked for */
    struct disk_scsi emitted; /* what the XML says for it */
    struct disk_effective effective;
    struct disk_grant grant;
    struct disk_lun lun;
    struct address address;
    bool on_controller;  /* asked for by index alone, */
    unsigned controller; /* until it has an address there */
    char *target; /* "sda": a name libvirt wants, unique in the domain */
    char *alias;  /* "ua-<id>", or what foreign XML has */
    char *foreign; /* the <disk> as a peer wrote it, NULL: there is none. What
                      berth has no field for is written from here. */
    bool wanted;  /* plugged: false in the wish means record only */
    enum disk_state state;
};

struct disk *disk_new(void);
struct disk *disk_copy(const struct disk *disk);
void disk_free(struct disk *disk);

/* Copies; what was there is released. */
void disk_set_source(struct disk *disk, const struct disk *from);
void disk_lun_set(struct disk *disk, const struct disk_lun *lun);
void disk_lun_clear(struct disk_lun *lun);

/* The rows of disk_fields.def. */
extern const struct field disk_fields[];
extern const size_t disk_nfields;

const char *disk_kind_name(enum disk_kind kind);           /* "image" */
const char *disk_interface_name(enum disk_interface iface); /* "virtio_scsi" */
const char *disk_state_name(enum disk_state state);        /* "plugged" */

/* The bus of libvirt's <target>: "scsi", "virtio", "sata", "ide". */
const char *disk_bus(const struct disk *disk);

/* By the bus of <target>; DISK_OTHER_BUS when unknown or NULL. */
enum disk_interface disk_interface_of_bus(const char *bus);

/* The n-th target name of an interface: 0 is "sda", 26 is "sdaa". */
void disk_target_name(enum disk_interface iface, unsigned n, char out[16]);

/* The first target name that is not among n taken ones (entries may be
 * NULL). scsi and sata share their names. */
void disk_target_pick(enum disk_interface iface, const char *const *taken,
                      size_t n, char out[16]);

/*
 * A wish from a peer: checked against the rows and disk_check(); an id is
 * made when absent, alias and defaults are filled in (serial: the id, cache
 * none, io native where the cache allows it, discard unmap for images,
 * error_policy stop; a cdrom: interface sata, read_only, none of these; a
 * source's format: raw). The output-only
 * fields of disk_to_json (vm, hypervisor, state, effective, alias, target)
 * are accepted and ignored. prefix ("disk.") goes before names in errors.
 */
struct disk *disk_from_json(const json_t *obj, const char *prefix,
                            struct err *err);

/* As disk_to_json wrote it into our own database: no checks but shape. */
struct disk *disk_from_record(const json_t *obj, struct err *err);

/* "effective" of a LUN; returns owned. */
json_t *disk_effective_to_json(const struct disk_effective *effective);

/* Every field that is set, and state. Without vm it is for a record: what is
 * foreign is in it, too. Returns owned. */
json_t *disk_to_json(const struct disk *disk, const char *vm);

/* The rules between fields; err names the field. */
int disk_check(const struct disk *disk, const char *prefix, struct err *err);

/* <disk> as child of parent (or of a fresh document's root when used with
 * disk_xml). Explicit alias and address always. */
xmlNodePtr disk_to_xml(const struct disk *disk, xmlNodePtr parent);

/* The one <disk> element as text for an attach. Returns owned. */
char *disk_xml(const struct disk *disk);

/* Make the <disk> old say what disk says; what berth does not write stays. */
void disk_merge(xmlNodePtr old, const struct disk *disk);

/* From a domain's <disk>. A foreign disk's id is "" (adoption gives one),
 * unless its alias is ua-<uuid>. Returns owned, never NULL. */
struct disk *disk_from_xml(xmlNodePtr node);

/*
 * Whether the live disk is what was planned: the differing thing in words
 * ("address is 0:0:0:3, planned 0:0:0:2"), or NULL when equal in alias,
 * kind, target bus, source, address, read_only, sgio, rawio and reservations.
 * Returns owned.
 */
char *disk_mismatch(const struct disk *planned, const struct disk *seen);

CLEANUP_DEFINE(disk_cleanup_, struct disk, disk_free)
#define CLEANUP_DISK CLEANUP(disk_cleanup_)
