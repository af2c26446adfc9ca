// SPDX-License-Identifier: Apache-2.0
/*
 * A pair of points per question. The look is a job that posts itself again:
 * it costs as many opendir as there are points here and directories.
 */
#include "agent/plan/hook_verb.h"

#include <string.h>

#include "agent/common/log.h"

#define LOOK_MS 2000

static const struct pair {
    enum point_id before, after;
} pairs[HOOK_VERBS] = {
    [HOOK_VERB_CAPS] = {POINT_BEFORE_GET_CAPS, POINT_AFTER_GET_CAPS},
    [HOOK_VERB_STATS] = {POINT_BEFORE_GET_STATS, POINT_AFTER_GET_STATS},
    [HOOK_VERB_VM_STATS] = {POINT_BEFORE_GET_VM_STATS,
                            POINT_AFTER_GET_VM_STATS},
    [HOOK_VERB_ALL_VM_STATS] = {POINT_BEFORE_GET_ALL_VM_STATS,
                                POINT_AFTER_GET_ALL_VM_STATS},
};

/* --- whether there is anything
 * ------------------------------------------------- */

static void
look_drop(void *arg)
{
    (void)arg;
}

static void
look(struct env *env)
{
    unsigned found = 0;

    for (int i = HOOK_VERB_NONE + 1; i < HOOK_VERBS; i++)
        if (hook_env_any(env, pairs[i].before) ||
            hook_env_any(env, pairs[i].after))
            found |= 1u << i;
    atomic_store(&env->hooked_verbs, found);
}

static void
look_run(void *arg)
{
    struct env *env = arg;
    const struct job job = {look_run, look_drop, env, "look for hook scripts"};

    look(env);
    later_post(env->later, LOOK_MS, NULL, &job);
}

void
hook_verb_watch(struct env *env)
{
    look_run(env);
}

bool
hook_verb_scripted(struct env *env, enum hook_verb verb)
{
    return verb && atomic_load(&env->hooked_verbs) & 1u << verb;
}

/* --- runs
 * ------------------------------------------------------------------------ */

int
hook_verb_before(struct env *env, enum hook_verb verb,
                 const struct hook_env_for *who, struct err *err)
{
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};

    return hook_env_run(env, pairs[verb].before, who, NULL, "{}", -1, &out,
                        err);
}

json_t *
hook_verb_after(struct env *env, enum hook_verb verb,
                const struct hook_env_for *who, json_t *answer)
{
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};
    CLEANUP_TEXT char *text = NULL;
    struct err why = ERR_INIT;
    json_t *rewritten;

    if (!hook_env_any(env, pairs[verb].after))
        return answer;
    text = json_text(answer, NULL);
    if (hook_env_run(env, pairs[verb].after, who, NULL, text, -1, &out, &why) <
            0 ||
        !out.text)
        return answer;
    rewritten = json_parse(out.text, strlen(out.text), NULL, &why);
    if (!rewritten) { /* it was judged: a limit of this parse */
        log_warning("What scripts made of the answer is dropped: %s",
                    why.message);
        return answer;
    }
    json_decref(answer);
    return rewritten;
}
