// SPDX-License-Identifier: Apache-2.0
/*
 * The rows of all files of this room, in the order of the manual, and their
 * description as JSON. Nothing in this room includes it.
 */
#include "agent/verbs/table.h"

#include <string.h>

#include "agent/verbs/admin.h"
#include "agent/verbs/audit_view.h"
#include "agent/verbs/disk.h"
#include "agent/verbs/doctor.h"
#include "agent/verbs/events.h"
#include "agent/verbs/hook.h"
#include "agent/verbs/host.h"
#include "agent/verbs/hypervisor.h"
#include "agent/verbs/ops.h"
#include "agent/verbs/params.h"
#include "agent/verbs/portability.h"
#include "agent/verbs/remote_disk.h"
#include "agent/verbs/remote_view.h"
#include "agent/verbs/remote_vm.h"
#include "agent/verbs/vdsm_caps.h"
#include "agent/verbs/vdsm_disk.h"
#include "agent/verbs/vdsm_device.h"
#include "agent/verbs/vdsm_list.h"
#include "agent/verbs/vdsm_nic.h"
#include "agent/verbs/vdsm_ping.h"
#include "agent/verbs/vdsm_switch.h"
#include "agent/verbs/vdsm_tune.h"
#include "agent/verbs/vdsm_usage.h"
#include "agent/verbs/vdsm_vm.h"
#include "agent/verbs/view.h"
#include "agent/verbs/vm.h"

static const struct part {
    const struct verb *verbs;
    const size_t *n; /* not known to the compiler here */
} parts[] = {
    {disk_verbs, &disk_nverbs},     {vm_verbs, &vm_nverbs},
    {view_verbs, &view_nverbs},     {host_verbs, &host_nverbs},
    {hook_verbs, &hook_nverbs},     {hypervisor_verbs, &hypervisor_nverbs},
    {doctor_verbs, &doctor_nverbs}, {ops_verbs, &ops_nverbs},
    {events_verbs, &events_nverbs}, {audit_view_verbs, &audit_view_nverbs},
    {admin_verbs, &admin_nverbs},     {portability_verbs, &portability_nverbs},
    {vdsm_ping_verbs, &vdsm_ping_nverbs},
    {vdsm_caps_verbs, &vdsm_caps_nverbs},
    {vdsm_usage_verbs, &vdsm_usage_nverbs},
    {vdsm_list_verbs, &vdsm_list_nverbs},
    {vdsm_device_verbs, &vdsm_device_nverbs},
    {vdsm_switch_verbs, &vdsm_switch_nverbs},
    {vdsm_vm_verbs, &vdsm_vm_nverbs},
    {vdsm_disk_verbs, &vdsm_disk_nverbs},
    {vdsm_nic_verbs, &vdsm_nic_nverbs},
    {vdsm_tune_verbs, &vdsm_tune_nverbs},
};
#define NPARTS (sizeof(parts) / sizeof(parts[0]))

/* Rows of hosts by proxy, by the names of the same verbs. */
static const struct part remote_parts[] = {
    {remote_disk_verbs, &remote_disk_nverbs},
    {remote_vm_verbs, &remote_vm_nverbs},
    {remote_view_verbs, &remote_view_nverbs},
    {portability_remote_verbs, &portability_remote_nverbs},
};
#define NREMOTE (sizeof(remote_parts) / sizeof(remote_parts[0]))

static const char *const lane_names[] = {
    [VERB_INLINE] = "inline",
    [VERB_VM] = "vm",
    [VERB_HOST] = "host",
    [VERB_REMOTE] = "remote",
};

const struct verb *
table_find_remote(const char *name)
{
    for (size_t i = 0; i < NREMOTE; i++)
        for (size_t k = 0; k < *remote_parts[i].n; k++)
            if (strcmp(remote_parts[i].verbs[k].name, name) == 0)
                return &remote_parts[i].verbs[k];
    return NULL;
}

const struct verb *
table_find(const char *name)
{
    /* Some hundred short names, most of which differ in the first letter: a
     * walk costs less than parsing the request. */
    for (size_t i = 0; i < NPARTS; i++)
        for (size_t k = 0; k < *parts[i].n; k++) {
            const struct verb *verb = &parts[i].verbs[k];

            if (verb->name[0] == name[0] && strcmp(verb->name, name) == 0)
                return verb;
        }
    return NULL;
}

/* Those that hosts by proxy alone serve stand at the end. */
const struct verb *
table_at(size_t n)
{
    for (size_t i = 0; i < NPARTS; i++) {
        if (n < *parts[i].n)
            return &parts[i].verbs[n];
        n -= *parts[i].n;
    }
    for (size_t i = 0; i < NREMOTE; i++)
        for (size_t k = 0; k < *remote_parts[i].n; k++)
            if (!table_find(remote_parts[i].verbs[k].name) && n-- == 0)
                return &remote_parts[i].verbs[k];
    return NULL;
}

static json_t *
field_json(const struct field *field)
{
    json_t *obj = json_object();
    json_t *deflt = NULL;

    if (field->deflt)
        deflt = json_parse(field->deflt, strlen(field->deflt), NULL, NULL);
    json_put_text(obj, "name", field->name);
    json_put_text(obj, "type", field_type_name(field->type));
    json_put_bool(obj, "required", field->required);
    json_put(obj, "default", deflt);
    json_put_text(obj, "range", field->range);
    json_put_text(obj, "doc", field->doc);
    return obj;
}

static json_t *
params_json(const struct verb *verb)
{
    size_t n;
    const struct field *common = params_common_of(verb, &n);
    json_t *list = json_array();

    for (size_t i = 0; i < verb->nparams; i++)
        json_array_append_new(list, field_json(&verb->params[i]));
    for (size_t i = 0; i < n; i++)
        if (!field_find(verb->params, verb->nparams, common[i].name))
            json_array_append_new(list, field_json(&common[i]));
    return list;
}

json_t *
table_json(void)
{
    json_t *list = json_array();
    const struct verb *verb;

    for (size_t i = 0; (verb = table_at(i)); i++) {
        json_t *obj = json_object();

        json_put_text(obj, "name", verb->name);
        json_put_text(obj, "group", verb->group);
        json_put_text(obj, "action_group", verb->action_group);
        json_put_bool(obj, "mutating", verb->mutating);
        json_put_bool(obj, "local", verb->local);
        json_put_text(obj, "lane", lane_names[verb->lane]);
        json_put_text(obj, "doc", verb->doc);
        json_put(obj, "params", params_json(verb));
        json_array_append_new(list, obj);
    }
    return list;
}
