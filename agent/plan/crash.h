// SPDX-License-Identifier: Apache-2.0
/*
 * Crash points: places between which an effect can be cut off. Their set is
 * the product of three tables: step kinds × phases × sides. berthd dies
 * (SIGKILL) at the one it was told, so that tests can prove that any death is
 * survived. Unarmed, a point costs a comparison. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/common/err.h"
#include "agent/plan/plan.h"

/* In the order of plan/apply.c. CALL and VERIFY exist for the undo too. */
enum crash_phase {
    CRASH_JOURNAL,
    CRASH_HOOK,
    CRASH_CALL,
    CRASH_VERIFY,
    CRASH_COMMIT,
    CRASH_EVENT,
    CRASH_REPLY,
    CRASH_UNDO,
    CRASH_PHASES
};

/* INSIDE exists for calls: death while libvirt or the kernel is at it. */
enum crash_side { CRASH_BEFORE, CRASH_INSIDE, CRASH_AFTER, CRASH_SIDES };

struct crash;

/*
 * Arm "[recovery.]STEP.PHASE.SIDE[:N]", such as "attach_disk.call.before:2": die at the
 * Nth pass (default 1). With side "inside" N is the number of milliseconds
 * after the call began. Returns owned; NULL + INVALID naming the part that is
 * not known.
 */
struct crash *crash_new(const char *spec, struct err *err);
void crash_free(struct crash *crash);

/* crash where it counts in normal work (recovering false) or in recovery: the
 * armed name begins with "recovery." for the latter. NULL otherwise. */
struct crash *crash_counts(struct crash *crash, bool recovering);

/* The point is passed; crash may be NULL. Does not return where it is the
 * armed one (INSIDE: returns, and dies a moment later). */
void crash_at(struct crash *crash, enum step_kind kind, enum crash_phase phase,
              enum crash_side side);

/* Name of the nth point; false past the end. */
bool crash_name(size_t n, char *out, size_t size);
