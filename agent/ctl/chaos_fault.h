// SPDX-License-Identifier: Apache-2.0
/*
 * Obstacles in the embed root's folders, so that libvirt fails at a place of
 * our choosing and what was done before has to be undone.
 */
#pragma once

#include "agent/ctl/chaos_case.h"
#include "agent/ctl/chaos_lab.h"

int chaos_fault_put(const struct chaos_lab *lab, enum chaos_fault fault,
                    struct err *err);
/* The kind of step that fails by it; NULL: none. */
const char *chaos_fault_step(enum chaos_fault fault);

void chaos_fault_take(const struct chaos_lab *lab, enum chaos_fault fault);
