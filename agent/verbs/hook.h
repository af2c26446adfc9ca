// SPDX-License-Identifier: Apache-2.0
/* Verbs about hook scripts: ListHooks, TestHook. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb hook_verbs[];
extern const size_t hook_nverbs;
