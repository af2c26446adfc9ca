// SPDX-License-Identifier: Apache-2.0
/*
 * The face of a step's execution: how one kind is run, verified and undone.
 * The rows are gathered by plan/apply.c, which nothing here includes.
 * Worker threads, in the VM's lane.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/plan/plan.h"

enum step_end {
    STEP_END_DONE,
    STEP_END_PENDING, /* asked for, not over */
    STEP_END_REFUSED, /* guest or hypervisor declined; nothing changed */
    STEP_END_KEPT,    /* of an undo: it stays in the VM, which may have it */
};

/* What the steps of one operation share. */
struct step_run {
    struct env *env;
    struct vm_info *info; /* views; replaced by each verification */
    const char *vm;       /* UUID */
    bool recovering;      /* after a death, or a lost connection */
    int64_t wait_until;   /* how long an unplug may wait, CLOCK_MONOTONIC */
    enum step_end end;    /* set by run */
    struct step **batch;  /* owned vector: attached, not yet looked at */
    size_t nbatch;
    json_t *notes;        /* members for the receipt (verified_by …) */
    char *last_xml;       /* owned: of a domain about to be destroyed */
    int64_t hooks_us;     /* spent in hook scripts */
};

struct step_ops {
    /* The effect. run->end is DONE before the call. */
    int (*run)(struct step_run *run, struct step *step, struct err *err);
    /* Look whether it is true; NULL: the call's word is enough. */
    int (*verify)(struct step_run *run, struct step *step, struct err *err);
    /* Take it back; NULL: it cannot be, or need not. run->end as for run;
     * PENDING: asked for, and it waits for the guest. */
    int (*undo)(struct step_run *run, struct step *step, struct err *err);
};

/* Read a view again and put it into run->info and the VM table. */
int step_read_live(struct step_run *run, struct err *err);
int step_read_config(struct step_run *run, struct err *err);

/* The event that our own attach or detach causes is no news: "device_added",
 * "device_removed". */
void step_expect(struct step_run *run, const char *what, const char *alias);

/* Whether the live view, as last read, has a device of that alias. */
bool step_is_listed(const struct step_run *run, const char *alias);

/* Whether the guest's processors stand still, as events told it. */
bool step_guest_stands(const struct step_run *run);
bool step_vm_stopped(const struct step_run *run);

/* Ask for an unplug and wait for its end, as long as run->wait_until says and
 * the guest can answer (pci: it has to). Whether it is gone is for the caller
 * to look at; run->end is REFUSED where the guest said no. */
int step_let_go(struct step_run *run, const char *alias, bool pci,
                struct err *err);

/* Take an attached device out again (plan_attached). That it is gone already
 * is as good, whoever did it: a rollback may be begun twice. pci: the guest
 * has to let it go. run->end says how it ended. */
int step_take_out(struct step_run *run, const struct step *step, bool pci,
                  struct err *err);

/* step_disk.c */
extern const struct step_ops step_disk_controller, step_disk_attach,
    step_disk_detach, step_disk_update, step_disk_tune, step_disk_resize;
/* step_iothread.c */
extern const struct step_ops step_iothread_add;
/* step_image.c */
extern const struct step_ops step_image_create, step_image_resize,
    step_image_delete;
/* step_live.c */
extern const struct step_ops step_live_attach, step_live_detach, step_live_nic,
    step_live_metadata, step_live_vcpus, step_live_ticket, step_live_freeze,
    step_live_thaw;
/* step_mirror.c */
extern const struct step_ops step_mirror_write;
/* step_vm.c */
extern const struct step_ops step_vm_define, step_vm_define_new,
    step_vm_undefine, step_vm_memory, step_vm_vcpus, step_vm_autostart,
    step_vm_start, step_vm_shutdown, step_vm_destroy, step_vm_reboot,
    step_vm_suspend, step_vm_resume, step_vm_transient;
