// SPDX-License-Identifier: Apache-2.0
/*
 * Devices that are no disks: plugged, unplugged and changed as the engine's
 * XML or dictionaries say. Workers, in the VM's lane.
 */
#include "agent/verbs/vdsm_nic.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/common/mem.h"
#include "agent/plan/live_plan.h"
#include "agent/spec/engine.h"
#include "agent/spec/ovirt.h"
#include "agent/verbs/vdsm_call.h"

static void
wish_cleanup(struct live_wish *wish)
{
    live_wish_clear(wish);
}
#define CLEANUP_WISH CLEANUP(wish_cleanup)

static const json_t *
params_of(const struct verb_call *call)
{
    return json_object_get(call->params, "params");
}

static struct engine_plug *
read_plug(struct verb_call *call, const char *element, struct err *err)
{
    const char *xml = json_get_text(params_of(call), "xml", NULL);

    if (xml)
        return engine_plug_read(xml, element, err);
    err_param(err, ERR_INVALID, "params.xml", NULL, "the XML of one device");
    return NULL;
}

/* The device with an alias of its own, and its entry. */
static void
fill(struct engine_plug *plug, struct live_wish *wish)
{
    xmlNodePtr alias = xml_child(plug->device, "alias");
    char id[UUID_TEXT];

    wish->alias = engine_plug_alias(plug);
    if (!wish->alias || strncmp(wish->alias, "ua-", 3) != 0) {
        uuid_new(id);
        free(wish->alias);
        wish->alias = mem_printf("ua-%s", id);
        if (!alias)
            alias = xml_add(plug->device, "alias", NULL);
        xml_set(alias, "name", wish->alias);
    }
    wish->xml = xml_text(plug->device);
    wish->meta = ovirt_text(plug->meta);
}

/* --- NIC ------------------------------------------------------------------ */

/* What was plugged, and the whole domain as it is now. */
static json_t *
nic_answer(struct verb_call *call, const struct live_wish *wish)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    CLEANUP_TEXT char *xml = hyper_domain_xml(call->env->hyper, call->vm,
                                              HYPER_XML_LIVE, NULL);
    const struct domain_device *nic = NULL;
    json_t *answer = json_object(), *devices = json_array();
    json_t *device = json_object();

    if (vm_table_get(call->env->vms, call->vm, &info) && info.live)
        nic = domain_device(info.live, "interface", wish->alias);
    json_put_text(device, "macAddr", nic && nic->mac ? nic->mac : "");
    json_put_text(device, "alias", wish->alias);
    json_array_append_new(devices, device);
    json_put(answer, "devices", devices);
    json_put_text(answer, "xml", xml ? xml : "");
    return answer;
}

static json_t *
vm_hotplug_nic(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, live_plan_nic_plug};
    CLEANUP_ENGINE_PLUG struct engine_plug *plug =
        read_plug(call, "interface", err);
    CLEANUP_WISH struct live_wish wish = {.xml = NULL};
    json_t *done;

    if (!plug)
        return NULL;
    fill(plug, &wish);
    done = vdsm_call_run(call, &planner, &wish, json_true(), err);
    return done ? nic_answer(call, &wish) : NULL;
}

/* By the document's alias, else by its MAC. Owned. */
static char *
nic_alias(struct verb_call *call, const struct engine_plug *plug,
          struct err *err)
{
    CLEANUP_TEXT char *mac =
        xml_attr(xml_child(plug->device, "mac"), "address");
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    char *alias = engine_plug_alias(plug);

    if (alias || !mac)
        return alias ? alias : mem_dup("");
    if (vdsm_call_info(call, &info, err) < 0)
        return NULL;
    for (size_t i = 0; i < info.live->ndevices; i++)
        if (info.live->devices[i].mac &&
            !strcasecmp(info.live->devices[i].mac, mac))
            return mem_dup(info.live->devices[i].alias);
    return mem_dup(mac);
}

