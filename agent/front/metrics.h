// SPDX-License-Identifier: Apache-2.0
/*
 * The door for figures: GET /metrics by HTTP (libevent's), in a thread of its
 * own, so that whoever scrapes holds up nobody who asks for something, and
 * the other way round.
 */
#pragma once

#include "agent/plan/env.h"

struct metrics;

/* Listen at [metrics] listen. Returns owned, NULL + err (INVALID, BUSY,
 * INTERNAL). env outlives it. */
struct metrics *metrics_start(struct env *env, const char *address,
                              struct err *err);
void metrics_stop(struct metrics *metrics); /* takes; NULL is fine */
