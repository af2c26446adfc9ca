// SPDX-License-Identifier: Apache-2.0
/*
 * How the VMs of a central engine stand while libvirt knows nothing of them:
 * accepted and not started yet, or stopped and not destroyed by the engine
 * yet, which asks how it went. Marks on the entries of the table of VMs (a
 * VM whose live view has the engine's metadata is RUNNING from then on);
 * memory only: an engine misses what a restart of berthd forgets. Any thread.
 */
#pragma once

#include "agent/state/vm_table.h"

/* VDSM's exitReason, of those that happen here. */
enum vm_life_reason {
    VM_LIFE_GENERIC = 1,
    VM_LIFE_LOST_QEMU = 2,
    VM_LIFE_START_FAILED = 3,
    VM_LIFE_MIGRATED = 4,
    VM_LIFE_SAVED = 5,
    VM_LIFE_ADMIN_SHUTDOWN = 6,
    VM_LIFE_USER_SHUTDOWN = 7,
};

/* It is accepted: STARTING. */
void vm_life_begin(struct vm_table *table, const char *uuid, const char *name);

/* It runs: RUNNING, where it was STARTING. */
void vm_life_running(struct vm_table *table, const char *uuid);

/* The engine asked its guest to shut down: that will be why it stops. */
void vm_life_asked(struct vm_table *table, const char *uuid);

/* It is DOWN by a fault, where it was STARTING or RUNNING; false: it was
 * neither. */
bool vm_life_down(struct vm_table *table, const char *uuid,
                  enum vm_life_reason reason, const char *message);

/* The same by libvirt's word for how it stopped ("shutdown", "crashed" …). */
bool vm_life_stopped(struct vm_table *table, const char *uuid,
                     const char *word);

/* The engine has destroyed it; false: it was none of its VMs. */
bool vm_life_forget(struct vm_table *table, const char *uuid);

/* Those that an engine may ask about: that libvirt has, whoever made them, and
 * its own that libvirt has not, STARTING or DOWN. Taken at once, so that none
 * is missing while it changes sides. Returns owned vector (clear each,
 * free). */
struct vm_info *vm_life_all(struct vm_table *table, size_t *n);
