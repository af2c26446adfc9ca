// SPDX-License-Identifier: Apache-2.0
/*
 * Looking at libvirt's domains: state and views into the VM table, and the
 * adoption of what nobody recorded (its disks get ids and rows with the
 * addresses they have). Worker threads, in the VM's lane where one is named.
 */
#pragma once

#include "agent/plan/env.h"

/* A name that the table does not know: ask libvirt, add it to the table. */
int adopt_find(struct env *env, const char *ref, char uuid[UUID_TEXT],
               struct err *err);

/* Ask for the state of a VM and put it into the table. */
int adopt_state(struct env *env, const char *uuid, struct hyper_domain *out,
                struct err *err);

/* Read both views again where they are stale (or always, with force). */
int adopt_refresh(struct env *env, const char *uuid, bool force,
                  struct err *err);

/* Read both views now. print (may be NULL) is a number for what they say of
 * devices: the same text has the same. NOT_FOUND: the VM is absent then. */
int adopt_read(struct env *env, const char *uuid, uint64_t *print,
               struct err *err);

/* Make the rows agree with the views: rows for disks and virtio-scsi
 * controllers that have none, plugged or not as libvirt says. The VM is
 * recorded afterwards. No-op where nothing differs, and while the views are
 * doubted. What changed over a start or a loss is told as "reconcile". */
int adopt_vm(struct env *env, const char *uuid, struct err *err);

/* Ask which domains there are and in which state, without their views; what
 * differs from the state last told is told as "reconcile". */
int adopt_list(struct env *env, struct err *err);
