// SPDX-License-Identifier: Apache-2.0
/* The answer of GetTopology as a picture (SVG). Pure. */
#pragma once

#include "agent/common/buf.h"
#include "agent/common/json.h"

void picture_draw(const json_t *topology, struct buf *out);
