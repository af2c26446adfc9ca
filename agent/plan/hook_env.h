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

/* Custom properties of a VM, and before them those of one device of it, from
 * an engine's metadata (text of struct domain's ovirt, may be NULL). */
struct hook_env_props {
    struct environ_property *items; /* owned, with their texts */
    size_t n;
};
void hook_env_props(const char *metadata, const char *devtype, const char *key,
                    const char *value, struct hook_env_props *out);
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
