// SPDX-License-Identifier: Apache-2.0
/*
 * Hypervisor events → memory, subscribers, lanes. In the event thread only
 * memory is touched; what asks libvirt (new views, the end of an unplug) is a
 * job in the VM's lane, so it never meets an operation half-way.
 */
#include "agent/watch.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/plan/hook_op.h"
#include "agent/plan/look.h"
#include "agent/state/vm_doubt.h"
#include "agent/state/vm_life.h"

/* --- start and reconnect ------------------------------------------------ */

void
watch_start(struct env *env)
{
    if (hyper_connected(env->hyper)) {
        look_at_all(env);
    } else {
        log_warning("libvirt cannot be reached yet: questions are answered "
                    "from the record, nothing is changed");
        look_is_over(env);
    }
    look_for_unsettled(env);
}

void
watch_again(struct env *env)
{
    look_at_all(env);
}

/* --- in the event thread ------------------------------------------------ */

static void
publish(struct env *env, const struct hyper_event *event, const char *type,
        const char *state)
{
    CLEANUP_JSON json_t *data = json_object();

    if (state)
        json_put_text(data, "state", state);
    if (event->detail[0])
        json_put_text(data, "detail", event->detail);
    if (event->reason && event->reason[0])
        json_put_text(data, "reason", event->reason);
    eventlog_post(env->eventlog,
                  &(struct event){.type = type,
                                  .vm = event->uuid,
                                  .device =
                                      event->device[0] ? event->device : NULL,
                                  .origin = "hypervisor",
                                  .data = data});
}

/* What happens while the connection is lost is not told: nothing that is
 * known can be relied on before it has been looked at again. */
static void
connection(struct env *env, const struct hyper_event *event)
{
    bool lost = event->type == HYPER_EVENT_LOST;

    if (lost)
        vm_doubt_all(env->vms);
    eventlog_post(env->eventlog,
                  &(struct event){.type = lost ? "hypervisor.lost"
                                               : "hypervisor.back",
                                  .origin = "hypervisor"});
    if (lost) {
        log_error("The connection to the hypervisor is lost; it is tried "
                  "again");
        return;
    }
    log_info("The connection to the hypervisor is there");
    look_at_all(env);
}

/* What a VM did by itself; that a start of ours paused it first is no news. */
static bool
turned(const struct vm_info *before, const char *what)
{
    if (!strcmp(what, "stopped"))
        return before->active;
    if (!strcmp(what, "paused"))
        return !strcmp(before->state, hyper_state_name(HYPER_RUNNING));
    return !strcmp(what, "resumed") &&
           !strcmp(before->state, hyper_state_name(HYPER_PAUSED));
}

/* Why it is so ("shutdown"), as libvirt says when it is asked; else what has
 * happened ("stopped"). */
static const char *
why(const struct hyper_event *event)
{
    return event->reason[0] ? event->reason : event->detail;
}

/* State changes are in memory at once: reads tell them without waiting. */
static void
lifecycle(struct env *env, const struct hyper_event *event)
{
    CLEANUP_VM_INFO struct vm_info info = {.persistent = true};
    bool tells = event->state != HYPER_UNKNOWN; /* "defined" does not */
    bool known = vm_table_get(env->vms, event->uuid, &info) && info.present;
    const char *state;
    bool active;

    active = tells ? hyper_state_active(event->state) : info.active;
    state = tells           ? hyper_state_name(event->state)
            : info.state[0] ? info.state
                            : hyper_state_name(HYPER_SHUT_OFF);
    if (event->state == HYPER_SHUT_OFF &&
        !vm_table_stale(env->vms, event->uuid, event->detail)) {
        /* A step of ours destroyed it and has looked since; another VM may
         * run under its UUID. What waited for its guest need wait no more. */
        look_at(env, event->uuid);
        publish(env, event, "vm.state", state);
        return;
    }
    if (!strcmp(event->detail, "undefined") && !info.active) {
        vm_table_absent(env->vms, event->uuid);
        publish(env, event, "vm.state", "undefined");
        return;
    }
    if (tells || !known)
        vm_table_seen(env->vms,
                      &(struct vm_seen){event->uuid, event->name, state,
                                        tells ? why(event) : info.reason,
                                        active, info.persistent,
                                        info.autostart, .event = true});
    if (!active)
        vm_table_no_live(env->vms, event->uuid);
    if (tells && event->state == HYPER_SHUT_OFF)
        vm_life_stopped(env->vms, event->uuid, event->reason);
    if (vm_table_stale(env->vms, event->uuid, event->detail))
        look_at(env, event->uuid);
    if (known && turned(&info, event->detail))
        hook_op_event(env, event->uuid, event->detail);
    publish(env, event, "vm.state", state);
}

static void
device(struct env *env, const struct hyper_event *event, const char *word)
{
    char text[192];

    snprintf(text, sizeof(text), "%s %s", word, event->device);
    if (vm_table_stale(env->vms, event->uuid, text))
        look_at(env, event->uuid);
}

static void
removal(struct env *env, const struct hyper_event *event)
{
    bool removed = event->type == HYPER_EVENT_DEVICE_REMOVED;

    if (removed)
        device(env, event, "device_removed");
    if (ops_gone_post(env->ops, event->uuid, event->device,
                      removed ? OPS_GONE_REMOVED : OPS_GONE_REFUSED)) {
        if (removed)
            look_at(env, event->uuid);
        else
            look_at_refusal(env, event->uuid, event->device);
    }
}

/* Why a VM paused: which disk, and ENOSPC or EIO. */
static void
io_error(struct env *env, const struct hyper_event *event)
{
    const char *reason = strcmp(event->detail, "enospc") ? "EIO" : "ENOSPC";
    CLEANUP_JSON json_t *data = json_object();

    vm_table_fault(env->vms, event->uuid, event->device, reason);
    json_put_text(data, "reason", reason);
    json_put_text(data, "disk", event->device);
    eventlog_post(env->eventlog, &(struct event){.type = "vm.paused",
                                                 .vm = event->uuid,
                                                 .device = event->device,
                                                 .origin = "hypervisor",
                                                 .data = data});
}

void
watch_event(void *ctx, const struct hyper_event *event)
{
    struct env *env = ctx;

    switch (event->type) {
    case HYPER_EVENT_LOST:
    case HYPER_EVENT_BACK:
        connection(env, event);
        break;
    case HYPER_EVENT_LIFECYCLE:
        lifecycle(env, event);
        break;
    case HYPER_EVENT_DEVICE_ADDED:
        device(env, event, "device_added");
        break;
    case HYPER_EVENT_DEVICE_REMOVED:
    case HYPER_EVENT_REMOVAL_FAILED:
        removal(env, event);
        break;
    case HYPER_EVENT_IO_ERROR:
        io_error(env, event);
        break;
    case HYPER_EVENT_REBOOT: /* an unplug that the guest ignored is over */
        publish(env, event, "vm.reboot", NULL);
        look_at(env, event->uuid);
        break;
    case HYPER_EVENT_TRAY:
        publish(env, event, "disk.tray", NULL);
        break;
    }
}
