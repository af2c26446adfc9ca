// SPDX-License-Identifier: Apache-2.0
/*
 * The hook runner's face: run the scripts of a point, one after the other, on
 * a private file that they may rewrite; judge what each made of it; answer
 * with the result. No script: no cost but the look for them. It blocks: worker
 * threads (and main, at the start and the end), never with a lock held.
 */
#pragma once

#include "hooks/hook.h"

struct hooks;

struct hooks_setup {    /* copied */
    const char *helper; /* path of berth-exec */
    const char *python; /* directory of hooking.py */
};
struct hooks *hooks_new(const struct hooks_setup *setup);
void hooks_free(struct hooks *hooks);

/* The scripts of a point (scripts_free); false when there are none. */
bool hooks_find(const struct hook_rules *rules, enum point_id point,
                struct scripts *out);

/*
 * Run them. 0, or -1 + err at a point whose failure stops the operation:
 * HOOK_UNSAFE (a script or property that may not be run or given),
 * HOOK_FAILED (exit code, signal, deadline, a result that is refused), BUSY
 * (no place among `max` in time). *out is filled in both cases. At other
 * points failures are logged and 0 is returned.
 */
int hooks_run(struct hooks *hooks, const struct hook_call *call,
              struct hook_outcome *out, struct err *err);

/* {points: [{point, never_run, scripts: [{order, script, path, masks, unsafe,
 * sha256, may: [], runs, failures, total_us, max_us, last}]}], strange:
 * [path]}: points that have scripts (never_run: berthd does not do that);
 * directories with scripts that are no point's. Returns owned. */
json_t *hooks_list(struct hooks *hooks, const struct hook_rules *rules);

/* {point: {script: {checksum}}}, as VDSM tells it. Returns owned. */
json_t *hooks_checksums(const struct hook_rules *rules);

/* Counters of every script that has run: [{point, path, runs, failures,
 * total_us}]. Memory only; returns owned. */
json_t *hooks_counts(struct hooks *hooks);

CLEANUP_DEFINE(hooks_cleanup_, struct hooks, hooks_free)
