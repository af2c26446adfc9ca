// SPDX-License-Identifier: Apache-2.0
/*
 * May this request do that? The rules in force now (env.access), asked for
 * the peer that made the request: a reload changes what an open session may
 * at its next request. A denial names the action group, the peer, and which
 * roles would have it. Any thread; it does not block.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/plan/plan.h"
#include "agent/plan/request.h"
#include "agent/policy/rights.h"

/*
 * 0, or -1 + DENIED. object (NULL: nothing in particular) tells what it is
 * about; where its vm is given, vm_name may be left NULL: it is looked up.
 */
int permit_check(struct env *env, const struct request *request,
                 enum access_group group, const struct access_object *object,
                 struct err *err);

/* The same before the disk is known: it may be allowed for some disk of it. */
int permit_check_some(struct env *env, const struct request *request,
                      enum access_group group,
                      const struct access_object *object, struct err *err);

/* Whether the peer has the group for anything at all; DENIED otherwise. Who
 * asks this asks permit_may about each object before telling of it. */
int permit_check_any(struct env *env, const struct request *request,
                     enum access_group group, struct err *err);

/*
 * What a plan needs beyond the group of its verb: DISK_CREATE where an image
 * is made, grown or deleted, CONFIGURE_SCSI_GENERIC_IO where a privilege of a
 * LUN is given or changed. vm is the plan's VM. 0, -1 + DENIED.
 */
int permit_plan(struct env *env, const struct request *request, const char *vm,
                const struct plan *plan, struct err *err);

/* The same for a dry run: [{group, granted}, …], every group that the plan
 * needs besides its verb's. Returns owned. */
json_t *permit_needs(struct env *env, const struct request *request,
                     const char *vm, const struct plan *plan);

/* As permit_check, without a word: what is left out of a list is no denial. */
bool permit_may(struct env *env, const struct identity *who,
                enum access_group group, const struct access_object *object);

/* Whether it may be told of an event: VM_READ of its VM or disk. vm (UUID) and
 * device (alias) may be NULL: what is about neither is for who may see all,
 * but that events are missing is told to anybody who may see some. */
bool permit_event(struct env *env, const struct identity *who,
                  const char *type, const char *vm, const char *device);
