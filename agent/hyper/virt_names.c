// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of words, in libvirt's order. What a later libvirt adds beyond their
 * ends has no word and reads as "".
 */
#include "agent/hyper/virt_names.h"

#include <libvirt/libvirt.h>

#define WORDS 16

struct state_row {
    enum hyper_state state;
    const char *reasons[WORDS];
};

/* virDomainState, and the reason enum of each. */
static const struct state_row states[] = {
    [VIR_DOMAIN_NOSTATE] = {HYPER_UNKNOWN, {""}},
    [VIR_DOMAIN_RUNNING] = {HYPER_RUNNING,
                            {"", "booted", "migrated", "restored",
                             "from_snapshot", "unpaused", "migration_canceled",
                             "save_canceled", "wakeup", "crashed", "postcopy",
                             "postcopy_failed"}},
    [VIR_DOMAIN_BLOCKED] = {HYPER_BLOCKED, {""}},
    [VIR_DOMAIN_PAUSED] = {HYPER_PAUSED,
                           {"", "user", "migration", "save", "dump", "ioerror",
                            "watchdog", "from_snapshot", "shutting_down",
                            "snapshot", "crashed", "starting_up", "postcopy",
                            "postcopy_failed"}},
    [VIR_DOMAIN_SHUTDOWN] = {HYPER_SHUTTING_DOWN, {"", "user"}},
    [VIR_DOMAIN_SHUTOFF] = {HYPER_SHUT_OFF,
                            {"", "shutdown", "destroyed", "crashed",
                             "migrated", "saved", "failed", "from_snapshot",
                             "daemon"}},
    [VIR_DOMAIN_CRASHED] = {HYPER_CRASHED, {"", "panicked"}},
    [VIR_DOMAIN_PMSUSPENDED] = {HYPER_PM_SUSPENDED, {""}},
};
#define STATES ((int)(sizeof(states) / sizeof(states[0])))

struct event_row {
    const char *word;
    enum hyper_state state;
    const char *details[WORDS];
};

/* virDomainEventType, and the detail enum of each. */
static const struct event_row events[] = {
    [VIR_DOMAIN_EVENT_DEFINED] = {"defined", HYPER_UNKNOWN,
                                  {"added", "updated", "renamed",
                                   "from_snapshot"}},
    [VIR_DOMAIN_EVENT_UNDEFINED] = {"undefined", HYPER_UNKNOWN,
                                    {"removed", "renamed"}},
    [VIR_DOMAIN_EVENT_STARTED] = {"started", HYPER_RUNNING,
                                  {"booted", "migrated", "restored",
                                   "from_snapshot", "wakeup"}},
    [VIR_DOMAIN_EVENT_SUSPENDED] = {"paused", HYPER_PAUSED,
                                    {"user", "migration", "ioerror",
                                     "watchdog", "restored", "from_snapshot",
                                     "api_error", "postcopy",
                                     "postcopy_failed"}},
    [VIR_DOMAIN_EVENT_RESUMED] = {"resumed", HYPER_RUNNING,
                                  {"unpaused", "migrated", "from_snapshot",
                                   "postcopy", "postcopy_failed"}},
    [VIR_DOMAIN_EVENT_STOPPED] = {"stopped", HYPER_SHUT_OFF,
                                  {"shutdown", "destroyed", "crashed",
                                   "migrated", "saved", "failed",
                                   "from_snapshot"}},
    [VIR_DOMAIN_EVENT_SHUTDOWN] = {"shutdown", HYPER_SHUTTING_DOWN,
                                   {"", "guest", "host"}},
    [VIR_DOMAIN_EVENT_PMSUSPENDED] = {"pm_suspended", HYPER_PM_SUSPENDED,
                                      {"memory", "disk"}},
    [VIR_DOMAIN_EVENT_CRASHED] = {"crashed", HYPER_CRASHED,
                                  {"panicked", "crashloaded"}},
};
#define EVENTS ((int)(sizeof(events) / sizeof(events[0])))

static const char *
word(const char *const words[WORDS], int i)
{
    return i >= 0 && i < WORDS && words[i] ? words[i] : "";
}

enum hyper_state
virt_names_state(int state)
{
    return state >= 0 && state < STATES ? states[state].state : HYPER_UNKNOWN;
}

const char *
virt_names_reason(int state, int reason)
{
    return state >= 0 && state < STATES ? word(states[state].reasons, reason)
                                        : "";
}

struct virt_names_event
virt_names_lifecycle(int event, int detail)
{
    if (event < 0 || event >= EVENTS)
        return (struct virt_names_event){"changed", "", HYPER_UNKNOWN};
    return (struct virt_names_event){events[event].word,
                                     word(events[event].details, detail),
                                     events[event].state};
}
