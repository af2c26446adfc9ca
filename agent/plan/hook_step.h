// SPDX-License-Identifier: Apache-2.0
/*
 * Hook scripts around a step: which points a kind of step has, what they are
 * given, what becomes of the result. Called by plan/apply.c alone, in the
 * order that stands there; the point before a step is between two crash
 * points, and runs again when recovery begins that step again. A point after a
 * step runs once its outcome is recorded, and not again. Worker threads, in
 * the VM's lane.
 */
#pragma once

#include "agent/plan/step.h"
#include "agent/state/journal.h"

struct hook_step {
    struct step_run *run;
    const struct op *op;
    const struct plan *plan;
    int64_t deadline_ms; /* of the request, CLOCK_MONOTONIC, 0: none */
};

/* 0, -1 + err (HOOK_FAILED, HOOK_UNSAFE, BUSY): the step is not run. What
 * scripts made of the payload is in the step; the difference in run->notes. */
int hook_step_before(const struct hook_step *at, struct step *step,
                     struct err *err);

void hook_step_after(const struct hook_step *at, const struct step *step);

/* The operation failed, or the guest refused: the step was begun. */
void hook_step_failed(const struct hook_step *at, const struct step *step);
