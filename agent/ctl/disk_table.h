// SPDX-License-Identifier: Apache-2.0
/* Disk objects as a table. */
#pragma once

#include <stdio.h>

#include "agent/common/json.h"

void disk_table_print(FILE *to, const json_t *disks);
