// SPDX-License-Identifier: Apache-2.0
/* What a run of a point's scripts is given, and what comes of it. Values. */
#pragma once

#include "hooks/environ.h"
#include "hooks/judge.h"
#include "hooks/points.h"
#include "hooks/scripts.h"

/* The settings, as they are for one run; borrowed. */
struct hook_rules {
    const char *const *dirs; /* NULL-terminated; later ones mask */
    const char *work_dir;
    int64_t script_ms;
    int64_t point_ms; /* of a point; 0: what its row says */
    int max;          /* points that run scripts at once, over all threads */
    const char *user; /* whom scripts run as; "": as berthd */
    /* Grants of the script of that file name, bits of enum judge_need. */
    unsigned (*may)(void *ctx, const char *script);
    void *ctx;
    struct judge_sources sources;
};

struct hook_call {
    enum point_id point;
    const struct scripts *scripts; /* what hooks_find found */
    const struct hook_rules *rules;
    const char *vm;                       /* UUID, or NULL */
    const char *flow_id, *op_id;          /* or NULL */
    const struct environ_property *props; /* device's, then the VM's */
    size_t nprops;
    const char *text;    /* the payload; NULL: none */
    int64_t flags;       /* launch flags, -1: there are none */
    int64_t deadline_ms; /* CLOCK_MONOTONIC, 0: the point's only */
    bool test;           /* a missing grant is told, not refused */
};

struct hook_outcome {
    char *text;      /* owned: what the scripts made of the payload, where it
                        is used and differs; else NULL */
    int64_t flags;   /* as they are now */
    bool privileged; /* a change that was granted or refused is of privileges */
    json_t *scripts; /* owned; of each that ran {script, path, result, us,
                        stderr, changes: [], refused} */
};
void hook_outcome_clear(struct hook_outcome *outcome);
#define CLEANUP_OUTCOME CLEANUP(hook_outcome_clear)

/* "<file name> of <point>", as messages name a script; returns owned. */
char *hook_script_title(const struct hook_call *call,
                        const struct script *script);
