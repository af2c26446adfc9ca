// SPDX-License-Identifier: Apache-2.0
/*
 * Between a verb under VDSM's name and the plans that serve it. Workers, in
 * the VM's lane.
 */
#include "agent/verbs/vdsm_call.h"

#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/adopt.h"
#include "agent/plan/settle.h"
#include "agent/spec/ovirt.h"

void
vdsm_call_own(struct err *err)
{
    if (err->kind == ERR_BUSY || err->kind == ERR_EXISTS ||
        err->kind == ERR_UNSUPPORTED)
        err->kind = ERR_BAD_STATE;
}

/* --- operations ----------------------------------------------------------- */

static void
log_warnings(const struct verb_call *call, const json_t *receipt)
{
    const json_t *text;
    size_t i;

    json_array_foreach(json_object_get(receipt, "warnings"), i, text)
    {
        log_warning("%s op_id=%s: %s", call->verb->name, call->request.op_id,
                    json_string_value(text));
    }
}

json_t *
vdsm_call_end(struct verb_call *call, json_t *receipt, json_t *answer,
              struct err *err)
{
    CLEANUP_JSON json_t *end = receipt, *told = answer;
    const char *state = json_get_text(end, "state", "");

    if (!end) {
        vdsm_call_own(err);
        return NULL;
    }
    log_warnings(call, end);
    if (!strcmp(state, op_state_name(OP_PENDING))) {
        err_set(err, ERR_TIMEOUT,
                "The guest has not let the device go within %lld ms; operation "
                "%s completes by itself when it does",
                (long long)call->request.unplug_wait_ms, call->request.op_id);
        return NULL;
    }
    if (!strcmp(state, op_state_name(OP_REFUSED))) {
        err_set(err, ERR_BAD_STATE, "The guest keeps the device");
        return NULL;
    }
    return STEAL(told);
}

json_t *
vdsm_call_run(struct verb_call *call, const struct planner *planner,
              void *wish, json_t *answer, struct err *err)
{
    call->request.unplug_wait_ms =
        conf_int(env_conf(call->env), CONF_VDSM_UNPLUG_WAIT_MS);
    return vdsm_call_end(call,
                         operation_run(call->env, &call->request, call->vm,
                                       planner, wish, err),
                         answer, err);
}

/* --- which drive ---------------------------------------------------------- */

int
vdsm_call_info(struct verb_call *call, struct vm_info *info, struct err *err)
{
    struct env *env = call->env;

    if (settle_wait(env, call->vm, err) < 0 ||
        adopt_refresh(env, call->vm, false, err) < 0 ||
        adopt_vm(env, call->vm, err) < 0)
        return -1;
    if (!vm_table_get(env->vms, call->vm, info))
        return err_set(err, ERR_NOT_FOUND, "VM %s is gone", call->vm);
    if (info->live)
        return 0;
    return err_set(err, ERR_BAD_STATE, "VM \"%s\" is %s", info->record.name,
                   info->state);
}

static const struct disk *
by_path(const struct domain *live, const char *path)
{
    for (size_t i = 0; path && i < live->ndisks; i++)
        if (live->disks[i]->path && !strcmp(live->disks[i]->path, path))
            return live->disks[i];
    return NULL;
}

struct disk *
vdsm_call_drive(const struct vm_info *info, const json_t *spec,
                struct err *err)
{
    const struct domain *live = info->live;
    const char *name = json_get_text(spec, "name", NULL);
    CLEANUP_TEXT char *target =
        name ? mem_dup(name) : ovirt_drive(live->ovirt, spec);
    const struct disk *disk =
        target ? domain_disk_by_target(live, target) : NULL;
    CLEANUP_TEXT char *text = NULL;

    if (!disk)
        disk = by_path(live, json_get_text(spec, "path", NULL));
    if (disk)
        return disk_copy(disk);
    text = json_text(spec, NULL);
    err_set(err, ERR_NOT_FOUND, "VM \"%s\" has no drive %.300s",
            info->record.name, text);
    return NULL;
}

struct disk *
vdsm_call_row(struct verb_call *call, const struct disk *live,
              struct err *err)
{
    return vm_table_disk(call->env->vms, call->vm,
                         live->alias ? live->alias : live->target, err);
}

/* --- where its data is ---------------------------------------------------- */

/* Ids are UUIDs: nothing else becomes a part of a path. */
static char *
volume_path(const char *repository, const json_t *spec, struct err *err)
{
    static const char *const names[] = {"poolID", "domainID", "imageID",
                                        "volumeID"};
    char ids[4][UUID_TEXT];

    for (size_t i = 0; i < 4; i++) {
        const char *id = json_get_text(spec, names[i], NULL);

        if (!id || !uuid_canon(id, ids[i])) {
            err_param(err, ERR_INVALID, names[i], id,
                      "a UUID (or a path, or a GUID instead)");
            return NULL;
        }
    }
    return mem_printf("%s/%s/%s/images/%s/%s", repository, ids[0], ids[1],
                      ids[2], ids[3]);
}

static char *
mapper_path(const char *guid, struct err *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789._-:";

    if (guid[strspn(guid, allowed)] || guid[0] == '.') {
        err_param(err, ERR_INVALID, "GUID", guid, "the name of a LUN's map");
        return NULL;
    }
    return mem_printf("/dev/mapper/%s", guid);
}

char *
vdsm_call_path(const struct conf *conf, const json_t *spec, struct err *err)
{
    const char *path = json_get_text(spec, "path", NULL);
    const char *guid = json_get_text(spec, "GUID", NULL);

    if (path && *path)
        return mem_dup(path);
    if (guid && *guid)
        return mapper_path(guid, err);
    return volume_path(conf_text(conf, CONF_VDSM_REPOSITORY), spec, err);
}
