// SPDX-License-Identifier: Apache-2.0
/*
 * Disks of machines on VMware hosts, by vSphere's own interface, since
 * libvirt's driver can change none. Fields are those that such a host has.
 */
#include "agent/verbs/remote_disk.h"

#include <string.h>

#include "agent/plan/permit.h"
#include "agent/plan/remote_disk_work.h"
#include "agent/plan/remote_disks.h"
#include "agent/plan/remote_run.h"

/* What a call needs beyond the group of its verb: DISK_CREATE where a file is
 * made, grown or deleted; a LUN that is not mapped virtually gets the
 * guest's own SCSI commands. */
static int
check_needs(struct verb_call *call, struct err *err)
{
    const json_t *source = json_object_get(call->params, "source");
    const struct {
        bool so;
        enum access_group group;
    } needs[] = {
        {json_get_int(call->params, "size", 0) > 0 ||
             json_get_bool(call->params, "delete", false) == 1,
         ACCESS_DISK_CREATE},
        {!strcmp(json_get_text(call->params, "kind", ""), "lun") &&
             strcmp(json_get_text(source, "mapping", "physical"), "virtual"),
         ACCESS_CONFIGURE_SCSI_GENERIC_IO},
    };
    const struct access_object object = {.vm = call->vm,
                                         .vm_name = call->remote.vm.name};

    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if (needs[i].so && permit_check(call->env, &call->request,
                                        needs[i].group, &object, err) < 0)
            return -1;
    return 0;
}

static json_t *
run(struct verb_call *call, const struct remote_work *work, struct err *err)
{
    struct remote_disk_wish wish = {.params = call->params};
    json_t *out;

    if (check_needs(call, err) < 0)
        return NULL;
    out = remote_run(&call->remote, work, &wish, err);
    remote_disk_work_clear(&wish);
    return out;
}

static json_t *
add_disk(struct verb_call *call, struct err *err)
{
    return run(call, &remote_disk_work_add, err);
}

static json_t *
plug_disk(struct verb_call *call, struct err *err)
{
    return run(call, &remote_disk_work_plug, err);
}

static json_t *
unplug_disk(struct verb_call *call, struct err *err)
{
    return run(call, &remote_disk_work_unplug, err);
}

static json_t *
update_disk(struct verb_call *call, struct err *err)
{
    return run(call, &remote_disk_work_update, err);
}

static json_t *
resize_disk(struct verb_call *call, struct err *err)
{
    return run(call, &remote_disk_work_resize, err);
}

static json_t *
remove_disk(struct verb_call *call, struct err *err)
{
    return run(call, &remote_disk_work_remove, err);
}

static json_t *
change_cd(struct verb_call *call, struct err *err)
{
    return run(call, &remote_disk_work_cd, err);
}

static json_t *
list_disks(struct verb_call *call, struct err *err)
{
    json_t *disks = remote_disk_work_list(&call->remote, err), *out;

    if (!disks)
        return NULL;
    out = json_object();
    json_put(out, "disks", disks);
    return out;
}

static json_t *
get_disk(struct verb_call *call, struct err *err)
{
    CLEANUP_JSON json_t *disks = remote_disk_work_list(&call->remote, err);

    return disks ? json_incref(remote_disks_find(
                       disks, json_get_text(call->params, "disk", ""), err))
                 : NULL;
}

/* --- rows ------------------------------------------------------------------ */

#define DISK_ROW                                                               \
    {.name = "disk",                                                           \
     .type = FIELD_TEXT,                                                       \
     .max = 1024,                                                              \
     .required = true,                                                         \
     .doc = "The disk: disk_id, unique beginning of it, or datastore path"}

#define MODES "persistent|independent_persistent|independent_nonpersistent"

