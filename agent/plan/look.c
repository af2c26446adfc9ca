// SPDX-License-Identifier: Apache-2.0
/*
 * A look: posted → in its lane → over, or posted again for later while the
 * hypervisor is occupied with the VM. A round is a list of all VMs and one
 * look at each; what it waits for is counted, so that one VM that hangs ends
 * it late at most, never not at all.
 */
#include "agent/plan/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/adopt.h"
#include "agent/plan/lun_facts.h"
#include "agent/plan/lun_facts.h"
#include "agent/plan/operation.h"
#include "agent/plan/recover.h"
#include "agent/plan/settle.h"
#include "agent/state/journal.h"
#include "agent/state/vm_doubt.h"

#define LANE_LIST "hypervisor"
#define ROUND_MS 5000 /* then it is over, whoever has not answered */
#define LIST_AGAIN_MS 2000
#define UNSETTLED_MS 5000
#define ONCE_MORE_MS 500
#define SOON_MS 5 /* doubled with each wait, up to what it takes */
#define TRIES 35 /* of a look in a row; after them look_for_unsettled's */

/* --- rounds --------------------------------------------------------------- */

struct round {
    struct env *env;
    atomic_uint left; /* what has not been looked at; the list is one of it */
    atomic_uint refs; /* those, and the clock */
};

void
look_is_over(struct env *env)
{
    if (atomic_exchange(&env->recovering, false) && env->looked)
        env->looked(env->ctx);
}

static void
round_unref(struct round *round)
{
    if (atomic_fetch_sub(&round->refs, 1) == 1)
        free(round);
}

static void
round_add(struct round *round)
{
    atomic_fetch_add(&round->left, 1);
    atomic_fetch_add(&round->refs, 1);
}

static void
round_done(struct round *round)
{
    if (atomic_fetch_sub(&round->left, 1) == 1)
        look_is_over(round->env);
    round_unref(round);
}

static void
round_drop(void *arg)
{
    round_unref(arg);
}

static void
round_late(void *arg)
{
    struct round *round = arg;
    unsigned left = atomic_load(&round->left);

    if (left && atomic_load(&round->env->recovering))
        log_warning("%u VMs have not been looked at after %d ms; berthd goes "
                    "on without them",
                    left, ROUND_MS);
    look_is_over(round->env);
    round_unref(round);
}

/* --- one look, in the lane ------------------------------------------------ */

struct look {
    struct env *env;
    char uuid[UUID_TEXT];
    char *alias;         /* of a removal that the guest refused, or NULL */
    struct round *round; /* a reference until it has been looked at, or NULL */
    int tries;           /* left, while the hypervisor is occupied */
    int waits;           /* so far */
    bool quiet;          /* it is known to be unsettled */
};

static void
look_free(void *arg)
{
    struct look *look = arg;

    if (look->round)
        round_done(look->round);
    free(look->alias);
    free(look);
}

static struct look *
look_new(struct env *env, const char *uuid)
{
    struct look *look = mem_zalloc(1, sizeof(*look));

    look->env = env;
    look->tries = TRIES;
    snprintf(look->uuid, sizeof(look->uuid), "%s", uuid);
    return look;
}

/* What is known to be so, and what another look will see, is told softly. */
static void
tell(const struct look *look, const char *what, const struct err *err)
{
    enum log_level level = look->quiet || err->kind == ERR_UNREACHABLE ||
                                   err->kind == ERR_STOPPING
                               ? LOG_DEBUG
                               : LOG_WARNING;

    if (log_get_level() >= level)
        log_write(level, "VM %s %s: %s", look->uuid, what, err->message);
}

/* The pool stops: that nobody looked any more is no end of a round. */
static void
look_drop(void *arg)
{
    struct look *look = arg;

    if (look->round)
        round_unref(STEAL(look->round));
    look_free(look);
}

static void look_run(void *arg);

/* For what no event will tell; while the VM stands still, its resume will. */
static void
once_more(const struct look *look)
{
    CLEANUP_VM_INFO struct vm_info info = {.active = false};
    struct look *later;

    if (!vm_table_get(look->env->vms, look->uuid, &info) || !info.active ||
        !strcmp(info.state, hyper_state_name(HYPER_PAUSED)) ||
        !vm_doubt_look(look->env->vms, look->uuid))
        return;
    later = look_new(look->env, look->uuid);
    later_post(look->env->later, ONCE_MORE_MS, look->uuid,
               &(struct job){look_run, look_drop, later, "look"});
}

/* The views can be believed: first what we began ourselves, then what others
 * did. */
static void
reconcile(const struct look *look)
{
    CLEANUP_VM_INFO struct vm_info info = {.stale = false};
    struct env *env = look->env;
    struct err err = ERR_INIT;

    int left = recover_vm(env, look->uuid, &err);

    if (left < 0) {
        tell(look, "has open operations that are settled later", &err);
        return;
    }
    if (left)
        once_more(look);
    if (adopt_refresh(env, look->uuid, false, &err) < 0) {
        if (err.kind != ERR_NOT_FOUND)
            tell(look, "cannot be read", &err);
        return;
    }
    if (!vm_table_get(env->vms, look->uuid, &info) || !info.recorded)
        return;
    if (adopt_vm(env, look->uuid, &err) < 0)
        tell(look, "has devices that cannot be recorded", &err);
}

