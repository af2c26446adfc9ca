// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of disks, set one by one or by the engine's policy. The policy is
 * kept in the domain's metadata; its maximum is what is in force. Workers, in
 * the VM's lane; questions are answered from memory.
 */
#include "agent/verbs/vdsm_tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/engine_plan.h"
#include "agent/spec/ovirt.h"
#include "agent/verbs/vdsm_call.h"

static void
wish_cleanup(struct engine_wish *wish)
{
    engine_wish_clear(wish);
}
#define CLEANUP_WISH CLEANUP(wish_cleanup)

/* --- limits --------------------------------------------------------------- */

static int
read_limit(const char *name, const json_t *value, struct disk_iotune *out,
           struct err *err)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    json_int_t limit = text ? strtoll(text, &end, 10)
                            : json_integer_value(value);

    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++) {
        if (strcmp(disk_iotune_name(i), name) != 0)
            continue;
        if ((text ? !*text || *end : !json_is_integer(value)) || limit < 0 ||
            limit > DISK_IOTUNE_MAX)
            return err_param(err, ERR_INVALID, name, text,
                             "a number of at least 0");
        disk_iotune_set(out, i, (uint64_t)limit);
        return 0;
    }
    return err_param(err, ERR_INVALID, "ioTune", name,
                     "{total|read|write}_{bytes|iops}_sec");
}

/* A limit on all of it excludes limits on a part. */
static int
check_pairs(const struct disk_iotune *t, struct err *err)
{
    if ((t->total_bytes_sec && (t->read_bytes_sec || t->write_bytes_sec)) ||
        (t->total_iops_sec && (t->read_iops_sec || t->write_iops_sec)))
        return err_param(err, ERR_INVALID, "ioTune", "total beside read/write",
                         "total_… or read_… and write_… of one unit");
    return 0;
}

static int
read_limits(const json_t *object, struct disk_iotune *out, struct err *err)
{
    const char *name;
    json_t *value;

    memset(out, 0, sizeof(*out));
    json_object_foreach((json_t *)object, name, value)
    {
        if (read_limit(name, value, out, err) < 0)
            return -1;
    }
    return check_pairs(out, err);
}

static json_t *
limits_json(const struct disk_iotune *tune)
{
    json_t *obj = json_object();

    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++)
        json_put_int(obj, disk_iotune_name(i),
                     (json_int_t)disk_iotune_get(tune, i));
    return obj;
}

/* --- what is asked for ---------------------------------------------------- */

/* One more disk of the wish; *live (may be NULL) gets an owned copy. */
static int
add_tune(struct verb_call *call, const struct vm_info *info,
         const json_t *item, const json_t *limits, struct engine_wish *wish,
         struct disk **live, struct err *err)
{
    CLEANUP_DISK struct disk *disk = vdsm_call_drive(info, item, err);
    CLEANUP_DISK struct disk *row =
        disk ? vdsm_call_row(call, disk, err) : NULL;
    struct engine_tune *tune;

    if (!row)
        return -1;
    wish->tunes = mem_more(wish->tunes, wish->ntunes, sizeof(*wish->tunes));
    tune = &wish->tunes[wish->ntunes++];
    memcpy(tune->disk_id, row->id, sizeof(tune->disk_id));
    if (live)
        *live = STEAL(disk);
    return read_limits(limits, &tune->limits, err);
}

static json_t *
vm_set_io_tune(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, engine_plan_tune};
    const json_t *list = json_object_get(call->params, "tunables"), *item;
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    CLEANUP_WISH struct engine_wish wish = {.ndisks = 0};
    json_t *answer;
    size_t i;

    if (vdsm_call_info(call, &info, err) < 0)
        return NULL;
    json_array_foreach(list, i, item)
    {
        if (add_tune(call, &info, item, json_object_get(item, "ioTune"), &wish,
                     NULL, err) < 0)
            return NULL;
    }
    answer = json_object();
    json_put_int(answer, "code", 0);
    json_put_text(answer, "message", "Done");
    return vdsm_call_run(call, &planner, &wish, answer, err);
}

