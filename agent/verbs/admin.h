// SPDX-License-Identifier: Apache-2.0
/* The administrator's verbs: settings and log (unix socket only). */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb admin_verbs[];
extern const size_t admin_nverbs;
