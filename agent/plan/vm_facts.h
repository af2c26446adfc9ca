// SPDX-License-Identifier: Apache-2.0
/*
 * Facts that CreateVm needs: names that are free, files it may use. Changes
 * nothing. Worker threads.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/plan/vm_plan.h"

/* What the settings and the host say where a wish does not. */
struct vm_defaults vm_facts_defaults(struct env *env);

/* gather function of struct planner; wish is a struct vm_wish with its vm
 * placed. Fills wish->seen. */
int vm_facts_create(struct env *env, const struct known *known, void *wish,
                    struct err *err);

/* StartVm: every LUN of the definition answers, is the one that was recorded,
 * and is in no other running VM. */
int vm_facts_start(struct env *env, const struct known *known, void *wish,
                   struct err *err);