/* --- policy --------------------------------------------------------------- */

static void
add_limits(xmlNodePtr device, const char *name, const json_t *limits)
{
    xmlNodePtr node;
    const char *key;
    json_t *value;

    if (!json_object_size(limits))
        return;
    node = xml_add(device, name, NULL);
    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++) {
        char text[24];

        key = disk_iotune_name(i);
        value = json_object_get(limits, key);
        if (!value)
            continue;
        snprintf(text, sizeof(text), "%lld",
                 (long long)json_integer_value(value));
        xml_add(node, key,
                json_is_string(value) ? json_string_value(value) : text);
    }
}

/* The policy as it is, with a member of the parameters in place of its own. */
static xmlDocPtr
policy_tree(const struct vm_info *info)
{
    const char *now = info->live->qos;
    xmlDocPtr doc = now ? xml_parse(now, strlen(now), NULL) : NULL;

    return doc ? doc : xml_new(OVIRT_TUNE_NAME);
}

static xmlNodePtr
fresh_member(xmlDocPtr doc, const char *name, const char *text)
{
    xmlNodePtr old = xml_child(xml_root(doc), name);

    if (old)
        xml_remove(old);
    return xml_add(xml_root(doc), name, text);
}

static int
read_policy(struct verb_call *call, const struct vm_info *info,
            const json_t *params, struct engine_wish *wish, xmlDocPtr doc,
            struct err *err)
{
    const json_t *list = json_object_get(params, "ioTune"), *item;
    xmlNodePtr tune = list ? fresh_member(doc, "ioTune", NULL) : NULL;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const json_t *maximum = json_object_get(item, "maximum");
        CLEANUP_DISK struct disk *live = NULL;
        xmlNodePtr device;

        if (add_tune(call, info, item, maximum, wish, &live, err) < 0)
            return -1;
        device = xml_add(tune, "device", NULL);
        xml_set(device, "name", live->target);
        xml_set(device, "path", live->path);
        add_limits(device, "guaranteed", json_object_get(item, "guaranteed"));
        add_limits(device, "maximum", maximum);
    }
    return 0;
}

static void
read_cpu_limit(const json_t *params, xmlDocPtr doc)
{
    json_t *limit = json_object_get(params, "vcpuLimit");
    char text[24];

    if (!limit || json_is_null(limit))
        return;
    snprintf(text, sizeof(text), "%lld",
             (long long)json_integer_value(limit));
    fresh_member(doc, "vcpuLimit",
                 json_is_string(limit) ? json_string_value(limit) : text);
    log_warning("VM.updateVmPolicy: vcpuLimit is kept with the VM and not "
                "enforced by this host");
}

static json_t *
vm_update_vm_policy(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, engine_plan_tune};
    const json_t *params = json_object_get(call->params, "params");
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    CLEANUP_WISH struct engine_wish wish = {.ndisks = 0};
    CLEANUP_XML xmlDocPtr doc = NULL;

    if (vdsm_call_info(call, &info, err) < 0)
        return NULL;
    doc = policy_tree(&info);
    read_cpu_limit(params, doc);
    if (read_policy(call, &info, params, &wish, doc, err) < 0)
        return NULL;
    wish.qos = xml_text(xml_root(doc));
    return vdsm_call_run(call, &planner, &wish, json_true(), err);
}

/* --- questions ------------------------------------------------------------ */

static int
live_view(struct verb_call *call, struct vm_info *info, struct err *err)
{
    if (vm_table_get(call->env->vms, call->vm, info) && info->live)
        return 0;
    return err_set(err, ERR_BAD_STATE, "VM %s is not running", call->vm);
}

