// SPDX-License-Identifier: Apache-2.0
/* The doctor's checks of berthd's doors: certificates, key, roles, socket. */
#pragma once

#include "agent/verbs/exam.h"

void exam_tls_certificate(struct exam *exam);
void exam_tls_key(struct exam *exam);
void exam_tls_roles(struct exam *exam);
void exam_tls_socket(struct exam *exam);
