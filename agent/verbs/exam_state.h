// SPDX-License-Identifier: Apache-2.0
/* The doctor's checks of what berthd keeps. */
#pragma once

#include "agent/verbs/exam.h"

void exam_state_settings(struct exam *exam);
void exam_state_directory(struct exam *exam);
void exam_state_lock(struct exam *exam);
void exam_state_database(struct exam *exam);
void exam_state_reserve(struct exam *exam);
void exam_state_space(struct exam *exam);
void exam_state_operations(struct exam *exam);
void exam_state_clock(struct exam *exam);
