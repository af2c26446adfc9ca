// SPDX-License-Identifier: Apache-2.0
/*
 * What may be asked of disks: each verb turns its parameters into a wish and
 * hands it to the plan that serves it. Workers, in the VM's lane.
 */
#include "agent/verbs/disk.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/adopt.h"
#include "agent/plan/disk_facts.h"
#include "agent/plan/permit.h"
#include "agent/plan/settle.h"
#include "agent/spec/disk_rows.h"

static void
wish_cleanup(struct disk_wish *wish)
{
    disk_wish_clear(wish);
}
#define CLEANUP_WISH CLEANUP(wish_cleanup)

/* The recorded disk that ref names. A domain that nobody
 * recorded is adopted first, so that its disks have names. */
static struct disk *
named_disk(struct verb_call *call, const char *ref, struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};

    if (vm_table_get(call->env->vms, call->vm, &info) && !info.recorded &&
        (settle_wait(call->env, call->vm, err) < 0 ||
         adopt_refresh(call->env, call->vm, false, err) < 0 ||
         adopt_vm(call->env, call->vm, err) < 0))
        return NULL;
    return vm_table_disk(call->env->vms, call->vm, ref, err);
}

static const char *
disk_param(const struct verb_call *call)
{
    return json_get_text(call->params, "disk", "");
}

static int
wish_named(struct verb_call *call, const char *ref, struct disk_wish *wish,
           struct err *err)
{
    CLEANUP_DISK struct disk *disk = named_disk(call, ref, err);

    if (!disk)
        return -1;
    memcpy(wish->disk_id, disk->id, sizeof(wish->disk_id));
    return 0;
}

/* The VM was checked when the call came in; now the disk is known. */
static int
check_disk(struct verb_call *call, const struct disk_wish *wish,
           struct err *err)
{
    const struct access_object object = {
        .vm = call->vm, .disk = wish->disk ? wish->disk->id : wish->disk_id};

    return permit_check(call->env, &call->request, ACCESS_DISK_ATTACH, &object,
                        err);
}

static json_t *
run(struct verb_call *call, const struct planner *planner,
    struct disk_wish *wish, struct err *err)
{
    if (check_disk(call, wish, err) < 0)
        return NULL;
    return operation_run(call->env, &call->request, call->vm, planner, wish,
                         err);
}

/* --- add, plug, unplug, remove ------------------------------------------ */

static const struct planner add_planner = {disk_facts_source, disk_plan_add};
static const struct planner many_planner = {disk_facts_sources,
                                            disk_plan_many};
static const struct planner plug_planner = {disk_facts_source,
                                            disk_plan_plug};
static const struct planner unplug_planner = {NULL, disk_plan_unplug};
static const struct planner remove_planner = {disk_facts_delete,
                                              disk_plan_remove};

static bool
is_cdrom(const json_t *object)
{
    return !strcmp(json_get_text(object, "kind", ""), "cdrom");
}

/* The default bus of a CD-ROM: an i440fx VM has IDE where q35 has SATA. */
static bool
has_sata(struct verb_call *call)
{
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    const struct domain *view;

    if (adopt_refresh(call->env, call->vm, false, NULL) < 0 ||
        !vm_table_get(call->env->vms, call->vm, &info))
        return true;
    view = info.config ? info.config : info.live;
    return !view || domain_is_q35(view);
}

static struct disk *
whole_disk(struct verb_call *call, const json_t *given, const char *prefix,
           struct err *err)
{
    CLEANUP_JSON json_t *object = json_copy((json_t *)given);

    if (!json_object_get(object, "interface") && is_cdrom(object) &&
        !has_sata(call))
        json_put_text(object, "interface", "ide");
    return disk_from_json(object, prefix, err);
}

/* One of many: an object or, where names are taken, a name. */
static int
read_wish(struct verb_call *call, const json_t *item, const char *prefix,
          bool plug, struct disk_wish *wish, struct err *err)
{
    if (plug && json_is_string(item))
        return wish_named(call, json_string_value(item), wish, err);
    wish->disk = whole_disk(call, item, prefix, err);
    if (!wish->disk)
        return -1;
    wish->disk->wanted |= plug;
    return 0;
}

static bool
may_wait(const struct verb_call *call)
{
    return json_get_bool(call->params, "allow_pending", false) != 0;
}

/* Fields of a single disk beside vm, disks and allow_pending. */
static bool
has_fields(const json_t *params)
{
    return json_object_size(params) >
           2 + (size_t)(json_object_get(params, "allow_pending") != NULL);
}

/* disks: [object or, where names are taken, name, …]. */
static json_t *
many_disks(struct verb_call *call, const json_t *disks, bool plug,
           struct err *err)
{
    CLEANUP(disk_wishes_clear) struct disk_wishes wishes = {NULL, 0};
    const json_t *item;
    char prefix[32];
    size_t i;

