// SPDX-License-Identifier: Apache-2.0
/*
 * Hook scripts around an operation as a whole (a disk is added, changed,
 * removed), and after what happened to a VM by itself. Worker threads, in the
 * VM's lane, but for hook_op_event.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/plan/plan.h"
#include "agent/state/journal.h"

/* Before anything of the plan is recorded or done. -1 + err: nothing is. */
int hook_op_before(struct env *env, const struct op *op,
                   const struct vm_info *info, const struct plan *plan,
                   int64_t deadline_ms, struct err *err);

/* It is over, its receipt durable: done (or failed and undone). */
void hook_op_after(struct env *env, const struct op *op,
                   const struct vm_info *info, const struct plan *plan);
void hook_op_failed(struct env *env, const struct op *op,
                    const struct vm_info *info, const struct plan *plan);

/* The guest keeps a disk whose unplug was pending. */
void hook_op_kept(struct env *env, const char *vm, const struct disk *disk);

/* A VM has stopped, paused, or runs again ("stopped", "paused", "resumed"),
 * by nobody's request here: its scripts run in its lane. Any thread. */
void hook_op_event(struct env *env, const char *vm, const char *what);