static const struct field add_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    {.name = "disk_id", .type = FIELD_UUID, .doc = "Identity, made when absent"},
    {.name = "kind",
     .type = FIELD_ENUM,
     .deflt = "\"image\"",
     .range = "image|lun",
     .doc = "A file, or a LUN by raw device mapping"},
    {.name = "source",
     .type = FIELD_OBJECT,
     .doc = "{path: \"[datastore] folder/file.vmdk\"}; of a lun {device: "
            "\"naa.…\", mapping: \"physical\" or \"virtual\"} too"},
    {.name = "size",
     .type = FIELD_SIZE,
     .doc = "Bytes of a file to make; absent: the file exists"},
    {.name = "scsi_model",
     .type = FIELD_ENUM,
     .deflt = "\"auto\"",
     .range = "auto|vmpvscsi|lsilogic|lsisas1068|buslogic",
     .doc = "Model of the SCSI controller; one is added when none has room"},
    {.name = "address",
     .type = FIELD_OBJECT,
     .doc = "{controller: 0..3, unit}; chosen when absent"},
    {.name = "disk_mode",
     .type = FIELD_ENUM,
     .deflt = "\"persistent\"",
     .range = MODES,
     .doc = "Whether snapshots hold it, and whether it keeps what is written"},
    {.name = "thin",
     .type = FIELD_BOOL,
     .deflt = "true",
     .doc = "A new file takes room as it is written"},
    {.name = "shareable",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Several machines may write it at once"},
    {.name = "plugged",
     .type = FIELD_BOOL,
     .deflt = "true",
     .doc = "false: record it alone, for HotPlugDisk"},
};

static const struct field disk_params[] = {VERB_VM_ROW, VERB_HYPERVISOR_ROW,
                                           DISK_ROW};
static const struct field vm_params[] = {VERB_VM_ROW, VERB_HYPERVISOR_ROW};

static const struct field update_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    DISK_ROW,
    {.name = "set",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "{disk_mode}: what is to change"},
};

static const struct field resize_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    DISK_ROW,
    {.name = "size",
     .type = FIELD_SIZE,
     .required = true,
     .doc = "Bytes; not below what it is"},
};

static const struct field remove_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    DISK_ROW,
    {.name = "delete",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Its file goes too (of a LUN the mapping, not the LUN)"},
};

static const struct field cd_params[] = {
    VERB_VM_ROW,
    VERB_HYPERVISOR_ROW,
    {.name = "disk",
     .type = FIELD_TEXT,
     .max = 1024,
     .doc = "The CD-ROM drive; absent: the only one"},
    {.name = "path",
     .type = FIELD_TEXT,
     .max = 1024,
     .doc = "\"[datastore] folder/file.iso\"; absent: the drive is emptied"},
};

#define DISK_VERB(name_, doc_, params_, run_)                                  \
    {.name = name_,                                                            \
     .group = "disk",                                                          \
     .action_group = "DISK_ATTACH",                                            \
     .mutating = true,                                                         \
     .lane = VERB_REMOTE,                                                      \
     .doc = doc_,                                                              \
     VERB_PARAMS(params_),                                                     \
     .run = run_}

const struct verb remote_disk_verbs[] = {
    DISK_VERB("AddDisk", "Give a machine a disk", add_params, add_disk),
    DISK_VERB("HotPlugDisk", "Plug a disk that is kept", disk_params,
              plug_disk),
    DISK_VERB("HotUnplugDisk", "Unplug a disk and keep its place", disk_params,
              unplug_disk),
    DISK_VERB("UpdateVmDisk", "Change a disk's mode", update_params,
              update_disk),
    DISK_VERB("ResizeDisk", "Make a disk bigger", resize_params, resize_disk),
    DISK_VERB("RemoveDisk", "Take a disk from a machine", remove_params,
              remove_disk),
    DISK_VERB("ChangeCd", "Insert or eject a medium", cd_params, change_cd),
    {.name = "GetDisk",
     .group = "disk",
     .action_group = "VM_READ",
     .lane = VERB_REMOTE,
     .doc = "One disk of a machine",
     VERB_PARAMS(disk_params),
     .run = get_disk},
    {.name = "ListDisks",
     .group = "disk",
     .action_group = "VM_READ",
     .lane = VERB_REMOTE,
     .doc = "The disks of a machine",
     VERB_PARAMS(vm_params),
     .run = list_disks},
};
const size_t remote_disk_nverbs =
    sizeof(remote_disk_verbs) / sizeof(remote_disk_verbs[0]);