static json_t *
vm_get_io_tune(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    json_t *list;

    if (live_view(call, &info, err) < 0)
        return NULL;
    list = json_array();
    for (size_t i = 0; i < info.live->ndisks; i++) {
        const struct disk *disk = info.live->disks[i];
        json_t *item = json_object();

        if (disk->kind == DISK_CDROM) {
            json_decref(item);
            continue;
        }
        json_put_text(item, "name", disk->target);
        json_put_text(item, "path", disk->path ? disk->path : "");
        json_put(item, "ioTune", limits_json(&disk->iotune));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
limits_of(xmlNodePtr node)
{
    json_t *obj = json_object();

    for (xmlNodePtr child = xml_child(node, NULL); child;
         child = xml_next(child, NULL)) {
        CLEANUP_TEXT char *text = xml_content(child);

        json_put_int(obj, (const char *)child->name, atoll(text));
    }
    return obj;
}

json_t *
vdsm_tune_policy(const struct vm_info *info)
{
    CLEANUP_XML xmlDocPtr doc = info->live ? policy_tree(info) : NULL;
    xmlNodePtr device = doc ? xml_path(xml_root(doc), "ioTune/device") : NULL;
    json_t *list = json_array();

    for (; device; device = xml_next(device, "device")) {
        CLEANUP_TEXT char *name = xml_attr(device, "name");
        CLEANUP_TEXT char *path = xml_attr(device, "path");
        json_t *item = json_object();

        json_put_text(item, "name", name ? name : "");
        json_put_text(item, "path", path ? path : "");
        json_put(item, "guaranteed",
                 limits_of(xml_child(device, "guaranteed")));
        json_put(item, "maximum", limits_of(xml_child(device, "maximum")));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *
vm_get_io_tune_policy(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};

    return live_view(call, &info, err) < 0 ? NULL : vdsm_tune_policy(&info);
}

/* --- rows ----------------------------------------------------------------- */

static const struct field vm_params[] = {VERB_VMID_ROW};

static const struct field set_params[] = {
    VERB_VMID_ROW,
    {.name = "tunables",
     .type = FIELD_ARRAY,
     .required = true,
     .max = 1000,
     .range = "[{name or path, ioTune: {…}}]",
     .doc = "The limits of each drive; an absent one or 0 means none"},
};

static const struct field policy_params[] = {
    VERB_VMID_ROW,
    {.name = "params",
     .type = FIELD_OBJECT,
     .required = true,
     .range = "{vmId, vcpuLimit, ioTune: [{ids, maximum, guaranteed}]}",
     .doc = "The engine's policy; maximum is put in force at once"},
};

#define ROW(name_, change_, lane_, group_, code_, fn_, rows_, doc_)            \
    {.name = name_,                                                            \
     .group = "vdsm",                                                          \
     .action_group = group_,                                                   \
     .mutating = change_,                                                      \
     .lane = lane_,                                                            \
     .vdsm_code = code_,                                                       \
     .doc = doc_,                                                              \
     .params = rows_,                                                          \
     .nparams = sizeof(rows_) / sizeof(*(rows_)),                              \
     .run = fn_}

const struct verb vdsm_tune_verbs[] = {
    ROW("VM.setIoTune", true, VERB_VM, "DISK_ATTACH", 64, vm_set_io_tune,
        set_params, "Set the I/O limits of drives."),
    ROW("VM.getIoTune", false, VERB_INLINE, "VM_READ", 100, vm_get_io_tune,
        vm_params, "The I/O limits of each drive."),
    ROW("VM.updateVmPolicy", true, VERB_VM, "DISK_ATTACH", 63,
        vm_update_vm_policy, policy_params,
        "Take over the engine's policy: limits of I/O."),
    ROW("VM.getIoTunePolicy", false, VERB_INLINE, "VM_READ", 100,
        vm_get_io_tune_policy, vm_params, "The policy of each drive."),
};
const size_t vdsm_tune_nverbs =
    sizeof(vdsm_tune_verbs) / sizeof(*vdsm_tune_verbs);
