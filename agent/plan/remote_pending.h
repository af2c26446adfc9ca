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

/* What was open when berthd ended: settled by reading. At the start. */
void remote_pending_recover(struct env *env);

/*
 * Answer the open question of an operation (peer's own first), by the key or
 * the label of a choice. Returns its receipt as it is then; NULL + err.
 */
json_t *remote_pending_answer(struct env *env, const struct request *request,
                              const char *op_id, const char *choice,
                              struct err *err);

/* Cancel the task of a pending operation; false: there is none. */
bool remote_pending_cancel(struct env *env, const char *peer,
                           const char *op_id);
