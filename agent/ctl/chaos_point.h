// SPDX-License-Identifier: Apache-2.0
/*
 * Which crash points an operation passes: the names that berthd prints, held
 * against the steps of its plan. Pure.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"

/* One death to die: a name, and what follows ":" in --crash-at. */
struct chaos_point {
    char name[96]; /* "attach_disk.call.inside" */
    long n;        /* nth pass; of an inside: milliseconds */
};

/*
 * The points of a plan (its "steps", borrowed) among names. With undo: those
 * of its undoing alone; else all others. glob (NULL: all) is matched with the
 * name. A death inside a call is tried at its beginning and at each quarter of
 * a step's share of call_ms, which the whole operation takes. Returns owned.
 */
struct chaos_point *chaos_point_list(char *const *names, size_t nnames,
                                     const json_t *steps, bool undo,
                                     const char *glob, long call_ms, size_t *n);

/* Step and rest of a name: "attach_disk", "call.inside". */
bool chaos_point_split(const char *name, char step[64], const char **rest);

bool chaos_point_inside(const struct chaos_point *point);

/* "attach_disk.call.inside:3", as --crash-at takes it. */
void chaos_point_text(const struct chaos_point *point, char out[112]);
