// SPDX-License-Identifier: Apache-2.0
/*
 * An engine drops what is older than what it knows of a VM, by notify_time:
 * so a status is told as it is now, not as it was when the event was made.
 * The writer thread of the database comes here.
 */
#include "agent/verbs/vdsm_event.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/verbs/vdsm_status.h"
#include "protocol/vdsm.h"

static void
tell(struct env *env, const json_t *event, const char *const name[3],
     json_t *params /* takes */)
{
    size_t len;
    char *text = vdsm_event_text(name[0], name[1], name[2], params, &len);

    notify_vdsm_event(env->notify, event, text, len);
}

/* What {vm: {status …}} says; NULL where nothing has changed. */
static json_t *
status_of(struct env *env, const json_t *event, const char *vm)
{
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    const json_t *data = json_object_get(event, "data");
    const char *detail = json_get_text(data, "detail", "");
    json_t *obj;

    if (strcmp(detail, "defined") == 0 || strcmp(detail, "undefined") == 0)
        return NULL;
    obj = json_object();
    if (vm_table_get(env->vms, vm, &info) &&
        (info.present || info.life.state != VM_LIFE_NONE))
        vdsm_status_put(obj, &info);
    else
        json_put_text(obj, "status",
                      vdsm_status_of(json_get_text(data, "state", "running")));
    if (strcmp(json_get_text(obj, "status", ""), "Down") == 0 &&
        info.life.state != VM_LIFE_DOWN)
        vdsm_status_put_exit(obj, json_get_text(data, "reason", ""));
    return obj;
}

static void
tell_status(struct env *env, const json_t *event)
{
    const char *vm = json_get_text(event, "vm", NULL);
    const char *const name[] = {"virt", "VM_status", vm};
    json_t *status = vm ? status_of(env, event, vm) : NULL;
    json_t *params;

    if (!status)
        return;
    params = json_object();
    json_put(params, vm, status);
    tell(env, event, name, params);
}

/* A VM that has left for another host: the end of what an engine follows. */
static void
tell_migration(struct env *env, const json_t *event)
{
    const json_t *data = json_object_get(event, "data");
    const char *vm = json_get_text(event, "vm", NULL);
    const char *const name[] = {"virt", "VM_migration_status", vm};
    json_t *params, *progress;

    if (!vm || strcmp(json_get_text(data, "reason", ""), "migrated") != 0 ||
        strcmp(json_get_text(data, "detail", ""), "stopped") != 0)
        return;
    params = json_object();
    progress = json_object();
    json_put_int(progress, "progress", 100);
    json_put_bool(progress, "postcopy", false);
    json_put(params, vm, progress);
    tell(env, event, name, params);
}

/* The end of an operation is that of a job. */
static void
tell_job(struct env *env, const json_t *event)
{
    const json_t *data = json_object_get(event, "data");
    const char *id = json_get_text(event, "op_id", NULL);
    bool done = strcmp(json_get_text(event, "type", ""), "op.done") == 0;
    const char *const name[] = {"jobs", "status", id};
    json_t *params = json_object(), *error;

    json_put_text(params, "id", id);
    json_put_text(params, "status", done ? "done" : "failed");
    json_put_text(params, "description", "operation");
    json_put_text(params, "job_type", "operation");
    if (!done) {
        error = json_object();
        json_put_int(error, "code", 100);
        json_put_text(error, "message", json_get_text(data, "message", ""));
        json_put(params, "error", error);
    }
    tell(env, event, name, params);
}

/* "disk.unplug_pending" is "|berth|disk_unplug_pending|VM". */
static void
tell_own(struct env *env, const json_t *event)
{
    static const char *const keys[] = {"seq",     "time",   "device", "op_id",
                                       "flow_id", "origin", "data"};
    CLEANUP_FREE char *type = mem_dup(json_get_text(event, "type", ""));
    const char *const name[] = {"berth", type,
                                json_get_text(event, "vm", NULL)};
    json_t *params = json_object();

    for (char *dot = type; (dot = strchr(dot, '.'));)
        *dot = '_';
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        json_put(params, keys[i],
                 json_incref(json_object_get(event, keys[i])));
    tell(env, event, name, params);
}

static const struct way {
    const char *type;
    void (*tell)(struct env *env, const json_t *event);
} ways[] = {
    {"vm.state", tell_status}, {"vm.state", tell_migration},
    {"vm.paused", tell_status}, {"op.done", tell_job},
    {"op.failed", tell_job},
};

void
vdsm_event_tell(struct env *env, const json_t *event)
{
    const char *type = json_get_text(event, "type", "");

    if (!notify_vdsm_wanted(env->notify))
        return;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strcmp(ways[i].type, type) == 0)
            ways[i].tell(env, event);
    tell_own(env, event);
}
