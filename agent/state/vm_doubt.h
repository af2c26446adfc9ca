// SPDX-License-Identifier: Apache-2.0
/*
 * What of a VM can be believed. After a start, and when the connection to the
 * hypervisor was lost, every VM is doubted: first its views, until two looks
 * apart from each other say the same (plan/settle), then its rows, until what
 * changed meanwhile is in them (plan/adopt). Any thread.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/state/vm_table.h"

/* Doubt every VM, and each that is seen for the first time until
 * vm_doubt_listed: nobody knows what events were missed. */
void vm_doubt_all(struct vm_table *table);

/* All that there are have been seen: a new one is new. */
void vm_doubt_listed(struct vm_table *table);

/* How often everything was doubted: what was read before the last time does
 * not lower a doubt. */
unsigned vm_doubt_loss(struct vm_table *table);

/* A reading with this print (not 0): how long, in ms, it has read like that;
 * 0 when it is new. */
int64_t vm_doubt_print(struct vm_table *table, const char *uuid,
                       uint64_t print);

/* No more than that is doubted; nothing happens when loss is not the newest
 * one's. */
void vm_doubt_lower(struct vm_table *table, const char *uuid,
                    enum vm_doubt doubt, unsigned loss);

/* A look at the VM is about to be queued: false when one is already, which
 * will do. And it begins: the next one may be queued. */
bool vm_doubt_look(struct vm_table *table, const char *uuid);
void vm_doubt_look_begins(struct vm_table *table, const char *uuid);

/* UUIDs of VMs that are unsettled, present or not; returns owned array. */
json_t *vm_doubt_unsettled(struct vm_table *table);
