// SPDX-License-Identifier: Apache-2.0
/* Hosts by proxy, from the settings into env, and out again. Main thread. */
#pragma once

#include "agent/plan/env.h"

/* Every [hypervisor NAME] but local, checked; nothing is connected yet. */
int remotes_open(struct env *env, struct err *err);

/* What was open when berthd ended goes on; the pool is there. */
void remotes_start(struct env *env);

void remotes_stop(struct env *env);  /* calls under way end soon */
void remotes_close(struct env *env); /* none is under way */
