// SPDX-License-Identifier: Apache-2.0
/*
 * One death (or two): call, die at a point, start again, ask what became of
 * it, look.
 * One thread per trial.
 */
#pragma once

#include "agent/ctl/chaos_case.h"
#include "agent/ctl/chaos_lab.h"
#include "agent/ctl/chaos_point.h"
#include "agent/ctl/chaos_state.h"
#include "agent/ctl/chaos_verdict.h"

/* A case, and what is known of it from an undisturbed run. */
struct chaos_trial {
    struct chaos_lab *lab;
    const struct chaos_case *row;
    struct chaos_state before, after;
    struct chaos_state kept; /* see chaos_case.h; no facts: none */
    json_t *wanted; /* owned: its receipt; NULL: it fails, as it shall */
    json_t *steps;  /* owned: of its plan */
    bool twice;     /* recovery dies as well, where it passes the point */
    long call_ms;   /* how long it took */
    char last[112]; /* the point of the cell before */
};

/* A call as the case has it, with an op_id (NULL: dry run). Returns owned;
 * NULL + err. */
json_t *chaos_cell_call(const struct chaos_trial *trial, const char *op_id,
                        json_t **refusal, struct err *err);

/* The lab's VM is in its base state. In *verdict how it went (why says what
 * is WRONG), and a berthd without a point runs afterwards. -1 + err: nothing
 * can be said, since berthd does not start or answer. */
int chaos_cell_run(const struct chaos_trial *trial,
                   const struct chaos_point *point, enum chaos_verdict *verdict,
                   struct buf *why, struct err *err);
