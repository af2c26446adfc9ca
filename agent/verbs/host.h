// SPDX-License-Identifier: Apache-2.0
/* Questions about berthd, this host and its hypervisor. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb host_verbs[];
extern const size_t host_nverbs;
