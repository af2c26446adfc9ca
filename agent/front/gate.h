// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the peer of a call may make it, by the action group of its verb: a
 * rough look before anything is read or looked up, and a close one as soon as
 * the VM is known. What a verb needs beyond that it asks itself. I/O thread or
 * worker; memory only.
 */
#pragma once

#include "agent/verbs/verb.h"

/* Has the peer the group for anything at all? 0, -1 + DENIED. */
int gate_enter(struct verb_call *call, struct err *err);

/* Has it for what the checked parameters name? A VM that the table does not
 * know is let through where it is looked for in libvirt (not by verbs of lane
 * host): ask again when call->vm is known. 0, -1 + DENIED. */
int gate_object(struct verb_call *call, struct err *err);

/* The same for a machine of a host by proxy, once it was found. */
int gate_remote(struct verb_call *call, struct err *err);
