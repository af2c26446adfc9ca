// SPDX-License-Identifier: Apache-2.0
/*
 * Questions to the rules, and the sentence of a denial. A peer that is not
 * known (NULL) has no rights.
 */
#include "agent/plan/permit.h"

#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"

struct question {
    struct env *env;
    const struct identity *who;
    const struct request *request; /* NULL: nobody is told of a denial */
    enum access_group group;
    const struct access_object *object;
};

typedef bool answer_fn(const struct rights *rights, enum access_group group,
                       const struct access_object *object);

static bool
anywhere(const struct rights *rights, enum access_group group,
         const struct access_object *object)
{
    (void)object;
    return rights_anywhere(rights, group);
}

static void
describe_object(const struct access_object *object, struct buf *out)
{
    if (!object)
        return;
    if (object->disk && object->disk[0])
        buf_printf(out, " for disk %s", object->disk);
    if (object->vm_name && object->vm_name[0])
        buf_printf(out, " %s VM \"%s\"", out->len ? "of" : "for",
                   object->vm_name);
    else if (object->vm && object->vm[0])
        buf_printf(out, " %s VM %s", out->len ? "of" : "for", object->vm);
}

static void
note_denial(const struct question *q, const char *roles)
{
    const struct request *request = q->request;
    const struct access_object none = {.vm = NULL};
    const struct access_object *object = q->object ? q->object : &none;
    CLEANUP_FREE char *why = mem_printf("Its roles: %s", roles);
    const struct audit_entry entry = {
        .what = AUDIT_DENIAL,
        .peer = request->peer,
        .verb = request->verb,
        .flow_id = request->flow_id[0] ? request->flow_id : NULL,
        .op_id = request->op_id[0] ? request->op_id : NULL,
        .vm = object->vm && object->vm[0] ? object->vm : NULL,
        .vm_name = object->vm_name,
        .disk = object->disk && object->disk[0] ? object->disk : NULL,
        .subject = access_group_name(q->group),
        .result = "denied",
        .why = why,
    };

    log_warning("DENIED %s peer=%s: it needs %s", request->verb, request->peer,
                entry.subject);
    audit_denial(q->env->audit, &entry);
}

static int
deny(const struct question *q, const struct access *access,
     const struct rights *rights, struct err *err)
{
    CLEANUP_BUF struct buf object = BUF_INIT, has = BUF_INIT, with = BUF_INIT;
    const char *group = access_group_name(q->group);

    describe_object(q->object, &object);
    rights_text(rights, &has);
    access_roles_with(access, q->group, &with);
    err_set(err, ERR_DENIED,
            "%s needs the action group %s%s, which %s does not have (its "
            "roles: %s). Roles that have it: %s; one is given by roles= of a "
            "[peer NAME] in berthd's settings",
            q->request->verb, group,
            object.len ? object.data : "", q->request->peer, has.data,
            with.data);
    note_denial(q, has.data);
    return -1;
}

static bool
ask(const struct question *q, answer_fn *answer, struct err *err)
{
    const struct access *access = atomic_load(&q->env->access);
    CLEANUP_RIGHTS struct rights *rights = NULL;
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    struct access_object object;
    struct question known = *q;

    rights = rights_of(access, q->who);
    if (answer(rights, q->group, q->object))
        return true;
    if (q->object && q->object->vm && q->object->vm[0] &&
        !q->object->vm_name &&
        vm_table_get(q->env->vms, q->object->vm, &info)) {
        object = *q->object;
        object.vm_name = info.record.name;
        known.object = &object;
        if (answer(rights, q->group, &object))
            return true;
    }
    if (q->request)
        deny(&known, access, rights, err);
    return false;
}

int
permit_check(struct env *env, const struct request *request,
             enum access_group group, const struct access_object *object,
             struct err *err)
{
    const struct question q = {env, request->who, request, group, object};

    return ask(&q, rights_allow, err) ? 0 : -1;
}

int
permit_check_some(struct env *env, const struct request *request,
                  enum access_group group, const struct access_object *object,
                  struct err *err)
{
    const struct question q = {env, request->who, request, group, object};

    return ask(&q, rights_possible, err) ? 0 : -1;
}

int
permit_check_any(struct env *env, const struct request *request,
                 enum access_group group, struct err *err)
{
    const struct question q = {env, request->who, request, group, NULL};

    return ask(&q, anywhere, err) ? 0 : -1;
}

bool
permit_may(struct env *env, const struct identity *who,
           enum access_group group, const struct access_object *object)
{
    const struct question q = {env, who, NULL, group, object};

    return ask(&q, rights_allow, NULL);
}

bool
permit_event(struct env *env, const struct identity *who, const char *type,
             const char *vm, const char *device)
{
    const struct question any = {env, who, NULL, ACCESS_VM_READ, NULL};
    struct access_object object = {.vm = vm};

    if (strcmp(type, EVENTLOG_DROPPED) == 0)
        return ask(&any, anywhere, NULL);
    if (device && strncmp(device, "ua-", 3) == 0)
        object.disk = device + 3;
    return permit_may(env, who, ACCESS_VM_READ, &object);
}

