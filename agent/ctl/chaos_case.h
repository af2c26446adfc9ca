// SPDX-License-Identifier: Apache-2.0
/*
 * What chaos does to a VM: for each row a state to begin with, one changing
 * call, and the way back. Static rows.
 */
#pragma once

#include <stddef.h>

/* Parameters as chaos_lab_params reads them. */
struct chaos_call {
    const char *verb; /* NULL ends a list */
    const char *params;
};

/* What makes the call fail late, so that it has to be undone. */
enum chaos_fault {
    CHAOS_NO_FAULT,
    CHAOS_NO_DEFINE,    /* the definition cannot be written */
    CHAOS_NO_AUTOSTART, /* autostart cannot be set */
};

struct chaos_case {
    const char *name;
    const char *doc;
    const struct chaos_call *base; /* from nothing to the state before */
    struct chaos_call call;
    const struct chaos_call *restore; /* NULL: the base is made anew */
    enum chaos_fault fault;
};

extern const struct chaos_case chaos_case_rows[];
extern const size_t chaos_case_nrows;

#define CHAOS_CASE_VM "scratch" /* the VM of every case */
