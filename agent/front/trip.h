// SPDX-License-Identifier: Apache-2.0
/*
 * One request on its way: parameters checked, lane chosen, verb run, response
 * made. It starts in the I/O thread; what is not inline goes on in a worker,
 * which knows the session as a number only and answers by notify_reply.
 */
#pragma once

#include "agent/front/join.h"
#include "protocol/jsonrpc.h"

struct trip_from {
    struct env *env; /* outlives every trip */
    struct esx *esx; /* the host by proxy it is for, NULL: the local one */
    struct join *join;
    uint64_t session;
    uint64_t slot; /* comes back with the reply */
    const char *peer;
    const struct identity *who; /* NULL: nobody */
    const char *flow_id; /* of the message; NULL: none */
    bool local; /* came over the unix socket */
};

/*
 * Answer the request or send it on its way; what request holds is taken.
 * True: it is over, *reply is the response (owned; NULL for a notification).
 * False: exactly one notify_reply follows. That of a question has its session
 * and slot; that of a call which changes something, or waits with one that
 * does, has JOIN_SESSION and the number of the call. I/O thread.
 */
bool trip_start(const struct trip_from *from, const struct verb *verb,
                struct jsonrpc_request *request, json_t **reply);

/* The deadline of an open call has come: it ends where it has not begun. One
 * that runs sees to its deadline itself. I/O thread. */
void trip_late(struct env *env, uint64_t number);
