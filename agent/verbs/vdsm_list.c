// SPDX-License-Identifier: Apache-2.0
/*
 * An engine asks these for all VMs every few seconds: all but the XML comes
 * from memory, in the I/O thread. A VM that runs is listed whoever made it;
 * one that does not run only if it is an engine's, which wants to know how it
 * ended.
 */
#include "agent/verbs/vdsm_list.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/permit.h"
#include "agent/state/vm_life.h"
#include "agent/verbs/vdsm_stats.h"
#include "agent/verbs/vdsm_tune.h"

#define LOOKING_MS 500

/* 0 once the VMs have been looked at; RECOVERING is 99 at this border. */
static int
known(const struct verb_call *call, struct err *err)
{
    if (!atomic_load(&call->env->recovering))
        return 0;
    err_set(err, ERR_RECOVERING,
            "berthd has just started and is looking at the VMs; ask again in "
            "a moment");
    err->retry_after_ms = LOOKING_MS;
    return -1;
}

static bool
is_engines(const struct vm_info *info)
{
    return info->life.state != VM_LIFE_NONE ||
           (info->config && info->config->ovirt);
}

static bool
is_wanted(const json_t *list, const char *uuid)
{
    const json_t *at;
    size_t i;

    json_array_foreach (list, i, at)
        if (json_is_string(at) && strcasecmp(json_string_value(at), uuid) == 0)
            return true;
    return json_array_size(list) == 0;
}

static bool
is_shown(struct verb_call *call, const struct vm_info *info)
{
    const struct access_object object = {.vm = info->record.uuid,
                                         .vm_name = info->record.name};

    return (info->active || is_engines(info)) &&
           permit_may(call->env, call->request.who, ACCESS_VM_READ, &object);
}

/* make for each VM that is shown and that "vmList" names (none: all). */
static json_t *
each(struct verb_call *call,
     json_t *(*make)(const struct vm_info *info, void *arg), void *arg)
{
    const json_t *wanted = json_object_get(call->params, "vmList");
    json_t *list = json_array();
    size_t n;
    CLEANUP_FREE struct vm_info *all = vm_life_all(call->env->vms, &n);

    for (size_t i = 0; i < n; i++) {
        if (is_shown(call, &all[i]) && is_wanted(wanted, all[i].record.uuid))
            json_array_append_new(list, make(&all[i], arg));
        vm_info_clear(&all[i]);
    }
    return list;
}

static json_t *
status_of(const struct vm_info *info, void *arg)
{
    (void)arg;
    return vdsm_stats_status(info);
}

static json_t *
host_get_vm_list(struct verb_call *call, struct err *err)
{
    return known(call, err) < 0 ? NULL : each(call, status_of, NULL);
}

/* --- statistics ---------------------------------------------------------- */

struct samples {
    struct vdsm_stats *shared;
    struct sampled_vm *vms;
    size_t n;
};

static void
take(struct samples *samples, struct sampled *sampled)
{
    samples->shared = vdsm_stats_new();
    samples->vms = sampled_vms(sampled, &samples->n);
}

static void
drop(struct samples *samples)
{
    vdsm_stats_free(samples->shared);
    sampled_vms_free(samples->vms, samples->n);
}

static json_t *
stats_of(const struct vm_info *info, void *arg)
{
    const struct samples *samples = arg;

    return vdsm_stats_vm(
        samples->shared, info,
        sampled_find(samples->vms, samples->n, info->record.uuid));
}

static json_t *
host_get_all_vm_stats(struct verb_call *call, struct err *err)
{
    struct samples samples;
    json_t *list;

    if (known(call, err) < 0)
        return NULL;
    take(&samples, call->env->sampled);
    list = each(call, stats_of, &samples);
    drop(&samples);
    return list;
}

static json_t *
vm_get_stats(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    struct samples samples;
    json_t *list;

    if (known(call, err) < 0)
        return NULL;
    if (!vm_table_get(call->env->vms, call->vm, &info)) {
        err_set(err, ERR_NOT_FOUND, "VM %s has just gone", call->vm);
        return NULL;
    }
    take(&samples, call->env->sampled);
    list = json_array();
    json_array_append_new(list, stats_of(&info, &samples));
    drop(&samples);
    return list;
}

/* --- limits -------------------------------------------------------------- */

