// SPDX-License-Identifier: Apache-2.0
/*
 * What there is: VMs, disks, the bus tree. All but the XML and the statistics
 * is answered in the I/O thread from the VM table, so that it never waits
 * behind an operation or libvirt; those two ask libvirt in a worker.
 */
#include "agent/verbs/view.h"

#include <string.h>

#include "agent/common/xml.h"
#include "agent/plan/permit.h"
#include "agent/verbs/topology.h"
#include "agent/verbs/vm_view.h"

#define LOOKING_MS 200

#define VM_DOC "The VM: UUID, a unique prefix of it (4 digits or more), or name"
#define DISK_DOC                                                               \
    "The disk: disk_id, a unique prefix of it, alias, target name or serial"

static const char *
local_name(const struct verb_call *call)
{
    return hyper_name(call->env->hyper);
}

/* Until every VM has been looked at once after a start, nobody can tell what
 * there is, let alone what there is not. */
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

/* The view of a VM by its UUID; whether it may be shown is asked after this. */
static int
load(struct verb_call *call, const char *uuid, struct vm_view *out,
     struct err *err)
{
    if (vm_view_load(call->env->vms, uuid, out))
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "VM %s has gone away in between; ListVms shows what is "
                   "there",
                   uuid);
}

static struct access_object
object_of(const struct vm_view *view, const char *disk)
{
    return (struct access_object){view->info.record.uuid,
                                  view->info.record.name, disk};
}

/* The view of the VM that parameter "vm" names; some: what is shown of it is
 * asked about piece by piece. */
static int
load_named(struct verb_call *call, bool some, struct vm_view *out,
           struct err *err)
{
    struct access_object object;
    char uuid[UUID_TEXT];

    if (known(call, err) < 0 ||
        vm_table_find(call->env->vms, json_get_text(call->params, "vm", ""),
                      uuid, err) < 0 ||
        load(call, uuid, out, err) < 0)
        return -1;
    object = object_of(out, NULL);
    return (some ? permit_check_some : permit_check)(
        call->env, &call->request, ACCESS_VM_READ, &object, err);
}

/* What the peer may, for lists: resolved once. Returns owned. */
static struct rights *
rights_here(const struct verb_call *call)
{
    return rights_of(atomic_load(&call->env->access), call->request.who);
}

/* --- VMs ----------------------------------------------------------------- */

static json_t *
get_vm(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_VIEW struct vm_view view = {0};

    if (load_named(call, false, &view, err) < 0)
        return NULL;
    return vm_view_json(&view, local_name(call));
}

struct list {
    json_t *items;
    const struct rights *rights;
    const char *hypervisor;
};

static void
add_summary(const struct vm_view *view, void *arg)
{
    const struct list *list = arg;
    const struct access_object object = object_of(view, NULL);

    if (rights_allow(list->rights, ACCESS_VM_READ, &object))
        json_array_append_new(list->items, vm_view_summary(view));
}

static json_t *
list_vms(struct verb_call *call, struct err *err)
{
    CLEANUP_RIGHTS struct rights *rights = rights_here(call);
    struct list list = {NULL, rights, local_name(call)};
    json_t *result;

    if (known(call, err) < 0)
        return NULL;
    result = json_object();
    list.items = json_array();
    vm_view_each(call->env->vms, add_summary, &list);
    json_put(result, "vms", list.items);
    return result;
}

static json_t *
get_topology(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_VIEW struct vm_view view = {0};
    CLEANUP_JSON json_t *vm = NULL;
    json_t *result;

    if (load_named(call, false, &view, err) < 0)
        return NULL;
    vm = vm_view_json(&view, local_name(call));
    result = json_object();
    json_put_text(result, "vm", view.info.record.uuid);
    for (size_t i = 0; i < 5; i++) {
        static const char *const same[] = {"name", "state", "machine", "ports",
                                           "age_ms"};

        json_put(result, same[i], json_incref(json_object_get(vm, same[i])));
    }
    json_put(result, "tree", topology_json(&view));
    return result;
}

/* --- disks --------------------------------------------------------------- */

