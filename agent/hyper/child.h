// SPDX-License-Identifier: Apache-2.0
/*
 * A process of our own that makes libvirt's ESX calls for us: the driver of
 * libvirt 9.0 crashes on odd servers and waits for ever on mute ones, so it
 * must be where it can be ended. Started on demand, ended at a call's
 * deadline, by itself when idle; after a crash it is started again with
 * backoff. One call at a time: calls on one connection of libvirt's are
 * serialised anyway. Worker threads; calls block.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"

struct child;

/* name is told in errors and logs; program is run with --hypervisor-child;
 * open (copied) is handed over first, {uri, credentials, user}. */
struct child *child_new(const char *name, const char *program,
                        const json_t *open);
void child_free(struct child *child); /* no call may be under way */

/* End what runs now; who waits gets STOPPING. Any thread. */
void child_stop(struct child *child);

/*
 * Have the child make a call. 0 with *result (owned), or -1 + err: what the
 * call answered, TIMEOUT, UNREACHABLE (it ended, or must not be started yet:
 * retry_after_ms), STOPPING. *sent (may be NULL): the call may have been
 * carried out although no answer came.
 */
int child_call(struct child *child, const char *call, const json_t *args,
               int64_t deadline_ms, json_t **result, bool *sent,
               struct err *err);

struct child_state {
    int pid; /* 0: it does not run */
    unsigned starts;
    unsigned crashes;
    char last_end[200]; /* "ended by signal 11", "" */
};
void child_look(struct child *child, struct child_state *state);
