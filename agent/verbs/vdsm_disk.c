// SPDX-License-Identifier: Apache-2.0
/*
 * Plug, unplug, medium and size of disks, from the engine's XML and from the
 * dictionaries of its drives. Workers, in the VM's lane.
 */
#include "agent/verbs/vdsm_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/common/mem.h"
#include "agent/plan/engine_facts.h"
#include "agent/spec/ovirt.h"
#include "agent/verbs/vdsm_call.h"

static void
wish_cleanup(struct engine_wish *wish)
{
    engine_wish_clear(wish);
}
#define CLEANUP_WISH CLEANUP(wish_cleanup)

/* The document: as XML, or made from the older dictionary. Owned. */
static char *
document(struct verb_call *call, struct err *err)
{
    const json_t *params = json_object_get(call->params, "params");
    const json_t *drive = json_object_get(params, "drive");
    const char *xml = json_get_text(params, "xml", NULL);
    CLEANUP_TEXT char *path = NULL;

    if (xml)
        return mem_dup(xml);
    if (!json_is_object(drive)) {
        err_param(err, ERR_INVALID, "params.xml", NULL,
                  "the XML of one disk, or params.drive, its dictionary");
        return NULL;
    }
    path = vdsm_call_path(env_conf(call->env), drive, err);
    return path ? engine_plug_from_drive(drive, path, err) : NULL;
}

static struct engine_plug *
read_plug(struct verb_call *call, struct err *err)
{
    CLEANUP_TEXT char *xml = document(call, err);

    return xml ? engine_plug_read(xml, "disk", err) : NULL;
}

/* --- plug ----------------------------------------------------------------- */

static json_t *
vm_hotplug_disk(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {engine_facts_plug,
                                           engine_plan_plug};
    CLEANUP_ENGINE_PLUG struct engine_plug *plug = read_plug(call, err);
    CLEANUP_WISH struct engine_wish wish = {.ndisks = 0};

    if (!plug)
        return NULL;
    wish.plug.disk = engine_plug_disk(plug, err);
    if (!wish.plug.disk)
        return NULL;
    wish.meta = ovirt_text(plug->meta);
    wish.warnings = plug->warnings;
    wish.plug.allow_pending = true; /* it cannot say so, and is warned */
    return vdsm_call_run(call, &planner, &wish, json_object(), err);
}

/* --- unplug --------------------------------------------------------------- */

/* The ids of an entry of the metadata, as a drive is called by them. */
static json_t *
ids_of(xmlNodePtr meta)
{
    static const char *const names[] = {"GUID", "poolID", "domainID",
                                        "imageID", "volumeID"};
    json_t *ids = json_object();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP_TEXT char *value = ovirt_get(meta, names[i]);

        if (value)
            json_put_text(ids, names[i], value);
    }
    return ids;
}

/* By its alias, else by its ids. Owned. */
static char *
alias_of(struct verb_call *call, struct err *err)
{
    const json_t *params = json_object_get(call->params, "params");
    const json_t *drive = json_object_get(params, "drive");
    CLEANUP_ENGINE_PLUG struct engine_plug *plug = NULL;
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    CLEANUP_JSON json_t *ids = NULL;
    CLEANUP_DISK struct disk *disk = NULL;
    char *alias;

    if (json_is_object(drive) && !json_object_get(params, "xml")) {
        alias = mem_dup(json_get_text(drive, "alias", NULL));
        ids = json_incref((json_t *)drive);
    } else {
        plug = read_plug(call, err);
        if (!plug)
            return NULL;
        alias = engine_plug_alias(plug);
        ids = ids_of(plug->meta);
    }
    if (alias)
        return alias;
    if (vdsm_call_info(call, &info, err) < 0)
        return NULL;
    disk = vdsm_call_drive(&info, ids, err);
    return disk ? mem_dup(disk->alias) : NULL;
}

static json_t *
vm_hotunplug_disk(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {NULL, engine_plan_unplug};
    CLEANUP_WISH struct engine_wish wish = {.ndisks = 0};

    wish.alias = alias_of(call, err);
    if (!wish.alias) {
        vdsm_call_own(err);
        return NULL;
    }
    return vdsm_call_run(call, &planner, &wish, json_object(), err);
}

/* --- medium --------------------------------------------------------------- */

