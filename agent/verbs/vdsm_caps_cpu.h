// SPDX-License-Identifier: Apache-2.0
/* Processors and memory among the capabilities. Any thread. */
#pragma once

#include "agent/verbs/vdsm_facts.h"
#include "agent/verbs/vdsm_field.h"

extern const struct vdsm_field vdsm_caps_cpu_rows[];
extern const size_t vdsm_caps_cpu_nrows;
