// SPDX-License-Identifier: Apache-2.0
/*
 * Which disks a plan adds, changes and takes away is read from its records:
 * no planner needs to know of scripts.
 */
#include "agent/plan/hook_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/hook_env.h"

/* --- what a plan is about
 * ------------------------------------------------------ */

enum moment { BEFORE, AFTER, FAILED };

static const enum point_id adds[] = {
    POINT_BEFORE_DISK_ADD, POINT_AFTER_DISK_ADD, POINT_AFTER_DISK_ADD_FAIL};
static const enum point_id updates[] = {POINT_BEFORE_DISK_UPDATE,
                                        POINT_AFTER_DISK_UPDATE,
                                        POINT_AFTER_DISK_UPDATE_FAIL};
static const enum point_id removes[] = {POINT_BEFORE_DISK_REMOVE,
                                        POINT_AFTER_DISK_REMOVE,
                                        POINT_AFTER_DISK_REMOVE_FAIL};

struct subject {
    const enum point_id *points; /* by moment */
    const struct disk *disk;     /* borrowed from the plan */
};

struct subjects {
    struct subject *items;
    size_t n;
};

static void
add(struct subjects *list, const enum point_id *points,
    const struct device *device)
{
    if (!device || !device->disk)
        return;
    for (size_t i = 0; i < list->n; i++)
        if (!strcmp(list->items[i].disk->id, device->disk->id) &&
            list->items[i].points == points)
            return;
    list->items = mem_more(list->items, list->n, sizeof(*list->items));
    list->items[list->n++] = (struct subject){points, device->disk};
}

static struct subjects
subjects_of(const struct plan *plan)
{
    struct subjects list = {NULL, 0};

    for (size_t i = 0; i < plan->nreserve && i < plan->nrelease; i++)
        if (plan->release[i].kind == RECORD_DEVICE_GONE)
            add(&list, adds, plan->reserve[i].device);
    for (size_t i = 0; i < plan->nsteps; i++) {
        const struct step *step = &plan->steps[i];

        for (size_t k = 0; k < step->nrecords; k++) {
            if (step->records[k].kind == RECORD_DEVICE_GONE)
                add(&list, removes, step->records[k].device);
            else if (step->event && !strcmp(step->event, "disk.changed"))
                add(&list, updates, step->records[k].device);
        }
    }
    return list;
}

/* --- runs
 * ------------------------------------------------------------------------ */

static int
run_disk(struct env *env, enum point_id point, const struct hook_env_for *who,
         const struct vm_info *info, const struct disk *disk, struct err *err)
{
    const struct domain *view = !info        ? NULL
                                : info->live ? info->live
                                             : info->config;
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};
    CLEANUP_HOOK_PROPS struct hook_env_props props = {NULL, 0};
    CLEANUP_TEXT char *text = NULL;

    if (!hook_env_any(env, point))
        return 0;
    hook_env_props(view ? view->ovirt : NULL,
                   &(struct hook_env_device){"disk", "name", disk->target},
                   &props);
    text = disk_xml(disk);
    return hook_env_run(env, point, who, &props, text, -1, &out, err);
}

static struct hook_env_for
for_op(const struct op *op, int64_t deadline_ms)
{
    return (struct hook_env_for){op->vm, op->op_id, op->flow_id, deadline_ms};
}

/* The first n subjects, at a moment that nothing can stop. */
static void
tell(struct env *env, const struct op *op, const struct vm_info *info,
     const struct subjects *list, size_t n, enum moment moment)
{
    const struct hook_env_for who = for_op(op, 0);

    for (size_t i = 0; i < n; i++)
        run_disk(env, list->items[i].points[moment], &who, info,
                 list->items[i].disk, NULL);
}

int
hook_op_before(struct env *env, const struct op *op, const struct vm_info *info,
               const struct plan *plan, int64_t deadline_ms, struct err *err)
{
    const struct hook_env_for who = for_op(op, deadline_ms);
    struct subjects list = subjects_of(plan);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < list.n; i++) {
        rc = run_disk(env, list.items[i].points[BEFORE], &who, info,
                      list.items[i].disk, err);
        if (rc < 0)
            tell(env, op, info, &list, i + 1, FAILED);
    }
    free(list.items);
    return rc;
}

