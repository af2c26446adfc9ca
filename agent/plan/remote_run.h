// SPDX-License-Identifier: Apache-2.0
/*
 * An operation on a host by proxy, from its plan to its receipt: what is true
 * afterwards is written down with the intent, and whoever must find out how it
 * ended (after a lost answer, a restart, a task that waits for an answer)
 * reads the host and compares. What changes something is sent once.
 * Worker threads, in the lane of the machine.
 */
#pragma once

#include "agent/plan/remote.h"

/* The receipt, or for a dry run the plan. wish is the verb's own. NULL +
 * err. */
json_t *remote_run(struct remote *remote, const struct remote_work *work,
                   void *wish, struct err *err);