static void
again(struct look *look /* takes */, int64_t after_ms)
{
    const struct job job = {look_run, look_drop, look, "look"};

    int64_t first_ms = SOON_MS << (look->waits < 10 ? look->waits++ : 10);

    if (--look->tries <= 0) {
        log_warning("VM %s is not settled: libvirt still waits for an answer "
                    "of its QEMU, which may hang; it is looked at again",
                    look->uuid);
        look_free(look);
        return;
    }
    vm_doubt_look(look->env->vms, look->uuid);
    later_post(look->env->later, first_ms < after_ms ? first_ms : after_ms,
               look->uuid, &job);
}

static void
look_run(void *arg)
{
    struct look *look = arg;
    int64_t again_ms = 0;
    struct err err = ERR_INIT;
    int settled;

    vm_doubt_look_begins(look->env->vms, look->uuid);
    if (look->alias) {
        operation_unplug_refused(look->env, look->uuid, look->alias);
        recover_refused(look->env, look->uuid, look->alias);
    }
    settled = settle_look(look->env, look->uuid, &again_ms, &err);
    if (look->round)
        round_done(STEAL(look->round));
    if (settled == 0) {
        again(look, again_ms);
        return;
    }
    if (settled > 0)
        reconcile(look);
    else
        tell(look, "cannot be looked at", &err);
    look_free(look);
}

static void
post(struct look *look /* takes */)
{
    const struct job job = {look_run, look_drop, look, "look"};
    struct err err = ERR_INIT;

    /* One that is queued will do, but for what only this one knows. */
    if (!vm_doubt_look(look->env->vms, look->uuid) && !look->alias &&
        !look->round) {
        look_free(look);
        return;
    }
    if (pool_submit_own(look->env->pool, look->uuid, &job, &err) == 0)
        return;
    tell(look, "is not looked at any more", &err);
    look_drop(look);
}

void
look_at(struct env *env, const char *uuid)
{
    post(look_new(env, uuid));
}

void
look_at_refusal(struct env *env, const char *uuid, const char *alias)
{
    struct look *look = look_new(env, uuid);

    look->alias = mem_dup(alias);
    post(look);
}

/* --- all of them ---------------------------------------------------------- */

static void
look_in_round(struct round *round, const char *uuid)
{
    struct look *look = look_new(round->env, uuid);

    round_add(round);
    look->round = round;
    post(look);
}

/* Such as one that CreateVm was about to define. */
static void
look_at_open(struct round *round)
{
    struct env *env = round->env;
    CLEANUP_JSON json_t *open = NULL;
    struct err err = ERR_INIT;
    json_t *vm;
    size_t i;

    if (journal_open_vms(env->store, &open, &err) < 0) {
        log_error("Which operations are open cannot be read: %s", err.message);
        return;
    }
    json_array_foreach(open, i, vm)
    {
        const char *uuid = json_string_value(vm);
        CLEANUP_VM_INFO struct vm_info info = {.present = false};

        if (vm_table_get(env->vms, uuid, &info) && info.present)
            continue;
        vm_table_settled(env->vms, uuid, false);
        look_in_round(round, uuid);
    }
}

static void
list_run(void *arg)
{
    struct round *round = arg;
    struct env *env = round->env;
    CLEANUP_FREE struct vm_info *all = NULL;
    struct err err = ERR_INIT;
    size_t n;

    if (adopt_list(env, &err) < 0) {
        log_error("The hypervisor's VMs cannot be listed: %s", err.message);
        if (hyper_connected(env->hyper)) { /* else they are when it is back */
            const struct job job = {list_run, round_drop, round, "list VMs"};

            later_post(env->later, LIST_AGAIN_MS, LANE_LIST, &job);
            return;
        }
        round_done(round);
        return;
    }
    vm_doubt_listed(env->vms);
    all = vm_table_all(env->vms, &n);
    for (size_t i = 0; i < n; i++) {
        look_in_round(round, all[i].record.uuid);
        vm_info_clear(&all[i]);
    }
    look_at_open(round);
    round_done(round);
    lun_facts_probe(env); /* another libvirt may have come back */
}

void
look_at_all(struct env *env)
{
    struct round *round = mem_zalloc(1, sizeof(*round));
    const struct job list = {list_run, round_drop, round, "list VMs"};
    const struct job late = {round_late, round_drop, round, "list VMs"};
    struct err err = ERR_INIT;

    round->env = env;
    atomic_init(&round->left, 1);
    atomic_init(&round->refs, 2);
    later_post(env->later, ROUND_MS, NULL, &late);
    if (pool_submit_own(env->pool, LANE_LIST, &list, &err) == 0)
        return;
    log_error("VMs are not looked at any more: %s", err.message);
    round_drop(round);
}

/* --- what stays unsettled ------------------------------------------------- */

static void
unsettled_drop(void *arg)
{
    (void)arg;
}

static void
unsettled_run(void *arg)
{
    struct env *env = arg;
    CLEANUP_JSON json_t *list = vm_doubt_unsettled(env->vms);
    json_t *vm;
    size_t i;

    json_array_foreach(list, i, vm)
    {
        struct look *look;

        if (!hyper_connected(env->hyper))
            break;
        look = look_new(env, json_string_value(vm));
        look->quiet = true;
        look->tries = 3;
        post(look);
    }
    look_for_unsettled(env);
}

void
look_for_unsettled(struct env *env)
{
    const struct job job = {unsettled_run, unsettled_drop, env, "look"};

    later_post(env->later, UNSETTLED_MS, NULL, &job);
}
