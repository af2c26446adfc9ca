// SPDX-License-Identifier: Apache-2.0
/* The doctor's check of the hypervisor. */
#pragma once

#include "agent/verbs/exam.h"

void exam_hyper_libvirt(struct exam *exam);