    if (has_fields(call->params)) {
        err_set(err, ERR_INVALID, "disks: it stands for the fields of a disk; "
                                  "give one or the other");
        return NULL;
    }
    wishes.items = mem_zalloc(json_array_size(disks) + 1,
                              sizeof(*wishes.items));
    json_array_foreach(disks, i, item)
    {
        struct disk_wish *wish = &wishes.items[wishes.n++];

        wish->allow_pending = may_wait(call);
        snprintf(prefix, sizeof(prefix), "disks[%zu].", i);
        if (read_wish(call, item, prefix, plug, wish, err) < 0 ||
            check_disk(call, wish, err) < 0)
            return NULL;
    }
    return operation_run(call->env, &call->request, call->vm, &many_planner,
                         &wishes, err);
}

static json_t *
add_disk(struct verb_call *call, struct err *err)
{
    CLEANUP_WISH struct disk_wish wish = {
        .allow_pending = may_wait(call)};
    CLEANUP_JSON json_t *object = json_copy(call->params);
    json_t *disks = json_object_get(call->params, "disks");

    if (disks)
        return many_disks(call, disks, false, err);
    json_object_del(object, "vm");
    json_object_del(object, "allow_pending");
    wish.disk = whole_disk(call, object, "", err);
    return wish.disk ? run(call, &add_planner, &wish, err) : NULL;
}

static json_t *
hot_plug_disk(struct verb_call *call, struct err *err)
{
    CLEANUP_WISH struct disk_wish wish = {
        .allow_pending = may_wait(call)};
    json_t *disk = json_object_get(call->params, "disk");
    json_t *disks = json_object_get(call->params, "disks");

    if (disks && !disk)
        return many_disks(call, disks, true, err);
    if (json_is_object(disk)) {
        wish.disk = whole_disk(call, disk, "disk.", err);
        if (!wish.disk)
            return NULL;
        wish.disk->wanted = true;
        return run(call, &add_planner, &wish, err);
    }
    if (!json_is_string(disk)) {
        err_param(err, ERR_INVALID, "disk", disk ? "that" : NULL,
                  "the name of a recorded disk, or a whole disk object");
        return NULL;
    }
    if (wish_named(call, disk_param(call), &wish, err) < 0)
        return NULL;
    return run(call, &plug_planner, &wish, err);
}

static json_t *
hot_unplug_disk(struct verb_call *call, struct err *err)
{
    CLEANUP_WISH struct disk_wish wish = {.disk_id = ""};

    if (wish_named(call, disk_param(call), &wish, err) < 0)
        return NULL;
    return run(call, &unplug_planner, &wish, err);
}

static json_t *
remove_disk(struct verb_call *call, struct err *err)
{
    CLEANUP_WISH struct disk_wish wish = {
        .delete_image = json_get_bool(call->params, "delete", false) != 0};

    if (wish_named(call, disk_param(call), &wish, err) < 0)
        return NULL;
    return run(call, &remove_planner, &wish, err);
}

/* --- change ------------------------------------------------------------- */

static const struct planner update_planner = {disk_facts_update,
                                              disk_plan_update};
static const struct planner resize_planner = {disk_facts_size,
                                              disk_plan_resize};
static const struct planner cd_planner = {disk_facts_source, disk_plan_cd};

static json_t *
update_vm_disk(struct verb_call *call, struct err *err)
{
    CLEANUP_WISH struct disk_wish wish = {
        .set = json_object_get(call->params, "set"),
        .allow_pending = may_wait(call)};

    if (field_check(disk_fields, disk_nfields, "set.", wish.set, err) < 0 ||
        wish_named(call, disk_param(call), &wish, err) < 0)
        return NULL;
    return run(call, &update_planner, &wish, err);
}

static json_t *
resize_disk(struct verb_call *call, struct err *err)
{
    CLEANUP_WISH struct disk_wish wish = {
        .size = (uint64_t)json_get_int(call->params, "size", 0)};

    if (wish_named(call, disk_param(call), &wish, err) < 0)
        return NULL;
    return run(call, &resize_planner, &wish, err);
}

/* The drive as it is, with the new medium (or none) in it. */
static json_t *
change_cd(struct verb_call *call, struct err *err)
{
    CLEANUP_WISH struct disk_wish wish = {
        .force = json_get_bool(call->params, "force", false) != 0};
    CLEANUP_DISK struct disk *now = named_disk(call, disk_param(call), err);
    CLEANUP_JSON json_t *object = now ? disk_to_json(now, NULL) : NULL;
    json_t *source = json_object_get(call->params, "source");

    if (!now)
        return NULL;
    if (now->kind != DISK_CDROM) {
        err_param(err, ERR_INVALID, "disk", now->id,
                  "a cdrom: only its medium can be changed");
        return NULL;
    }
    json_put(object, "source", source ? json_incref(source) : json_null());
    wish.disk = disk_from_json(object, "", err);
    if (!wish.disk)
        return NULL;
    free(wish.disk->alias);
    free(wish.disk->target);
    wish.disk->alias = now->alias ? strdup(now->alias) : NULL;
    wish.disk->foreign = now->foreign ? strdup(now->foreign) : NULL;
    wish.disk->target = now->target ? strdup(now->target) : NULL;
    wish.disk->state = now->state;
    wish.disk->wanted = now->wanted;
    return run(call, &cd_planner, &wish, err);
}