/* {iface, index} is a place; the engine's CD is the only one, mostly. */
static const struct disk *
cdrom_of(const struct domain *live, const json_t *spec)
{
    const char *iface = json_get_text(spec, "iface", NULL);
    const char *text = json_get_text(spec, "index", NULL);
    json_int_t index = text ? atoll(text) : json_get_int(spec, "index", -1);
    const struct disk *named = NULL, *only = NULL;
    char target[16];

    if (iface && index >= 0 && index < 1000) {
        disk_target_name(disk_interface_of_bus(iface), (unsigned)index, target);
        named = domain_disk_by_target(live, target);
    }
    if (named && named->kind == DISK_CDROM)
        return named;
    for (size_t i = 0; i < live->ndisks; i++)
        if (live->disks[i]->kind == DISK_CDROM)
            only = only ? only : live->disks[i];
    return only;
}

/* The path of the new medium, owned; *eject: there is none. */
static char *
medium_path(struct verb_call *call, const json_t *spec, bool *eject,
            struct err *err)
{
    const json_t *drive = json_object_get(spec, "drive_spec");
    const char *path = json_is_string(spec)
                           ? json_string_value(spec)
                           : json_get_text(spec, "path", NULL);

    *eject = false;
    if (json_object_size(drive))
        return vdsm_call_path(env_conf(call->env), drive, err);
    *eject = !path || !*path;
    return *eject ? NULL : mem_dup(path);
}

/* libvirt leaves the owner of the new medium alone, too. */
static void
set_medium(struct disk *disk, const char *path)
{
    CLEANUP_TEXT char *xml = NULL;
    CLEANUP_XML xmlDocPtr doc = NULL;
    struct stat st;
    bool block = path && stat(path, &st) == 0 && S_ISBLK(st.st_mode);

    free(disk->path);
    disk->path = mem_dup(path);
    disk->source_type = !path  ? DISK_SOURCE_NONE
                        : block ? DISK_SOURCE_BLOCK
                                : DISK_SOURCE_FILE;
    free(disk->format);
    disk->format = path ? mem_dup("raw") : NULL;
    xml = disk_xml(disk);
    doc = xml_parse(xml, strlen(xml), NULL);
    if (!doc)
        return;
    engine_disk_normalise(xml_root(doc), NULL);
    free(disk->foreign);
    disk->foreign = xml_text(xml_root(doc));
}

/* The entry of a medium that is a volume. */
static char *
medium_meta(const json_t *drive, const char *target)
{
    static const char *const names[] = {"poolID", "domainID", "imageID",
                                        "volumeID"};
    CLEANUP_XML xmlDocPtr doc = xml_new("device");

    if (!json_object_size(drive))
        return NULL;
    xml_set(xml_root(doc), "devtype", "disk");
    xml_set(xml_root(doc), "name", target);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_get_text(drive, names[i], NULL))
            xml_add(xml_root(doc), names[i],
                    json_get_text(drive, names[i], NULL));
    return xml_text(xml_root(doc));
}

static struct disk *
cd_row(struct verb_call *call, const json_t *spec, struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    const struct disk *live;

    if (vdsm_call_info(call, &info, err) < 0)
        return NULL;
    live = cdrom_of(info.live, spec);
    if (live)
        return vdsm_call_row(call, live, err);
    err_set(err, ERR_NOT_FOUND, "VM \"%s\" has no CD drive",
            info.record.name);
    return NULL;
}

static json_t *
vm_change_cd(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {engine_facts_plug, engine_plan_cd};
    const json_t *spec = json_object_get(call->params, "driveSpec");
    CLEANUP_WISH struct engine_wish wish = {.ndisks = 0};
    CLEANUP_TEXT char *path = NULL;
    bool eject;

    if (!json_is_string(spec) && !json_is_object(spec)) {
        err_param(err, ERR_INVALID, "driveSpec", NULL,
                  "a path, or {iface, index, path or drive_spec}");
        return NULL;
    }
    path = medium_path(call, spec, &eject, err);
    if (!path && !eject)
        return NULL;
    wish.plug.disk = cd_row(call, spec, err);
    if (!wish.plug.disk)
        return NULL;
    set_medium(wish.plug.disk, path);
    wish.plug.force = true;
    wish.meta = medium_meta(json_object_get(spec, "drive_spec"),
                            wish.plug.disk->target);
    return vdsm_call_run(call, &planner, &wish, json_object(), err);
}

