// SPDX-License-Identifier: Apache-2.0
/*
 * One death (or two): call, die at a point, start again, ask what became of
 * it, look.
 * One thread per trial.
 */
#pragma once

#include "agent/common/uuid.h"
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
    json_t *wanted; /* owned: its receipt; NULL: it fails, as it shall */
    json_t *steps;  /* owned: of its plan */
    char op_id[UUID_TEXT]; /* of its last undisturbed call */
    bool twice;     /* recovery dies as well, where it passes the point */
    long call_ms;   /* how long it took */
    char last[112]; /* the point of the cell before */
};

/* A call as the case has it, with an op_id (NULL: dry run). Returns owned;
 * NULL + err. */
json_t *chaos_cell_call(const struct chaos_trial *trial, const char *op_id,
                        json_t **refusal, struct err *err);

/* Whether seen is the state before, but for what receipt says is kept. */
bool chaos_cell_kept(const struct chaos_trial *trial, const json_t *receipt,
                     const struct chaos_state *seen);

/* The lab's VM is in its base state. In *verdict how it went (why says what
 * is WRONG), and a berthd without a point runs afterwards. -1 + err: nothing
 * can be said, since berthd does not start or answer. */
int chaos_cell_run(const struct chaos_trial *trial,
                   const struct chaos_point *point, enum chaos_verdict *verdict,
                   struct buf *why, struct err *err);
