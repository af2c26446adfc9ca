// SPDX-License-Identifier: Apache-2.0
/*
 * The fake backend's domains and the frame of each call on them: the one lock
 * is taken, the script asked, the VM found; it is dropped when the scope
 * ends. Files fake*.c only.
 */
#pragma once

#include "agent/common/lock.h"
#include "agent/common/xml.h"
#include "agent/hyper/fake_post.h"
#include "agent/hyper/fake_rules.h"

struct fake_vm {
    struct hyper_domain facts;
    xmlDocPtr config; /* NULL when undefined while it runs */
    xmlDocPtr live;   /* NULL while it is shut off */
    xmlDocPtr frozen; /* what is shown as live; NULL: live itself */
    char **leaving;   /* aliases whose unplug was asked for */
    size_t nleaving;
};

struct fake {
    char *uri;
    hyper_event_fn fn;
    void *ctx;
    struct fake_post *post;
    struct lock lock; /* guards what follows */
    pthread_cond_t go;
    unsigned turns; /* how often calls that are held were let go */
    size_t held;    /* calls that hang or are slow, now */
    struct fake_rules *rules;
    struct fake_vm **vms;
    size_t n;
    int last_id;
    int read; /* how often statistics were */
    bool lost;
    bool unfiltered; /* that sgio is accepted */
    int64_t since_ms; /* wall time: of the last loss or return */
};

/* All with the lock held. find: by UUID or name; NULL + NOT_FOUND. */
struct fake_vm *fake_vm_find(struct fake *fake, const char *ref,
                             struct err *err);
struct fake_vm *fake_vm_add(struct fake *fake, const char *uuid,
                            const char *name);
void fake_vm_drop(struct fake *fake, struct fake_vm *vm);
void fake_vm_freeze(struct fake_vm *vm, bool frozen);
void fake_vm_connect(struct fake *fake, bool connected); /* with its event */
int fake_vm_unreachable(struct err *err);                /* -1 */

/* Queue an event of a VM; a DEVICE_REMOVED also takes the device out of the
 * live tree when it is delivered. */
void fake_vm_tell(struct fake *fake, const struct fake_vm *vm,
                  enum hyper_event_type type, const char *device,
                  const char *detail);
void fake_vm_set_state(struct fake *fake, struct fake_vm *vm,
                       enum hyper_state state, const char *reason,
                       const char *word);
bool fake_vm_is_leaving(const struct fake_vm *vm, const char *alias);

/* The event thread's function; takes the lock by itself. */
void fake_vm_carry(void *fake, const struct fake_item *item);

/* --- the frame of a call -------------------------------------------------- */

enum fake_need { FAKE_ANY, FAKE_RUNNING };

struct fake_call {
    struct fake *fake;
    struct fault fault;
    struct fake_vm *vm; /* NULL: not found, or uuid was NULL */
    bool ok;            /* false: err is set, return -1 */
};

struct fake_call fake_vm_enter(void *backend, const char *call,
                               const char *uuid, enum fake_need need,
                               struct err *err);
void fake_vm_leave(struct fake_call *call); /* drops the lock */

/* The call took effect: 0, or -1 where the script says so all the same. */
int fake_vm_done(const struct fake_call *call, struct err *err);

#define FAKE_CALL CLEANUP(fake_vm_leave) struct fake_call