static void
tell_all(struct env *env, const struct op *op, const struct vm_info *info,
         const struct plan *plan, enum moment moment)
{
    struct subjects list = subjects_of(plan);

    tell(env, op, info, &list, list.n, moment);
    free(list.items);
}

void
hook_op_after(struct env *env, const struct op *op, const struct vm_info *info,
              const struct plan *plan)
{
    tell_all(env, op, info, plan, AFTER);
}

void
hook_op_failed(struct env *env, const struct op *op, const struct vm_info *info,
               const struct plan *plan)
{
    tell_all(env, op, info, plan, FAILED);
}

void
hook_op_kept(struct env *env, const char *vm, const struct disk *disk)
{
    CLEANUP_VM_INFO struct vm_info info = {.present = false};

    vm_table_get(env->vms, vm, &info);
    run_disk(env, POINT_AFTER_DISK_HOTUNPLUG_FAIL,
             &(struct hook_env_for){.vm = vm}, &info, disk, NULL);
}

/* --- by itself
 * ------------------------------------------------------------------ */

/* Steps of ours that cause the same: what they cause has its scripts there. */
static const char *const stopping[] = {"destroy", "start", "start_transient",
                                       NULL};
static const char *const pausing[] = {"suspend", "resume", "start",
                                      "start_transient", NULL};

static const struct turn {
    const char *what; /* the event */
    const char *const *steps;
    enum point_id point;
} turns[] = {
    {"stopped", stopping, POINT_AFTER_VM_DESTROY},
    {"paused", pausing, POINT_AFTER_VM_PAUSE},
    {"resumed", pausing, POINT_AFTER_VM_CONT},
};

struct told {
    struct env *env;
    enum point_id point;
    char vm[UUID_TEXT];
};

/* A transient VM that has stopped has no XML any more: its name is left. */
static char *
text_of(struct env *env, const char *vm, const struct vm_info *info)
{
    enum hyper_xml which = info->active ? HYPER_XML_LIVE : HYPER_XML_CONFIG;
    char *text = hyper_domain_xml(env->hyper, vm, which, NULL);

    if (!text) {
        CLEANUP_XML xmlDocPtr doc = xml_new("domain");

        xml_add(xml_root(doc), "name", info->record.name);
        xml_add(xml_root(doc), "uuid", vm);
        text = xml_text(xml_root(doc));
    }
    return text;
}

static void
told_run(void *arg)
{
    struct told *told = arg;
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};
    CLEANUP_HOOK_PROPS struct hook_env_props props = {NULL, 0};
    CLEANUP_TEXT char *text = NULL;

    if (hook_env_any(told->env, told->point)) {
        vm_table_get(told->env->vms, told->vm, &info);
        text = text_of(told->env, told->vm, &info);
        hook_env_props(info.live     ? info.live->ovirt
                       : info.config ? info.config->ovirt
                                     : NULL,
                       &(struct hook_env_device){.value = NULL}, &props);
        hook_env_run(told->env, told->point,
                     &(struct hook_env_for){.vm = told->vm}, &props, text, -1,
                     &out, NULL);
    }
    free(told);
}

void
hook_op_event(struct env *env, const char *vm, const char *what)
{
    for (size_t i = 0; env->hooks && i < sizeof(turns) / sizeof(*turns); i++) {
        const struct turn *turn = &turns[i];
        struct job job = {told_run, free, NULL, "hook scripts"};
        struct told *told;

        if (strcmp(turn->what, what) != 0 ||
            ops_is_at(env->ops, vm, turn->steps))
            continue;
        told = mem_zalloc(1, sizeof(*told));
        *told = (struct told){.env = env, .point = turn->point};
        snprintf(told->vm, sizeof(told->vm), "%s", vm);
        job.arg = told;
        if (pool_submit_own(env->pool, vm, &job, NULL) < 0)
            free(told);
    }
}
