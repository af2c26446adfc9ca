// SPDX-License-Identifier: Apache-2.0
/* What the table of VMs holds, for the files of this room that share it:
 * vm_table and vm_doubt. Under the table's lock. */
#pragma once

#include "agent/common/lock.h"
#include "agent/state/device.h"
#include "agent/state/vm_info.h"

struct vm_entry {
    struct vm_info info;
    struct device **devices;
    size_t ndevices;
    char **expected; /* events that our own operation causes */
    size_t nexpected;
    uint64_t print;   /* of the newest reading while it is doubted; 0: none */
    int64_t print_ms; /* CLOCK_MONOTONIC: since when it reads like that */
    bool looking;     /* a look at it is queued */
};

struct vm_table {
    struct lock lock;
    struct vm_entry **entries;
    size_t count;
    bool doubting; /* what is seen for the first time is doubted, too */
    unsigned loss; /* how often everything was doubted */
};

/* The lock is held. find: NULL when there is none; add: finds, too. */
struct vm_entry *vm_entry_find(struct vm_table *table, const char *uuid);

struct vm_entry *vm_entry_add(struct vm_table *table, const char *uuid);
void vm_entry_device(struct vm_entry *entry, struct device *device /* takes */);

/* Forget the events that were announced and have not come. */
void vm_entry_expect_none(struct vm_entry *entry);
