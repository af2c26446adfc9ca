// SPDX-License-Identifier: Apache-2.0
/*
 * What becomes of our record when an operation is rolled back: which rows
 * change back, which stay with a device that stays, and what is announced.
 * Pure.
 */
#pragma once

#include "agent/plan/plan.h"

/* Every row that a step of a planner changes shall change back: add to the
 * plan's release what it does not hold yet. */
void release_fill(struct plan *plan, const struct known *known);

/* Whether a row changes back now. Not that of a device that stays; nor, once
 * the rest of a rollback waited, those that were released then: they may have
 * been used since. */
bool release_is_due(const struct plan *plan, const struct record *release);

/*
 * The rows that are written now, in this order: those that are due, then
 * those of devices that stay, whose records in the plan are brought up to
 * date. Returns an owned vector, devices borrowed from the plan.
 */
struct record *release_rows(struct plan *plan, size_t *n);

/* What is announced when a step whose event was announced is undone; NULL:
 * nothing. Static. */
const char *release_event(const char *event);