/* [{name, path, ioTune}] of what runs; the policy is an engine's own, from
 * the metadata that it gave. */
static json_t *
tune_of(const struct vm_info *info, void *arg)
{
    json_t *one = json_object(), *all = arg;

    json_put(one, "policy", vdsm_tune_policy(info));
    json_put(one, "current_values", vdsm_stats_limits(info->live));
    json_put(all, info->record.uuid, one);
    return json_null();
}

static json_t *
host_get_all_vm_io_tune_policies(struct verb_call *call, struct err *err)
{
    json_t *all;

    if (known(call, err) < 0)
        return NULL;
    all = json_object();
    json_decref(each(call, tune_of, all));
    return all;
}

/* --- XML ----------------------------------------------------------------- */

/* As libvirt has it now, in the order asked for. One that has gone is left
 * out, as VDSM does not: an engine that asks for ten wants the nine. */
static json_t *
host_dumpxmls(struct verb_call *call, struct err *err)
{
    const json_t *list = json_object_get(call->params, "vmList"), *at;
    json_t *xmls;
    size_t i;

    if (known(call, err) < 0)
        return NULL;
    xmls = json_object();
    json_array_foreach (list, i, at) {
        const char *uuid = json_is_string(at) ? json_string_value(at) : "";
        const struct access_object object = {.vm = uuid};
        CLEANUP_FREE char *xml = NULL;

        if (permit_may(call->env, call->request.who, ACCESS_VM_READ, &object))
            xml =
                hyper_domain_xml(call->env->hyper, uuid, HYPER_XML_LIVE, NULL);
        if (xml)
            json_put_text(xmls, uuid, xml);
    }
    return xmls;
}

/* --- rows ---------------------------------------------------------------- */

static const struct field list_fields[] = {
    {.name = "vmList",
     .type = FIELD_ARRAY,
     .deflt = "[]",
     .doc = "UUIDs of VMs; none: all"},
    {.name = "fullStatus",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Without effect, as in VDSM"},
    {.name = "onlyUUID",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Without effect, as in VDSM"},
};

static const struct field full_list_fields[] = {
    {.name = "vmList",
     .type = FIELD_ARRAY,
     .deflt = "[]",
     .doc = "UUIDs of VMs; none: all"},
};

static const struct field xml_fields[] = {
    {.name = "vmList",
     .type = FIELD_ARRAY,
     .deflt = "[]",
     .doc = "UUIDs of VMs; none: none"},
};

static const struct field one_vm[] = {VERB_VMID_ROW};

#define ROW(wire, lane_of, text, function)                      \
    .name = (wire), .group = "vdsm", .action_group = "VM_READ", \
    .lane = (lane_of), .vdsm_code = 100, .doc = (text), .run = (function)

const struct verb vdsm_list_verbs[] = {
    {ROW("Host.getVMList", VERB_INLINE,
         "Lists the VMs that run, and those of an engine that ended: their "
         "status.",
         host_get_vm_list),
     .asks_itself = true, VERB_PARAMS(list_fields)},
    {ROW("Host.getVMFullList", VERB_INLINE, "The same as Host.getVMList.",
         host_get_vm_list),
     .asks_itself = true, VERB_PARAMS(full_list_fields)},
    {ROW("Host.getAllVmStats", VERB_INLINE,
         "Statistics of all VMs from memory, each with its age and whether "
         "it is stale; their status, devices and hash are those of now.",
         host_get_all_vm_stats),
     .asks_itself = true, .scripts = HOOK_VERB_ALL_VM_STATS},
    {ROW("VM.getStats", VERB_INLINE, "The same of one VM, in a list.",
         vm_get_stats),
     .scripts = HOOK_VERB_VM_STATS, VERB_PARAMS(one_vm)},
    {ROW("Host.getAllVmIoTunePolicies", VERB_INLINE,
         "The limits of every disk in force.",
         host_get_all_vm_io_tune_policies),
     .asks_itself = true},
    {ROW("Host.dumpxmls", VERB_HOST,
         "Reads the XML of VMs from libvirt; those that have gone are left "
         "out.",
         host_dumpxmls),
     .asks_itself = true, VERB_PARAMS(xml_fields)},
};
const size_t vdsm_list_nverbs =
    sizeof(vdsm_list_verbs) / sizeof(vdsm_list_verbs[0]);
