// SPDX-License-Identifier: Apache-2.0
/* The doctor's look at hook scripts. */
#pragma once

#include "agent/verbs/exam.h"

void exam_hook_scripts(struct exam *exam);
