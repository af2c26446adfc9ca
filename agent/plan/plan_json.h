// SPDX-License-Identifier: Apache-2.0
/*
 * A plan as the journal keeps it: everything that is needed to go on with it,
 * or to undo it, after a restart. Pure.
 */
#pragma once

#include "agent/plan/plan.h"

/* Returns owned. */
json_t *plan_json_encode(const struct plan *plan);

/* Into a plan that plan_init made. -1 + err when it is no plan of ours; the
 * caller clears the plan either way. */
int plan_json_decode(const json_t *obj, struct plan *plan, struct err *err);
