// SPDX-License-Identifier: Apache-2.0
/*
 * Controllers in plans: which one a disk goes to, the steps that bring one
 * into a running VM and its definition, and UpdateVm's list of them. Pure.
 */
#pragma once

#include "agent/plan/plan.h"

/* The wish of UpdateVm: all virtio-scsi controllers as they shall be. */
struct controller_wish {
    bool given;
    struct controller items[VM_CONTROLLERS_MAX];
    size_t n;
};

/* From "controllers" of the parameters; NULL is no wish. INVALID. */
int controller_plan_read(const json_t *list, struct controller_wish *out,
                         struct err *err);

/*
 * The controller for a virtio-scsi disk: the one that its address or its wish
 * names, else the lowest or, where they are spread, the emptiest; one that is
 * to be made when the VM has none. BAD_STATE (the flag is off), NO_FREE_PORT,
 * INVALID (an index that leaves a gap), BUSY (it is being taken out).
 */
int controller_plan_choose(const struct known *known, const struct disk *disk,
                           const struct address_pool *pool,
                           struct controller *out, struct err *err);

/* Steps that bring it, and the I/O thread it names, into the running domain;
 * none where it is there. */
void controller_plan_attach(const struct known *known,
                            const struct controller *controller,
                            struct plan *plan);

/* The edit and the row of a DEFINE that brings it into the definition; none
 * where it is there. */
void controller_plan_define(const struct known *known,
                            const struct controller *controller,
                            struct step *step);

/* The flag on means: the definition has one, with an address of its own. */
int controller_plan_first(const struct known *known, struct step *define,
                          struct err *err);

/* Steps after which the VM has the wished controllers; what QEMU cannot do to
 * a running VM holds from its next start, which a warning says. */
int controller_plan_update(const struct known *known,
                           const struct controller_wish *wish, bool flag,
                           struct plan *plan, struct err *err);
