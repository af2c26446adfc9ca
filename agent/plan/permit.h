// SPDX-License-Identifier: Apache-2.0
/*
 * May this request do that? The rules in force now (env.access), asked for
 * the peer that made the request: a reload changes what an open session may
 * at its next request. A denial names the action group, the peer, and which
 * roles would have it. Any thread; it does not block.
 */
#pragma once

#include "agent/plan/env.h"
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

/* As permit_check, without a word: what is left out of a list is no denial. */
bool permit_may(struct env *env, const struct request *request,
                enum access_group group, const struct access_object *object);
