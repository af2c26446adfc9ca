// SPDX-License-Identifier: Apache-2.0
/*
 * Questions to the rules, and the sentence of a denial. A peer that is not
 * known (NULL) has no rights.
 */
#include "agent/plan/permit.h"

#include <string.h>

#include "agent/common/log.h"

struct question {
    struct env *env;
    const struct request *request;
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
            q->request->verb ? q->request->verb : "This", group,
            object.len ? object.data : "", q->request->peer, has.data,
            with.data);
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

    rights = rights_of(access, q->request->who);
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
    if (err)
        deny(&known, access, rights, err);
    return false;
}

int
permit_check(struct env *env, const struct request *request,
             enum access_group group, const struct access_object *object,
             struct err *err)
{
    const struct question q = {env, request, group, object};

    return ask(&q, rights_allow, err) ? 0 : -1;
}

int
permit_check_some(struct env *env, const struct request *request,
                  enum access_group group, const struct access_object *object,
                  struct err *err)
{
    const struct question q = {env, request, group, object};

    return ask(&q, rights_possible, err) ? 0 : -1;
}

int
permit_check_any(struct env *env, const struct request *request,
                 enum access_group group, struct err *err)
{
    const struct question q = {env, request, group, NULL};

    return ask(&q, anywhere, err) ? 0 : -1;
}

bool
permit_may(struct env *env, const struct request *request,
           enum access_group group, const struct access_object *object)
{
    const struct question q = {env, request, group, object};

    return ask(&q, rights_allow, NULL);
}
