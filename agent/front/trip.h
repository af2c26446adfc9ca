// SPDX-License-Identifier: Apache-2.0
/*
 * One request on its way: parameters checked, lane chosen, verb run, response
 * made. It starts in the I/O thread; what is not inline goes on in a worker,
 * which knows the session as a number only and answers by notify_reply.
 */
#pragma once

#include "agent/verbs/verb.h"
#include "protocol/jsonrpc.h"

struct trip_from {
    struct env *env; /* outlives every trip */
    uint64_t session;
    uint64_t slot; /* comes back with the reply */
    const char *peer;
    bool local; /* came over the unix socket */
};

/*
 * Answer the request or send it on its way; what request holds is taken.
 * True: it is over, *reply is the response (owned; NULL for a notification).
 * False: exactly one notify_reply(session, slot, …) follows. I/O thread.
 */
bool trip_start(const struct trip_from *from, const struct verb *verb,
                struct jsonrpc_request *request, json_t **reply);