static json_t *
vm_hotunplug_nic(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, live_plan_nic_unplug};
    CLEANUP_ENGINE_PLUG struct engine_plug *plug =
        read_plug(call, "interface", err);
    CLEANUP_WISH struct live_wish wish = {.xml = NULL};

    if (!plug)
        return NULL;
    wish.alias = nic_alias(call, plug, err);
    return wish.alias
               ? vdsm_call_run(call, &planner, &wish, json_object(), err)
               : NULL;
}

/* --- changes -------------------------------------------------------------- */

static int
link_of(const json_t *params)
{
    const char *text = json_get_text(params, "linkActive", NULL);
    int link = json_get_bool(params, "linkActive", -1);

    if (text)
        link = strcasecmp(text, "true") == 0;
    return link;
}

static json_t *
update_nic(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, live_plan_nic_update};
    const json_t *params = params_of(call);
    CLEANUP_ENGINE_PLUG struct engine_plug *plug = NULL;
    CLEANUP_WISH struct live_wish wish = {.xml = NULL};

    if (json_array_size(json_object_get(params, "portMirroring"))) {
        err_set(err, ERR_UNSUPPORTED,
                "params.portMirroring: not supported here");
        return NULL;
    }
    if (json_object_get(params, "xml")) {
        plug = read_plug(call, "interface", err);
        if (!plug)
            return NULL;
        fill(plug, &wish);
        return vdsm_call_run(call, &planner, &wish, json_object(), err);
    }
    wish.alias = mem_dup(json_get_text(params, "alias", ""));
    wish.change = (struct nic_change){
        .network = json_get_text(params, "network", NULL),
        .link = link_of(params),
        .filter = json_get_text(params, "filter", NULL)};
    return vdsm_call_run(call, &planner, &wish, json_object(), err);
}

/* Seconds from now, as libvirt wants it: UTC without a zone. */
static char *
until(json_int_t ttl)
{
    time_t end = time(NULL) + (time_t)ttl;
    struct tm utc;
    char text[32];

    gmtime_r(&end, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    return mem_dup(text);
}

static json_t *
update_graphics(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, live_plan_ticket};
    const json_t *params = params_of(call);
    const char *ttl = json_get_text(params, "ttl", NULL);
    json_int_t seconds = ttl ? atoll(ttl) : json_get_int(params, "ttl", 0);
    CLEANUP_WISH struct live_wish wish = {.xml = NULL};

    if (seconds < 0 || seconds > INT32_MAX) {
        err_param(err, ERR_INVALID, "params.ttl", ttl, "seconds");
        return NULL;
    }
    wish.graphics = mem_dup(json_get_text(params, "graphicsType", "vnc"));
    wish.secret = mem_dup(json_get_text(params, "password", ""));
    wish.connected =
        mem_dup(json_get_text(params, "existingConnAction", NULL));
    if (seconds)
        wish.until = until(seconds);
    return vdsm_call_run(call, &planner, &wish, json_object(), err);
}

static json_t *
vm_update_device(struct verb_call *call, struct err *err)
{
    static const struct {
        const char *type;
        json_t *(*update)(struct verb_call *call, struct err *err);
    } types[] = {{"interface", update_nic}, {"graphics", update_graphics}};
    const char *type =
        json_get_text(params_of(call), "deviceType", "interface");

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].type, type) == 0)
            return types[i].update(call, err);
    err_set(err, ERR_UNSUPPORTED,
            "params.deviceType: \"%s\" cannot be changed; interface and "
            "graphics can",
            type);
    return NULL;
}

/* --- memory --------------------------------------------------------------- */

/* The older dictionary as XML: {size (MiB), node, alias, address}. */
static char *
memory_xml(const json_t *memory)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("memory");
    xmlNodePtr root = xml_root(doc), target, size;
    const char *alias = json_get_text(memory, "alias", NULL);
    char text[24];

    xml_set(root, "model", "dimm");
    target = xml_add(root, "target", NULL);
    snprintf(text, sizeof(text), "%lld",
             (long long)json_get_int(memory, "size", 0));
    size = xml_add(target, "size", text);
    xml_set(size, "unit", "MiB");
    snprintf(text, sizeof(text), "%lld",
             (long long)json_get_int(memory, "node", 0));
    xml_add(target, "node", text);
    if (alias)
        xml_set(xml_add(root, "alias", NULL), "name", alias);
    return xml_text(root);
}