/* --- plans --------------------------------------------------------------- */

/* Steps that make, grow or delete an image. A LUN's size is its target's. */
static bool
makes_image(const struct step *step)
{
    switch (step->kind) {
    case STEP_CREATE_IMAGE:
    case STEP_RESIZE_IMAGE:
    case STEP_DELETE_IMAGE:
        return true;
    case STEP_RESIZE_DISK:
        return !step->disk || step->disk->kind != DISK_LUN;
    default:
        return false;
    }
}

static const struct disk *
with_path(const struct record *records, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++) {
        const struct device *device = records[i].device;

        if (device && device->disk && device->disk->path && path &&
            !strcmp(device->disk->path, path))
            return device->disk;
    }
    return NULL;
}

/* The disk that a step is about: its own, or that of the record whose image
 * has its path. */
static const struct disk *
disk_of(const struct plan *plan, const struct step *step)
{
    const struct disk *disk = step->disk;

    if (!disk)
        disk = with_path(plan->reserve, plan->nreserve, step->text);
    for (size_t i = 0; !disk && i < plan->nsteps; i++)
        disk = with_path(plan->steps[i].records, plan->steps[i].nrecords,
                         step->text);
    return disk;
}

/* The name of a VM that the plan makes; NULL: it is there already. */
static const char *
new_name(const struct plan *plan)
{
    for (size_t i = 0; i < plan->nsteps; i++)
        for (size_t k = 0; k < plan->steps[i].nrecords; k++)
            if (plan->steps[i].records[k].kind == RECORD_VM &&
                plan->steps[i].kind == STEP_DEFINE_NEW)
                return plan->steps[i].records[k].vm.name;
    return NULL;
}

typedef int visit_fn(void *ctx, const struct access_object *object,
                     struct err *err);

/* visit for each privilege that the plan gives or changes. What goes with
 * its disk needs nobody's leave. */
static int
each_grant(const struct plan *plan, const char *vm, visit_fn *visit, void *ctx,
           struct err *err)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(plan->grants, i, entry)
    {
        const struct access_object object = {
            vm, new_name(plan), json_get_text(entry, "disk_id", NULL)};

        if (!json_is_null(json_object_get(entry, "after")) &&
            visit(ctx, &object, err) < 0)
            return -1;
    }
    return 0;
}

/* visit for each image that the plan changes. */
static int
each_image(const struct plan *plan, const char *vm, visit_fn *visit, void *ctx,
           struct err *err)
{
    for (size_t i = 0; i < plan->nsteps; i++) {
        const struct disk *disk = disk_of(plan, &plan->steps[i]);
        const struct access_object object = {vm, new_name(plan),
                                             disk ? disk->id : NULL};

        if (makes_image(&plan->steps[i]) && visit(ctx, &object, err) < 0)
            return -1;
    }
    return 0;
}

struct asker {
    struct env *env;
    const struct request *request;
    enum access_group group;
    bool needed, lacks;
};

static int
check_object(void *ctx, const struct access_object *object, struct err *err)
{
    const struct asker *asker = ctx;

    return permit_check(asker->env, asker->request, asker->group, object, err);
}

static int
note_object(void *ctx, const struct access_object *object, struct err *err)
{
    struct asker *asker = ctx;

    (void)err;
    asker->needed = true;
    asker->lacks |= !permit_may(asker->env, asker->request->who, asker->group,
                                object);
    return 0;
}

typedef int each_fn(const struct plan *plan, const char *vm, visit_fn *visit,
                    void *ctx, struct err *err);

static const struct need {
    enum access_group group;
    each_fn *each;
} needs[] = {
    {ACCESS_DISK_CREATE, each_image},
    {ACCESS_CONFIGURE_SCSI_GENERIC_IO, each_grant},
};
#define NNEEDS (sizeof(needs) / sizeof(needs[0]))

int
permit_plan(struct env *env, const struct request *request, const char *vm,
            const struct plan *plan, struct err *err)
{
    for (size_t i = 0; i < NNEEDS; i++) {
        struct asker asker = {env, request, needs[i].group, false, false};

        if (needs[i].each(plan, vm, check_object, &asker, err) < 0)
            return -1;
    }
    return 0;
}

json_t *
permit_needs(struct env *env, const struct request *request, const char *vm,
             const struct plan *plan)
{
    json_t *list = json_array(), *need;

    for (size_t i = 0; i < NNEEDS; i++) {
        struct asker asker = {env, request, needs[i].group, false, false};

        needs[i].each(plan, vm, note_object, &asker, NULL);
        if (!asker.needed)
            continue;
        need = json_object();
        json_put_text(need, "group", access_group_name(needs[i].group));
        json_put_bool(need, "granted", !asker.lacks);
        json_array_append_new(list, need);
    }
    return list;
}
