// SPDX-License-Identifier: Apache-2.0
/*
 * What is known of every VM, in memory: its state, the two parsed views of it
 * (live and persistent), and its device rows (the database's `vm` and
 * `device` tables, written through). Reads copy out under the lock, so they
 * never wait behind a hypervisor call. Phases of an entry: seen (libvirt has
 * it, or, until it was asked, the record says so) → recorded (made here or
 * adopted: has rows) → absent (libvirt lost it; rows stay, names no longer
 * find it). How far it can be believed: vm_doubt.h. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "agent/state/device.h"
#include "agent/state/store.h"
#include "agent/state/vm_info.h"

struct vm_table;

struct vm_table *vm_table_new(void);
void vm_table_free(struct vm_table *table);

/* Fill from the database: at the start, or as soon as it can be read. What
 * libvirt has told of a VM meanwhile stays. */
int vm_table_load(struct vm_table *table, struct store *store,
                  struct err *err);

/* UUID, unique prefix of it (≥ 4 digits), or name → UUID, of VMs that are
 * present. NOT_FOUND, INVALID (ambiguous, naming the candidates). */
int vm_table_find(struct vm_table *table, const char *ref,
                  char uuid[UUID_TEXT], struct err *err);

/* Copy of what is known; false when there is no entry. */
bool vm_table_get(struct vm_table *table, const char *uuid,
                  struct vm_info *out);

/* All present VMs ordered by name; returns owned vector: clear each, free. */
struct vm_info *vm_table_all(struct vm_table *table, size_t *n);

/* --- what the hypervisor says ------------------------------------------ */

struct vm_seen {
    const char *uuid, *name, *state, *reason;
    bool active, persistent, autostart;
    bool event;    /* told by an event: always the newest */
    unsigned told; /* else: vm_info's from before the question; 0: no entry */
};
/* False when an event has told the state since the question was asked, whose
 * answer may be older: nothing is changed, ask again. */
bool vm_table_seen(struct vm_table *table, const struct vm_seen *seen);
void vm_table_absent(struct vm_table *table, const char *uuid);
void vm_table_fault(struct vm_table *table, const char *uuid,
                    const char *alias, const char *reason); /* NULL: none */

/* Whether open operations of the VM have been settled since a start, a lost
 * connection, or a record that could not be written. */
void vm_table_settled(struct vm_table *table, const char *uuid, bool settled);

/* Parsed views; a NULL leaves that view as it is. */
void vm_table_views(struct vm_table *table, const char *uuid,
                    struct domain *live, struct domain *config);
void vm_table_no_live(struct vm_table *table, const char *uuid);

/* The views may be out of date, unless the event is one that an operation of
 * ours announced by vm_table_expect: that one is swallowed. True when it is
 * news. */
bool vm_table_stale(struct vm_table *table, const char *uuid,
                    const char *event);
/* An operation is about to cause this event ("device_added ua-…",
 * "defined"): the next one of it does not make the views stale. */
void vm_table_expect(struct vm_table *table, const char *uuid,
                     const char *event);

/* --- rows: statements for a batch, and the memory after its commit ------- */

void vm_table_row(struct store_batch *batch, const struct vm_record *record);
void vm_table_row_gone(struct store_batch *batch, const char *uuid);
void vm_table_put(struct vm_table *table, const struct vm_record *record);
void vm_table_remove(struct vm_table *table, const char *uuid);

void vm_table_device_put(struct vm_table *table, const char *uuid,
                         const struct device *device); /* copies */
void vm_table_device_remove(struct vm_table *table, const char *uuid,
                            const char *id);

/* Copies of a VM's rows; returns owned vector of owned (device_free_all). */
struct device **vm_table_devices(struct vm_table *table, const char *uuid,
                                 size_t *n);

/* The disk that ref names in one VM: id, unique prefix, alias, target name
 * or serial. Returns an owned copy, NULL + err (NOT_FOUND, INVALID). */
struct disk *vm_table_disk(struct vm_table *table, const char *uuid,
                           const char *ref, struct err *err);

/* The VM (UUID) that has a row for that disk id or unique prefix. */
int vm_table_disk_owner(struct vm_table *table, const char *ref,
                        char uuid[UUID_TEXT], struct err *err);

/* Another VM (name in out) in which a disk with this source is plugged and
 * not shareable; false if none. */
bool vm_table_source_used(struct vm_table *table, const char *path,
                          const char *except_uuid, char out[256]);

/* Another running VM (name in out) in which a LUN of that identity is plugged
 * and not shared by both; false if none. */
bool vm_table_lun_used(struct vm_table *table, const char *lun, bool shareable,
                       const char *except_uuid, char out[256]);
