// SPDX-License-Identifier: Apache-2.0
/*
 * Hook scripts around questions that an engine asks under VDSM's names: one
 * point before, and one after that may rewrite the answer. Questions are
 * answered from memory in the I/O thread as long as there is nothing to run;
 * whether there is, is looked up in time beforehand, for that thread must not
 * wait for a file system.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/plan/hook_env.h"

enum hook_verb {
    HOOK_VERB_NONE,
    HOOK_VERB_CAPS,
    HOOK_VERB_STATS,
    HOOK_VERB_VM_STATS,
    HOOK_VERB_ALL_VM_STATS,
    HOOK_VERBS
};

/* Look for scripts now and every two seconds. Main, once everything is
 * there. */
void hook_verb_watch(struct env *env);

/* Whether there were scripts when it was looked last; memory only. */
bool hook_verb_scripted(struct env *env, enum hook_verb verb);

/* Workers. 0, or -1 + err: the question is refused. */
int hook_verb_before(struct env *env, enum hook_verb verb,
                     const struct hook_env_for *who, struct err *err);

/* The answer as scripts leave it, or as it is; takes and returns owned. */
json_t *hook_verb_after(struct env *env, enum hook_verb verb,
                        const struct hook_env_for *who, json_t *answer);
