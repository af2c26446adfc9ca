// SPDX-License-Identifier: Apache-2.0
/*
 * What the host says about the sources of an engine's documents
 * (plan/engine_plan.h): held against [paths], claimed, looked into. A worker;
 * changes nothing but the wish.
 */
#pragma once

#include "agent/plan/engine_plan.h"
#include "agent/plan/env.h"

/* Of every disk of wish->domain; an optional medium that is not there is left
 * out of it. Both are the gather of a planner. */
int engine_facts_create(struct env *env, const struct known *known,
                        void *wish, struct err *err);
int engine_facts_plug(struct env *env, const struct known *known, void *wish,
                      struct err *err);

/* The size that the source of the recorded disk has now. */
int engine_facts_size(struct env *env, const struct known *known, void *wish,
                      struct err *err);
