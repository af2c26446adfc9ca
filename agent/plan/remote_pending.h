// SPDX-License-Identifier: Apache-2.0
/*
 * Operations on hosts by proxy that wait: for a task, for an answer, for a
 * host that does not answer now. Each is looked at again by a job in its
 * machine's lane until it is over. Any thread.
 */
#pragma once

#include "agent/plan/remote_op.h"

struct remote_pending *remote_pending_new(void);
void remote_pending_free(struct remote_pending *pending); /* jobs are over */

/* It waits from now on; takes op. */
void remote_pending_add(struct env *env, struct remote_op *op);

/* The lane of a machine: "NAME:UUID", of a host "NAME:". */
void remote_pending_lane(const char *hypervisor, const char *vm,
                         char lane[JOB_LANE]);
