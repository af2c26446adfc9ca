// SPDX-License-Identifier: Apache-2.0
/* Who may everything, for tests that are not about roles. */
#pragma once

#include "agent/plan/env.h"

struct root {
    struct identity *who;  /* uid 0 */
    struct access *access; /* no rule: nobody else has a role */
};

static inline struct root
root_enter(struct env *env)
{
    const struct root root = {identity_new("uid:0"), access_new(0)};

    identity_add_number(root.who, IDENTITY_UID, 0);
    atomic_store(&env->access, root.access);
    return root;
}

static inline void
root_leave(struct root *root)
{
    identity_unref(root->who);
    access_free(root->access);
}
