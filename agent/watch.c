// SPDX-License-Identifier: Apache-2.0
/*
 * Hypervisor events → memory, subscribers, lanes. In the event thread only
 * memory is touched; what asks libvirt (new views, the end of an unplug) is a
 * job in the VM's lane, so it never meets an operation half-way.
 */
#include "agent/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/adopt.h"
#include "agent/plan/operation.h"
#include "agent/plan/recover.h"

/* --- in the lane -------------------------------------------------------- */

struct look {
    struct env *env;
    char uuid[UUID_TEXT];
    char *alias; /* of a removal that the guest refused, or NULL */
    bool refused;
};

static void
look_free(void *arg)
{
    struct look *look = arg;

    free(look->alias);
    free(look);
}

static void
settle(struct env *env, const char *uuid)
{
    CLEANUP_VM_INFO struct vm_info info = {.stale = false};
    struct err err = ERR_INIT;

    /* First what we began ourselves, then what others did. */
    if (recover_vm(env, uuid, &err) < 0) {
        log_warning("VM %s: open operations are settled later: %s", uuid,
                    err.message);
        return;
    }
    if (adopt_refresh(env, uuid, false, &err) < 0) {
        if (err.kind != ERR_NOT_FOUND)
            log_warning("VM %s cannot be read: %s", uuid, err.message);
        return;
    }
    if (!vm_table_get(env->vms, uuid, &info) || !info.recorded)
        return;
    if (adopt_vm(env, uuid, &err) < 0)
        log_warning("VM %s: its devices cannot be recorded: %s", uuid,
                    err.message);
}

static void
look_run(void *arg)
{
    struct look *look = arg;

    if (look->refused)
        operation_unplug_refused(look->env, look->uuid, look->alias);
    settle(look->env, look->uuid);
    look_free(look);
}

static void
post_look(struct env *env, const char *uuid, const char *alias, bool refused)
{
    struct look *look = mem_zalloc(1, sizeof(*look));
    struct job job = {look_run, look_free, look, "watch"};
    struct err err = ERR_INIT;

    look->env = env;
    snprintf(look->uuid, sizeof(look->uuid), "%s", uuid);
    look->alias = mem_dup(alias);
    look->refused = refused;
    if (pool_submit_own(env->pool, uuid, &job, &err) < 0) {
        log_warning("VM %s: an event is not looked at any more: %s", uuid,
                    err.message);
        look_free(look);
    }
}

/* --- start and reconnect ------------------------------------------------ */

static void
look_all(void *arg)
{
    struct env *env = arg;
    struct err err = ERR_INIT;

    if (watch_start(env, &err) < 0)
        log_error("The hypervisor's VMs cannot be listed: %s", err.message);
}

static void
drop_nothing(void *arg)
{
    (void)arg;
}

int
watch_start(struct env *env, struct err *err)
{
    CLEANUP_JSON json_t *open = NULL;
    struct vm_info *all;
    json_t *vm;
    size_t n, k;

    if (adopt_all(env, err) < 0 ||
        journal_open_vms(env->store, &open, err) < 0)
        return -1;
    json_array_foreach(open, k, vm)
    {
        const char *uuid = json_string_value(vm);

        /* Such as one that CreateVm was about to define. */
        vm_table_settled(env->vms, uuid, false);
        post_look(env, uuid, NULL, false);
    }
    all = vm_table_all(env->vms, &n);
    for (size_t i = 0; i < n; i++) {
        if (all[i].recorded && !all[i].unsettled)
            post_look(env, all[i].record.uuid, NULL, false);
        vm_info_clear(&all[i]);
    }
    free(all);
    return 0;
}

void
watch_again(struct env *env)
{
    struct job job = {look_all, drop_nothing, env, "watch"};
    struct err err = ERR_INIT;

    if (pool_submit_own(env->pool, NULL, &job, &err) < 0)
        log_error("VMs are not read again: %s", err.message);
}

static void
connection(struct env *env, const struct hyper_event *event)
{
    if (event->type == HYPER_EVENT_LOST) {
        log_error("The connection to the hypervisor is lost; it is tried "
                  "again");
        return;
    }
    log_info("The connection to the hypervisor is back");
    watch_again(env);
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
    eventlog_post(env->eventlog,
                  &(struct event){.type = type,
                                  .vm = event->uuid,
                                  .device =
                                      event->device[0] ? event->device : NULL,
                                  .origin = "hypervisor",
                                  .data = data});
}

/* State changes are in memory at once: reads tell them without waiting. */
static void
lifecycle(struct env *env, const struct hyper_event *event)
{
    CLEANUP_VM_INFO struct vm_info info = {.persistent = true};
    bool tells = event->state != HYPER_UNKNOWN; /* "defined" does not */
    const char *state;
    bool active;

    vm_table_get(env->vms, event->uuid, &info);
    active = tells ? hyper_state_active(event->state) : info.active;
    state = tells           ? hyper_state_name(event->state)
            : info.state[0] ? info.state
                            : hyper_state_name(HYPER_SHUT_OFF);
    if (!strcmp(event->detail, "undefined") && !info.active) {
        vm_table_absent(env->vms, event->uuid);
        publish(env, event, "vm.state", "undefined");
        return;
    }
    vm_table_seen(env->vms,
                  &(struct vm_seen){event->uuid, event->name,
                                    state, tells ? event->detail : info.reason,
                                    active, info.persistent,
                                    info.autostart});
    if (!active)
        vm_table_no_live(env->vms, event->uuid);
    if (vm_table_stale(env->vms, event->uuid, event->detail))
        post_look(env, event->uuid, NULL, false);
    publish(env, event, "vm.state", state);
}

static void
device(struct env *env, const struct hyper_event *event, const char *word)
{
    char text[192];

    snprintf(text, sizeof(text), "%s %s", word, event->device);
    if (vm_table_stale(env->vms, event->uuid, text))
        post_look(env, event->uuid, NULL, false);
}

static void
removal(struct env *env, const struct hyper_event *event)
{
    bool removed = event->type == HYPER_EVENT_DEVICE_REMOVED;

    if (removed)
        device(env, event, "device_removed");
    if (ops_gone_post(env->ops, event->uuid, event->device,
                      removed ? OPS_GONE_REMOVED : OPS_GONE_REFUSED))
        post_look(env, event->uuid, event->device, !removed);
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
    case HYPER_EVENT_REBOOT:
        publish(env, event, "vm.reboot", NULL);
        break;
    case HYPER_EVENT_TRAY:
        publish(env, event, "disk.tray", NULL);
        break;
    }
}
