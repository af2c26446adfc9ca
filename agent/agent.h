// SPDX-License-Identifier: Apache-2.0
/* The running berthd: every room, wired, from start to stop. Main thread. */
#pragma once

#include "agent/settings.h"

enum agent_end {
    AGENT_STOPPED, /* as asked */
    AGENT_FAILED,  /* it could not start; the log says why */
    AGENT_STUCK,   /* stopped, but threads are left inside the hypervisor:
                      nothing may be freed, the process must end by _exit */
    AGENT_LEFT,    /* the same, and they only ask questions: no failure */
};

/*
 * Start with conf (a snapshot of settings), serve until SIGTERM or SIGINT,
 * stop. crash_at (may be NULL) arms a crash point: refused unless the state
 * directory is marked as scratch. tell hands a state ("READY=1") to the
 * service manager. Signals are taken over; no thread may exist before.
 */
enum agent_end agent_run(struct settings *settings, struct conf *conf,
                         const char *crash_at,
                         void (*tell)(const char *state));