#define DISKS_MAX 1000

/* --- rows --------------------------------------------------------------- */

#define REF_ROW                                                                \
    {.name = "disk",                                                           \
     .type = FIELD_REF,                                                        \
     .required = true,                                                         \
     .doc = "The disk: disk_id, unique beginning of it, alias, target or "     \
            "serial"}

/* What ListDisks adds to a disk: it may be sent back, and is ignored. */
#define OUTPUT_ROW(field_name, field_type)                                     \
    {.name = field_name, .type = field_type, .doc = "Output only; ignored"}

#define PENDING_ROW                                                            \
    {.name = "allow_pending",                                                  \
     .type = FIELD_BOOL,                                                       \
     .doc = "Accept what has no effect before the VM's next start, such as "   \
            "rawio on a running VM"}

static const struct field add_params[] = {
    VERB_VM_ROW,
    PENDING_ROW,
#define FIELD DISK_ROW
#include "agent/spec/disk_fields.def"
#undef FIELD
    OUTPUT_ROW("hypervisor", FIELD_TEXT),
    OUTPUT_ROW("vm_name", FIELD_TEXT),
    OUTPUT_ROW("state", FIELD_TEXT),
    OUTPUT_ROW("alias", FIELD_TEXT),
    OUTPUT_ROW("target", FIELD_TEXT),
    OUTPUT_ROW("effective", FIELD_OBJECT),
    OUTPUT_ROW("emitted", FIELD_OBJECT),
    OUTPUT_ROW("granted", FIELD_OBJECT),
    OUTPUT_ROW("lun", FIELD_OBJECT),
    {.name = "disks",
     .type = FIELD_ARRAY,
     .max = DISKS_MAX,
     .range = "at most 1000 disk objects",
     .doc = "Several in one operation, instead of one"},
};

static const struct field plug_params[] = {
    VERB_VM_ROW,
    {.name = "disk",
     .type = FIELD_ANY,
     .doc = "A recorded disk by name, or a whole disk object to add and plug"},
    PENDING_ROW,
    {.name = "disks",
     .type = FIELD_ARRAY,
     .max = DISKS_MAX,
     .range = "at most 1000 names or disk objects",
     .doc = "Several in one operation, instead of one"},
};

static const struct field named_params[] = {VERB_VM_ROW, REF_ROW};

static const struct field remove_params[] = {
    VERB_VM_ROW,
    REF_ROW,
    {.name = "delete",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Delete the image file too"},
};

static const struct field update_params[] = {
    VERB_VM_ROW,
    REF_ROW,
    {.name = "set",
     .type = FIELD_OBJECT,
     .required = true,
     .range = "{field: value, …}",
     .doc = "Fields of the disk object to change"},
    PENDING_ROW,
};

static const struct field resize_params[] = {
    VERB_VM_ROW,
    REF_ROW,
    {.name = "size",
     .type = FIELD_SIZE,
     .range = "bytes, multiple of 512",
     .doc = "The new size, never less than now; of a LUN none is given"},
};

static const struct field cd_params[] = {
    VERB_VM_ROW,
    REF_ROW,
    {.name = "source",
     .type = FIELD_OBJECT,
     .range = "{type: file|block|volume, …} or null",
     .doc = "The new medium; null or absent: none"},
    {.name = "force",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Open the tray even where the guest has locked it"},
};

#define ROW(name_, fn_, rows_, doc_)                                           \
    {.name = name_,                                                            \
     .group = "disk",                                                          \
     .action_group = "DISK_ATTACH",                                            \
     .mutating = true,                                                         \
     .lane = VERB_VM,                                                          \
     .doc = doc_,                                                              \
     .params = rows_,                                                          \
     .nparams = sizeof(rows_) / sizeof(*(rows_)),                              \
     .run = fn_}

const struct verb disk_verbs[] = {
    ROW("AddDisk", add_disk, add_params,
        "Record a disk in a VM with an address of its own, create its image "
        "if asked, and plug it unless plugged is false."),
    ROW("RemoveDisk", remove_disk, remove_params,
        "Forget an unplugged disk of a VM, and delete its image if asked."),
    ROW("HotPlugDisk", hot_plug_disk, plug_params,
        "Plug a disk into a VM, running or not, at its recorded address."),
    ROW("HotUnplugDisk", hot_unplug_disk, named_params,
        "Take a disk out of a VM and keep its record and address."),
    ROW("UpdateVmDisk", update_vm_disk, update_params,
        "Change fields of a disk; each is answered live, next_start or "
        "impossible, with the reason."),
    ROW("ResizeDisk", resize_disk, resize_params,
        "Grow a disk's image, or read a LUN's capacity anew, and tell the "
        "running guest."),
    ROW("ChangeCd", change_cd, cd_params,
        "Put another medium into a CD-ROM drive, or take it out."),
};
const size_t disk_nverbs = sizeof(disk_verbs) / sizeof(*disk_verbs);
