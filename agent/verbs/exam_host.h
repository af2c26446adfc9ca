// SPDX-License-Identifier: Apache-2.0
/* The doctor's checks of the machine, and of what berthd does in it. */
#pragma once

#include "agent/verbs/exam.h"

void exam_host_qemu(struct exam *exam);
void exam_host_qemu_img(struct exam *exam);
void exam_host_kvm(struct exam *exam);
void exam_host_images(struct exam *exam);
void exam_host_descriptors(struct exam *exam);
void exam_host_log(struct exam *exam);
void exam_host_lanes(struct exam *exam);