/* --- size ----------------------------------------------------------------- */

static int
read_size(const json_t *value, uint64_t *out, struct err *err)
{
    const char *text = json_string_value(value);
    char *end = NULL;

    errno = 0;
    *out = text ? strtoull(text, &end, 10)
                : (uint64_t)json_integer_value(value);
    if ((text ? *text >= '0' && *text <= '9' && !*end && !errno
              : json_is_integer(value)) &&
        *out > 0 && *out <= INT64_MAX)
        return 0;
    return err_param(err, ERR_INVALID, "newSize", text, "a number of bytes");
}

static json_t *
size_answer(struct verb_call *call, json_t *receipt, struct err *err)
{
    char size[24];

    snprintf(size, sizeof(size), "%lld",
             (long long)json_get_int(receipt, "size", 0));
    return vdsm_call_end(call, receipt, json_string(size), err);
}

static json_t *
vm_disk_size_extend(struct verb_call *call, struct err *err)
{
    static const struct planner planner = {engine_facts_size,
                                           engine_plan_extend};
    CLEANUP_WISH struct engine_wish wish = {.ndisks = 0};
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    CLEANUP_DISK struct disk *live = NULL, *row = NULL;

    if (read_size(json_object_get(call->params, "newSize"), &wish.plug.size,
                  err) < 0 ||
        vdsm_call_info(call, &info, err) < 0)
        return NULL;
    live = vdsm_call_drive(&info, json_object_get(call->params, "driveSpecs"),
                           err);
    row = live ? vdsm_call_row(call, live, err) : NULL;
    if (!row)
        return NULL;
    memcpy(wish.plug.disk_id, row->id, sizeof(wish.plug.disk_id));
    return size_answer(call,
                       operation_run(call->env, &call->request, call->vm,
                                     &planner, &wish, err),
                       err);
}

/* --- rows ----------------------------------------------------------------- */

static const struct field plug_params[] = {
    VERB_VMID_ROW,
    {.name = "params",
     .type = FIELD_OBJECT,
     .required = true,
     .range = "{vmId, xml} or {vmId, drive}",
     .doc = "xml: a document with one disk below <devices>, and its metadata; "
            "drive: the older dictionary"},
};

static const struct field cd_params[] = {
    VERB_VMID_ROW,
    {.name = "driveSpec",
     .type = FIELD_ANY,
     .required = true,
     .doc = "The new medium: a path, {iface, index, path}, or {iface, index, "
            "drive_spec: {poolID, domainID, imageID, volumeID}}; an empty "
            "path or drive_spec ejects"},
};

static const struct field extend_params[] = {
    VERB_VMID_ROW,
    {.name = "driveSpecs",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "The drive: {poolID, domainID, imageID, volumeID} or {GUID}"},
    {.name = "newSize",
     .type = FIELD_ANY,
     .required = true,
     .doc = "Bytes; counts for a qcow2, else the volume's own size does"},
};

#define ROW(name_, code_, group_, fn_, rows_, doc_)                            \
    {.name = name_,                                                            \
     .group = "vdsm",                                                          \
     .action_group = group_,                                                   \
     .mutating = true,                                                         \
     .lane = VERB_VM,                                                          \
     .vdsm_code = code_,                                                       \
     .doc = doc_,                                                              \
     .params = rows_,                                                          \
     .nparams = sizeof(rows_) / sizeof(*(rows_)),                              \
     .run = fn_}

const struct verb vdsm_disk_verbs[] = {
    ROW("VM.hotplugDisk", 45, "DISK_ATTACH", vm_hotplug_disk, plug_params,
        "Plug a disk as the engine describes it; the host chooses its target "
        "name, and its address where none was sent."),
    ROW("VM.hotunplugDisk", 46, "DISK_ATTACH", vm_hotunplug_disk, plug_params,
        "Unplug a disk; an error when the guest is silent, though the unplug "
        "stays pending."),
    ROW("VM.changeCD", 41, "DISK_ATTACH", vm_change_cd, cd_params,
        "Change or eject the medium of a CD drive."),
    ROW("VM.diskSizeExtend", 58, "DISK_ATTACH", vm_disk_size_extend,
        extend_params,
        "Tell a running VM that its disk has grown; answers the size."),
};
const size_t vdsm_disk_nverbs =
    sizeof(vdsm_disk_verbs) / sizeof(*vdsm_disk_verbs);
