// SPDX-License-Identifier: Apache-2.0
/* Words for what every backend has in common. Any thread. */
#include "agent/hyper/ops.h"

static const char *const state_names[HYPER_STATES] = {
    [HYPER_UNKNOWN] = "unknown",
    [HYPER_RUNNING] = "running",
    [HYPER_BLOCKED] = "blocked",
    [HYPER_PAUSED] = "paused",
    [HYPER_SHUTTING_DOWN] = "shutting_down",
    [HYPER_SHUT_OFF] = "shut_off",
    [HYPER_CRASHED] = "crashed",
    [HYPER_PM_SUSPENDED] = "pm_suspended",
};

const char *
hyper_state_name(enum hyper_state state)
{
    return (unsigned)state < HYPER_STATES ? state_names[state] : "unknown";
}

bool
hyper_state_active(enum hyper_state state)
{
    return state != HYPER_UNKNOWN && state != HYPER_SHUT_OFF &&
           state != HYPER_CRASHED;
}
