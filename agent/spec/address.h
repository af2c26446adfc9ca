// SPDX-License-Identifier: Apache-2.0
/*
 * Device addresses, and the allocator. An address is stored data: the
 * allocator gives one to a device that never had one, from everything known
 * to be taken (live XML, persistent XML, device table, pending operations).
 * Pure; one owner.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"
#include "agent/common/xml.h"

/* Hard limits of QEMU's virtio-scsi; libvirt does not check them at define
 * time. Controllers: two digits in libvirt's schema (driveController). */
#define ADDRESS_CONTROLLER_MAX 99
#define ADDRESS_TARGET_MAX 255
#define ADDRESS_UNIT_MAX 16383
/* Windows guests see no LUN above 254 (SAM flat addressing in its driver). */
#define ADDRESS_UNIT_ALLOC_MAX 254

enum address_type { ADDRESS_NONE, ADDRESS_DRIVE, ADDRESS_PCI };

struct address {
    enum address_type type;
    union {
        struct {
            unsigned controller, bus, target, unit;
        } drive;
        struct {
            unsigned domain, bus, slot, function;
        } pci;
    };
};

bool address_equal(const struct address *a, const struct address *b);

/* "0:0:0:3" (H:C:T:L order is controller:bus:target:unit) or "0000:02:00.0",
 * "" for none. */
void address_text(const struct address *a, char out[32]);

/* {"type": "drive", "controller": …}; NULL for none. Returns owned. */
json_t *address_to_json(const struct address *a);

/*
 * Strict: unknown fields, out-of-range values refused; a drive needs unit, a
 * pci address bus and slot, the rest is 0 when absent. JSON null and {}:
 * none. In errors the fields are "address.unit" and the like.
 */
int address_from_json(const json_t *value, struct address *out,
                      struct err *err);

/* The same with a prefix of one's own for errors ("disks[2].address."). */
int address_from_json_at(const json_t *value, const char *prefix,
                         struct address *out, struct err *err);

/* The <address> child of a device element ↔ struct; a device without one (or
 * with another type, such as isa) gives ADDRESS_NONE. */
void address_from_xml(xmlNodePtr device, struct address *out);
void address_to_xml(xmlNodePtr device, const struct address *a,
                    bool multifunction);

/* --- allocator -------------------------------------------------------- */

struct address_pool; /* what is taken, and by whom */

struct address_pool *address_pool_new(void);
void address_pool_free(struct address_pool *pool);

/* Mark an address as taken by owner (a disk id or alias; text copied).
 * Taking it again changes nothing: address_pool_owner gives the first owner.
 * space tells apart buses with own numbering: "scsi", "sata", "ide" for
 * drives; ignored for PCI. */
void address_pool_take(struct address_pool *pool, const char *space,
                       const struct address *a, const char *owner);

/* Who holds it; NULL when free. Borrowed. For PCI on a root port (slot 0)
 * the whole bus is one place: functions count as the slot. */
const char *address_pool_owner(const struct address_pool *pool,
                               const char *space, const struct address *a);

/* How many drives of a controller are taken. */
unsigned address_pool_drives(const struct address_pool *pool,
                             const char *space, unsigned controller);

/*
 * The first free drive address on a controller: units 0..254 of target 0,
 * then target 1, … for "scsi"; for "sata" units 0..5 of controller 0; for
 * "ide" bus 0..1, unit 0..1. Err: NO_FREE_UNIT.
 */
int address_pool_drive(const struct address_pool *pool, const char *space,
                       unsigned controller, struct address *out,
                       struct err *err);

CLEANUP_DEFINE(address_pool_cleanup_, struct address_pool, address_pool_free)
#define CLEANUP_ADDRESS_POOL CLEANUP(address_pool_cleanup_)