static json_t *
get_disk(struct verb_call *call, struct err *err)
{
    const char *vm = json_get_text(call->params, "vm", NULL);
    const char *ref = json_get_text(call->params, "disk", "");
    CLEANUP_VM_VIEW struct vm_view view = {0};
    struct access_object object;
    char uuid[UUID_TEXT];
    const struct disk *disk;

    if (known(call, err) < 0 ||
        (vm ? vm_table_find(call->env->vms, vm, uuid, err) < 0
            : vm_table_disk_owner(call->env->vms, ref, uuid, err) < 0))
        return NULL;
    if (load(call, uuid, &view, err) < 0)
        return NULL;
    disk = vm_view_disk(&view, ref, err);
    object = object_of(&view, disk ? disk->id : NULL);
    if (!disk || permit_check(call->env, &call->request, ACCESS_VM_READ,
                              &object, err) < 0)
        return NULL;
    return vm_view_disk_json(&view, disk, local_name(call));
}

static void
add_disks(const struct vm_view *view, void *arg)
{
    const struct list *list = arg;

    for (size_t i = 0; i < view->ndisks; i++) {
        const struct access_object object =
            object_of(view, view->disks[i]->id);
        json_t *disk;

        if (!rights_allow(list->rights, ACCESS_VM_READ, &object))
            continue;
        disk = vm_view_disk_json(view, view->disks[i], list->hypervisor);
        json_put_text(disk, "vm_name", view->info.record.name);
        json_array_append_new(list->items, disk);
    }
}

static json_t *
list_disks(struct verb_call *call, struct err *err)
{
    CLEANUP_RIGHTS struct rights *rights = rights_here(call);
    struct list list = {NULL, rights, local_name(call)};
    CLEANUP_VM_VIEW struct vm_view view = {0};
    json_t *result;

    if (known(call, err) < 0)
        return NULL;
    if (!json_get_text(call->params, "vm", NULL)) {
        list.items = json_array();
        vm_view_each(call->env->vms, add_disks, &list);
    } else if (load_named(call, true, &view, err) < 0) {
        return NULL;
    } else {
        list.items = json_array();
        add_disks(&view, &list);
    }
    result = json_object();
    json_put(result, "disks", list.items);
    return result;
}

/* --- asked of libvirt ------------------------------------------------------ */

/*
 * The definition is read with its secrets, since edits must keep them; who
 * may look at a VM may not therefore log in to its console.
 */
static char *
without_passwords(char *xml /* takes */, struct err *err)
{
    CLEANUP_TEXT char *text = xml;
    CLEANUP_XML xmlDocPtr doc = NULL;
    xmlNodePtr node;

    if (!strstr(text, "passwd"))
        return STEAL(text);
    doc = xml_parse(text, strlen(text), err);
    if (!doc)
        return NULL;
    for (node = xml_path(xml_root(doc), "devices/graphics"); node;
         node = xml_next(node, "graphics"))
        xmlUnsetProp(node, (const xmlChar *)"passwd");
    return xml_text(xml_root(doc));
}

static json_t *
get_vm_xml(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_VIEW struct vm_view view = {0};
    CLEANUP_TEXT char *xml = NULL;
    const char *which, *uuid = view.info.record.uuid;
    json_t *result;
    bool live;

    if (load_named(call, false, &view, err) < 0)
        return NULL;
    which = json_get_text(call->params, "which",
                          view.info.active ? "live" : "config");
    live = strcmp(which, "live") == 0;
    if (live && !view.info.active) {
        err_set(err, ERR_BAD_STATE,
                "VM \"%s\" does not run, so it has no live XML; ask for "
                "which: \"config\"",
                view.info.record.name);
        return NULL;
    }
    xml = hyper_domain_xml(call->env->hyper, uuid,
                           live ? HYPER_XML_LIVE : HYPER_XML_CONFIG, err);
    if (xml)
        xml = without_passwords(xml, err);
    if (!xml)
        return NULL;
    result = json_object();
    json_put_text(result, "vm", uuid);
    json_put_text(result, "name", view.info.record.name);
    json_put_text(result, "which", which);
    json_put_text(result, "xml", xml);
    return result;
}

