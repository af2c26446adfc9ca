// SPDX-License-Identifier: Apache-2.0
/* Events: subscribing to them and reading old ones. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb events_verbs[];
extern const size_t events_nverbs;