static struct engine_plug *
read_memory(struct verb_call *call, struct err *err)
{
    const json_t *memory = json_object_get(params_of(call), "memory");
    CLEANUP_TEXT char *device = NULL, *xml = NULL;

    if (!json_is_object(memory))
        return read_plug(call, "memory", err);
    device = memory_xml(memory);
    xml = mem_printf("<x><devices>%s</devices></x>", device);
    return engine_plug_read(xml, "memory", err);
}

static json_t *
change_memory(struct verb_call *call, plan_fn plan, json_t *answer,
              struct err *err)
{
    const struct planner planner = {NULL, plan};
    CLEANUP_ENGINE_PLUG struct engine_plug *plug = read_memory(call, err);
    CLEANUP_WISH struct live_wish wish = {.xml = NULL};

    if (!plug) {
        json_decref(answer);
        return NULL;
    }
    fill(plug, &wish);
    return vdsm_call_run(call, &planner, &wish, answer, err);
}

static json_t *
vm_hotplug_memory(struct verb_call *call, struct err *err)
{
    return change_memory(call, live_plan_memory_plug, json_object(), err);
}

static json_t *
vm_hotunplug_memory(struct verb_call *call, struct err *err)
{
    return change_memory(call, live_plan_memory_unplug, json_true(), err);
}

/* --- rows ----------------------------------------------------------------- */

static const struct field nic_params[] = {
    VERB_VMID_ROW,
    {.name = "params",
     .type = FIELD_OBJECT,
     .required = true,
     .range = "{vmId, xml}",
     .doc = "xml: a document with one interface below <devices>"},
};

static const struct field update_params[] = {
    VERB_VMID_ROW,
    {.name = "params",
     .type = FIELD_OBJECT,
     .required = true,
     .range = "{deviceType: interface|graphics, …}",
     .doc = "interface: xml, or alias with network, linkActive, filter; "
            "graphics: graphicsType, password, ttl, existingConnAction"},
};

static const struct field memory_params[] = {
    VERB_VMID_ROW,
    {.name = "params",
     .type = FIELD_OBJECT,
     .required = true,
     .range = "{vmId, xml} or {vmId, memory}",
     .doc = "xml: a document with one memory device below <devices>; memory: "
            "{size (MiB), node, alias}"},
};

#define ROW(name_, code_, fn_, rows_, doc_)                                    \
    {.name = name_,                                                            \
     .group = "vdsm",                                                          \
     .action_group = "VM_OPERATE",                                             \
     .mutating = true,                                                         \
     .lane = VERB_VM,                                                          \
     .vdsm_code = code_,                                                       \
     .doc = doc_,                                                              \
     .params = rows_,                                                          \
     .nparams = sizeof(rows_) / sizeof(*(rows_)),                              \
     .run = fn_}

const struct verb vdsm_nic_verbs[] = {
    ROW("VM.hotplugNic", 49, vm_hotplug_nic, nic_params,
        "Plug a NIC; answers its MAC and alias, and the whole domain."),
    ROW("VM.hotunplugNic", 50, vm_hotunplug_nic, nic_params,
        "Unplug a NIC; an error when the guest is silent, though the unplug "
        "stays pending."),
    ROW("VM.updateDevice", 56, vm_update_device, update_params,
        "Change link, network or filter of a NIC, or the password of "
        "graphics."),
    ROW("VM.hotplugMemory", 70, vm_hotplug_memory, memory_params,
        "Plug a memory module."),
    ROW("VM.hotunplugMemory", 85, vm_hotunplug_memory, memory_params,
        "Unplug a memory module."),
};
const size_t vdsm_nic_nverbs = sizeof(vdsm_nic_verbs) / sizeof(*vdsm_nic_verbs);
