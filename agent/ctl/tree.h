// SPDX-License-Identifier: Apache-2.0
/* A VM's topology as a drawn tree. */
#pragma once

#include "agent/common/json.h"

/*
 * Draw GetTopology's result: a line for the VM, one per bus node with its
 * label, address, detail and "free", children below theirs.
 */
void tree_print(const json_t *topology, FILE *to);
