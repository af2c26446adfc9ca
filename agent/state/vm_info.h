// SPDX-License-Identifier: Apache-2.0
/* One VM as the table of VMs (vm_table.h) shows it: a copy, the views by
 * reference. */
#pragma once

#include <stdbool.h>

#include "agent/common/cleanup.h"
#include "agent/common/uuid.h"
#include "agent/spec/domain.h"

struct vm_record { /* a row of `vm` */
    char uuid[UUID_TEXT];
    char name[256];
    bool adopted; /* not made by CreateVm */
    bool virtio_scsi;
    char guest_os[32];
    char granted[64]; /* what its definition has beyond an ordinary VM and
                         somebody granted: "hostdev scsi"; "": nothing */
};

enum vm_doubt { /* from the least on */
    VM_DOUBT_NONE,
    VM_DOUBT_ROWS,  /* what changed meanwhile is not in the rows yet */
    VM_DOUBT_VIEWS, /* nor can the views be believed */
};

/* A VM of a central engine, from its VM.create until its VM.destroy (or from
 * when it was first seen running): how it stands while libvirt knows nothing
 * of it. See vm_life.h. */
enum vm_life_state {
    VM_LIFE_NONE,
    VM_LIFE_STARTING, /* accepted, not running yet */
    VM_LIFE_RUNNING,
    VM_LIFE_DOWN, /* it has stopped, or could not start */
};

struct vm_life {
    enum vm_life_state state;
    bool asked;           /* the engine asked its guest to shut down */
    int code;             /* 0: as wanted, 1: by a fault */
    int reason;           /* one of vm_life.h */
    char message[256];    /* why, for people */
    int64_t since_ms;     /* CLOCK_MONOTONIC of the last change */
};

/* One VM as known now: a copy with references. */
struct vm_info {
    struct vm_record record;
    bool recorded;
    bool present; /* libvirt has it */
    bool unsettled; /* open operations wait for a look (plan/recover) */
    enum vm_doubt doubt;
    char state[24]; /* "running", "shut_off" …; "unknown" from the record */
    char reason[32];
    bool active; /* has a process */
    unsigned told; /* how often an event told the state */
    bool persistent, autostart;
    char fault_disk[UUID_TEXT + 32]; /* alias whose I/O error paused it */
    char fault_reason[32];           /* "ENOSPC", "EIO" */
    struct domain *live, *config;    /* references, NULL: unknown or none */
    struct vm_life life;
    bool stale;      /* something happened since the views were read */
    int64_t read_ms; /* CLOCK_MONOTONIC of the reading; of what the record
                        says, of the last event; 0: never */
};
void vm_info_clear(struct vm_info *info);

static inline void
vm_info_cleanup_(struct vm_info *info)
{
    vm_info_clear(info);
}
#define CLEANUP_VM_INFO CLEANUP(vm_info_cleanup_)
