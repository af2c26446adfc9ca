// SPDX-License-Identifier: Apache-2.0
/* Which VM a call is about, as far as memory tells. I/O thread. */
#pragma once

#include "agent/verbs/verb.h"

/* The VM that a call names into call->vm, where the table knows it. One that
 * only libvirt knows is looked for later, unless the call is answered from
 * memory. 0, -1 + NOT_FOUND, INVALID. */
int whom_resolve(struct verb_call *call, struct err *err);

/* Whether a verb from memory names a VM that has no record: libvirt is asked
 * about it once, by a worker. */
bool whom_stranger(const struct verb_call *call);
