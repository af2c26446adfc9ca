// SPDX-License-Identifier: Apache-2.0
/*
 * What becomes of operations that a death, a lost connection or a full disk
 * left open. The decision is a pure function of what the journal says and
 * what is seen now; carrying it out uses plan/apply.
 *
 * The rule: what is true in the hypervisor is finished (definition, record,
 * receipt); what releases something is finished; nothing that takes hold of a
 * resource (an attach, a start) is begun by recovery, since the caller may
 * have gone elsewhere meanwhile: it is rolled back.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/plan/plan.h"
#include "agent/state/journal.h"

enum recover_what {
    RECOVER_FINISH,    /* go on at step `from` */
    RECOVER_ROLL_BACK, /* undo the first `from` steps */
    RECOVER_WAIT,      /* still pending: its event will come */
};

struct recover_facts {
    const struct plan *plan;
    size_t done;    /* steps with outcome done, from the first on */
    bool begun;     /* step `done` has an intent and no outcome */
    bool pending;   /* step `done` has outcome pending */
    bool undoing;   /* a step was undone: the rollback had begun */
    bool waiting;   /* … and is pending: all but what waits is undone */
    size_t held;    /* undoing: steps, from the first on, that may be there */
    bool expired;   /* the deadline has passed */
    const struct vm_info *vm; /* fresh views; present false: libvirt lacks it */
};

struct recover_action {
    enum recover_what what;
    size_t from;
    bool holds;      /* FINISH: the effect of step `from` is there */
    const char *why; /* ROLL_BACK: static words for the receipt */
};

/* Pure. */
struct recover_action recover_decide(const struct recover_facts *facts);

/*
 * Settle every open operation of a VM from fresh views (which it reads), and
 * mark the VM settled. VM's lane. -1 + err: libvirt or the database does not
 * answer; the VM stays unsettled. 1: QEMU will let go a device that libvirt
 * does not know, and no event will tell of it: look again.
 */
int recover_vm(struct env *env, const char *uuid, struct err *err);

/* The guest keeps a device that a rollback waits for (DEVICE_REMOVAL_FAILED):
 * the operation ends with it in the VM. VM's lane. */
void recover_refused(struct env *env, const char *uuid, const char *alias);
