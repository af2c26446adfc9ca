// SPDX-License-Identifier: Apache-2.0
/*
 * A whole case: its base, the undisturbed run, and a death at each of its
 * points. One thread per lab.
 */
#pragma once

#include <stdatomic.h>

#include "agent/ctl/chaos_cell.h"
#include "agent/ctl/chaos_matrix.h"

/* What all cases of a run share; read only but for the matrix. */
struct chaos_run {
    char **names; /* owned: every crash point that berthd has */
    size_t nnames;
    const char *glob; /* of points; NULL: all */
    bool twice;       /* see chaos_cell.h */
    struct chaos_matrix *matrix;
    atomic_bool *stop; /* somebody wants the run to end */
};

/* Every point of a case in that lab, into the matrix. -1 + err: it could not
 * be brought into its base state, or did not do what it shall undisturbed. */
int chaos_run_case(const struct chaos_run *run, struct chaos_lab *lab,
                   const struct chaos_case *row, struct err *err);
