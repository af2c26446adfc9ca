// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that change something and are not over, so that an equal one waits
 * with the first instead of running too. Each has a number, which is its
 * ticket in the pool; who waits for it is a list of session, slot and id, of
 * which the first made it run. A timer tells when the deadline of one has
 * come. I/O thread only.
 */
#pragma once

#include <event2/event.h>

#include "agent/verbs/verb.h"

/* notify_reply's session for the end of an open call, its number the slot:
 * no session has this number. The reply is {"result": …} or {"error": …}. */
#define JOIN_SESSION 0

struct join;

/* Who waits. */
struct join_caller {
    uint64_t session;
    uint64_t slot;
    json_t *id; /* owned; NULL: a notification */
};

/* late is called in the loop at the deadline of a call, once. */
struct join *join_new(struct event_base *base,
                      void (*late)(void *ctx, uint64_t number), void *ctx);
void join_free(struct join *join);

/*
 * Whether call is one that is open: 1, and caller waits with it (its id is
 * taken); 0 when it is a new one. With an op_id given, the open call has the
 * same; -1 + OP_ID_CONFLICT when its body is another. Without one it has the
 * same peer, verb and body, and nothing that the peer asked for later touches
 * what it touches: what is asked in order must end in order. call->vm names
 * the VM where it is known. *op_id is that of the open call, for the log.
 */
int join_find(struct join *join, const struct verb_call *call,
              struct join_caller *caller, const char **op_id, struct err *err);

/* A new call begins, its caller's id is taken. Returns its number. */
uint64_t join_begin(struct join *join, const struct verb_call *call,
                    struct join_caller *caller);

/* It is over: who waits for it, the first caller first. Returns an owned
 * array (of owned ids). */
struct join_caller *join_end(struct join *join, uint64_t number, size_t *n);

/* Callers of that session which only wait with another are forgotten.
 * Returns how many. */
size_t join_forget(struct join *join, uint64_t session);
