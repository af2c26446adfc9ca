// SPDX-License-Identifier: Apache-2.0
/*
 * From what the house knows to a run of hook scripts: the settings in force,
 * custom properties, grants, and which sources need none. Worker threads (and
 * main at the start and the end): scripts run here.
 */
#pragma once

#include "agent/plan/env.h"
#include "hooks/hooks.h"

/* The settings as rules, borrowed from the conf in force; env must stay. */
void hook_env_rules(struct env *env, struct hook_rules *rules);

/* Custom properties: of a device, from its entry in an engine's metadata, then
 * those of the VM, which win. */
struct hook_env_props {
    struct environ_property *items; /* owned, with their texts */
    size_t n;
};

/* Which device: its entry is joined to it by key ("name", "mac_address"). */
struct hook_env_device {
    const char *devtype, *key, *value; /* value NULL: none */
};

/* metadata is the text of struct domain's ovirt, or of one <device> entry
 * that is about to be written; NULL: none. Adds to *out, which begins empty. */
void hook_env_props(const char *metadata, const struct hook_env_device *device,
                    struct hook_env_props *out);
void hook_env_props_clear(struct hook_env_props *props);
#define CLEANUP_HOOK_PROPS CLEANUP(hook_env_props_clear)

/* Who asks: goes to the scripts, and bounds them. */
struct hook_env_for {
    const char *vm;
    const char *op_id, *flow_id; /* NULL: none */
    int64_t deadline_ms;         /* CLOCK_MONOTONIC, 0: none */
};

/*
 * Run what the point has with that payload (text may be NULL); 0 at once when
 * it has nothing. As hooks_run; flags -1: none.
 */
int hook_env_run(struct env *env, enum point_id point,
                 const struct hook_env_for *who,
                 const struct hook_env_props *props, const char *text,
                 int64_t flags, struct hook_outcome *out, struct err *err);

/* Whether there is anything to run at all: before a payload is made. */
bool hook_env_any(struct env *env, enum point_id point);

/* --- for people ---------------------------------------------------------- */

/* What scripts there are (hooks_list), and as VDSM tells it. Owned. */
json_t *hook_env_list(struct env *env);
json_t *hook_env_checksums(struct env *env);
json_t *hook_env_counts(struct env *env); /* hooks_counts */

/* A point by its name; POINT_IDS + INVALID naming what is expected. */
enum point_id hook_env_point(const char *name, struct err *err);

/*
 * Run the scripts of a point on that payload and do nothing with the result:
 * {point, scripts: [{script, path, result, us, stderr, changes, refused}],
 * accepted, why, payload}. text NULL: made of the VM and, for a device, of
 * the disk that is named (may be NULL). vm may be "". NULL + err (INVALID:
 * nothing to give them) when no script was run.
 */
struct hook_env_trial {
    enum point_id point;
    const char *vm; /* UUID or "" */
    const char *disk;
    const char *text;
    const json_t *custom; /* {name: text}, or NULL */
};
json_t *hook_env_test(struct env *env, const struct hook_env_trial *trial,
                      struct err *err);
