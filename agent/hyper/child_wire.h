// SPDX-License-Identifier: Apache-2.0
/*
 * What berthd and a process of its own say to each other: messages of four
 * bytes of length (network order), then JSON, over a socketpair. Blocks.
 */
#pragma once

#include "agent/common/json.h"

#define CHILD_WIRE_FD 3          /* the socket, in the child */
#define CHILD_WIRE_IDLE_MS 60000 /* without a call the child ends */

/* -1: the other side is gone, or the deadline (CLOCK_MONOTONIC ms, -1: none)
 * has passed: then errno is ETIMEDOUT. */
int child_wire_send(int fd, const json_t *message, int64_t deadline_ms);
json_t *child_wire_receive(int fd, int64_t deadline_ms); /* owned, NULL */
