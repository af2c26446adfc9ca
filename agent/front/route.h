// SPDX-License-Identifier: Apache-2.0
/*
 * Which row serves a request: that of the local hypervisor, or that of the
 * host by proxy which it names, or which is known to have its VM. I/O thread;
 * memory only.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/verbs/verb.h"
#include "protocol/jsonrpc.h"

/*
 * *esx gets the host, NULL for the local one; "hypervisor": "local" is taken
 * out of the parameters, as it is what is meant anyway. NULL + err: NO_METHOD,
 * NOT_FOUND (no such hypervisor), UNSUPPORTED (it cannot do that).
 */
const struct verb *route_find(struct env *env, struct jsonrpc_request *request,
                              struct esx **esx, struct err *err);