/* Of the statistics of all, those that the peer may not see. */
static void
leave_out(struct verb_call *call, json_t *stats)
{
    for (size_t i = json_array_size(stats); i-- > 0;) {
        const struct access_object object = {
            .vm = json_get_text(json_array_get(stats, i), "vm", "")};

        if (!permit_may(call->env, call->request.who, ACCESS_VM_READ,
                        &object))
            json_array_remove(stats, i);
    }
}

static json_t *
get_vm_stats(struct verb_call *call, struct err *err)
{
    CLEANUP_VM_VIEW struct vm_view view = {0};
    const char *uuid = view.info.record.uuid;
    bool one = json_get_text(call->params, "vm", NULL) != NULL;
    const struct hyper_whose whose = {one ? &uuid : NULL, one, false};
    json_t *stats, *result;

    if ((one ? load_named(call, false, &view, err) : known(call, err)) < 0)
        return NULL;
    stats = hyper_stats(call->env->hyper, &whose, err);
    if (!stats)
        return NULL;
    leave_out(call, stats);
    result = json_object();
    json_put(result, "stats", stats);
    return result;
}

/* --- rows ------------------------------------------------------------------ */

static const struct field one_vm[] = {
    {.name = "vm", .type = FIELD_REF, .required = true, .doc = VM_DOC},
};

static const struct field any_vm[] = {
    {.name = "vm", .type = FIELD_REF, .doc = VM_DOC "; absent: every VM"},
};

static const struct field xml_fields[] = {
    {.name = "vm", .type = FIELD_REF, .required = true, .doc = VM_DOC},
    {.name = "which",
     .type = FIELD_ENUM,
     .range = "live|config",
     .doc = "What runs now, or the definition for the next start; absent: "
            "live while the VM runs"},
};

static const struct field disk_fields_of_get[] = {
    {.name = "disk", .type = FIELD_REF, .required = true, .doc = DISK_DOC},
    {.name = "vm",
     .type = FIELD_REF,
     .doc = VM_DOC "; absent: the disk is looked for by its id in all of "
                   "them"},
};

const struct verb view_verbs[] = {
    {.name = "GetVm",
     .group = "vm",
     .action_group = "VM_READ",
     .lane = VERB_INLINE,
     .doc = "Shows one VM: its state, hardware, disks with their stable "
            "addresses, and how many places for PCI devices are free.",
     VERB_PARAMS(one_vm),
     .run = get_vm},
    {.name = "ListVms",
     .group = "vm",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_INLINE,
     .doc = "Lists every VM of this host by name, whoever made it, with its "
            "state and the number of its disks.",
     .run = list_vms},
    {.name = "GetVmXml",
     .group = "vm",
     .action_group = "VM_READ",
     .lane = VERB_HOST,
     .doc = "Reads libvirt's XML of a VM, live or as defined, without "
            "console passwords.",
     VERB_PARAMS(xml_fields),
     .run = get_vm_xml},
    {.name = "GetVmStats",
     .group = "vm",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Reads counters of one VM or of all: processor time, memory, "
            "network and block traffic.",
     VERB_PARAMS(any_vm),
     .run = get_vm_stats},
    {.name = "GetTopology",
     .group = "vm",
     .action_group = "VM_READ",
     .lane = VERB_INLINE,
     .doc = "Shows the VM's devices as a tree of buses: root ports with what "
            "holds them, controllers, targets, disks, and recorded disks that "
            "are not plugged.",
     VERB_PARAMS(one_vm),
     .run = get_topology},
    {.name = "GetDisk",
     .group = "disk",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_INLINE,
     .doc = "Shows one disk of a VM with its address and state.",
     VERB_PARAMS(disk_fields_of_get),
     .run = get_disk},
    {.name = "ListDisks",
     .group = "disk",
     .action_group = "VM_READ",
     .asks_itself = true,
     .lane = VERB_INLINE,
     .doc = "Lists the disks of one VM or of all, plugged or not, with their "
            "addresses.",
     VERB_PARAMS(any_vm),
     .run = list_disks},
};
const size_t view_nverbs = sizeof(view_verbs) / sizeof(view_verbs[0]);
