// SPDX-License-Identifier: Apache-2.0
/*
 * What is made of the pool's news of jobs that do not end. A lane is named
 * after its VM, so the event is the VM's; a job without a lane is nobody's.
 */
#include "agent/watchdog.h"

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/uuid.h"

static void
say(const struct lane_info *lane, const char *vm, const char *since)
{
    const char *verb = lane->label ? lane->label : "A job";
    const char *peer = lane->peer[0] ? lane->peer : "berthd itself";
    const char *op_id = lane->op_id[0] ? lane->op_id : "-";

    if (lane->stuck)
        log_warning("lane \"%s\" (VM %s) is stuck: %s of %s (op_id %s) has run "
                    "since %s, for %lld ms; others are served. Look at libvirt "
                    "and at that VM's QEMU",
                    lane->name, vm, verb, peer, op_id, since,
                    (long long)lane->running_ms);
    else
        log_info("lane \"%s\" (VM %s) is free again: %s of %s (op_id %s) took "
                 "%lld ms",
                 lane->name, vm, verb, peer, op_id,
                 (long long)lane->running_ms);
}

/* The pool's keeper thread. */
static void
on_lane(void *ctx, const struct lane_info *lane)
{
    struct env *env = ctx;
    CLEANUP_JSON json_t *data = json_object();
    CLEANUP_VM_INFO struct vm_info vm = {.recorded = false};
    const char *name = "-";
    char since[CLOCK_STAMP];
    char uuid[UUID_TEXT];

    if (vm_table_get(env->vms, lane->name, &vm))
        name = vm.record.name;
    clock_stamp(clock_wall_ms() - lane->running_ms, since);
    say(lane, name, since);
    json_put_text(data, "lane", lane->name[0] ? lane->name : NULL);
    json_put_text(data, "verb", lane->label);
    json_put_text(data, "peer", lane->peer[0] ? lane->peer : NULL);
    json_put_text(data, "since", since);
    json_put_int(data, "running_ms", lane->running_ms);
    eventlog_post(
        env->eventlog,
        &(struct event){.type = lane->stuck ? "lane.stuck" : "lane.free",
                        .vm = uuid_canon(lane->name, uuid) ? uuid : NULL,
                        .op_id = lane->op_id[0] ? lane->op_id : NULL,
                        .origin = "watchdog",
                        .data = data});
}

void
watchdog_set(struct env *env)
{
    pool_watch(env->pool, conf_int(env_conf(env), CONF_OPS_STUCK_MS), on_lane,
               env);
}
