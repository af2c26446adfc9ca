// SPDX-License-Identifier: Apache-2.0
/*
 * A watch goes round: posted for later → asked → posted again. What the first
 * answer after a connection tells is how things are, not what happened: only
 * states that differ from the last ones known are events.
 */
#include "agent/plan/remote_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/vim_watch.h"
#include "agent/plan/remote_look.h"

#define EVERY_MS 2000
#define AGAIN_MS 30000 /* after a failure */
#define MAX_KNOWN 10000

struct seen {
    char id[VIM_ID];
    char power[24];
};

struct watch {
    struct env *env;
    struct esx *esx;
    struct vim_watch *watch;
    struct seen *known; /* owned vector */
    size_t nknown;
    bool first;
    bool failing;
};

static void
watch_free(void *arg)
{
    struct watch *watch = arg;

    vim_watch_free(watch->watch);
    free(watch->known);
    free(watch);
}

static struct seen *
seen_of(struct watch *watch, const struct vim_ref *vm)
{
    struct seen *known;

    for (size_t i = 0; i < watch->nknown; i++)
        if (strcmp(watch->known[i].id, vm->id) == 0)
            return &watch->known[i];
    if (watch->nknown == MAX_KNOWN)
        return NULL;
    watch->known =
        mem_more(watch->known, watch->nknown, sizeof(*watch->known));
    known = &watch->known[watch->nknown++];
    snprintf(known->id, sizeof(known->id), "%s", vm->id);
    return known;
}

static void
tell(struct watch *watch, const struct vim_watch_change *change,
     const char *type, json_t *data /* takes */)
{
    struct vim_entry entry;

    json_put_text(data, "hypervisor", esx_name(watch->esx));
    if (esx_by_ref(watch->esx, &change->vm, &entry)) {
        json_put_text(data, "name", entry.name);
        eventlog_post(watch->env->eventlog,
                      &(struct event){.type = type,
                                      .vm = entry.uuid,
                                      .origin = "hypervisor",
                                      .data = data});
    }
    json_decref(data);
}

static void
on_change(void *ctx, const struct vim_watch_change *change)
{
    struct watch *watch = ctx;
    struct seen *known = seen_of(watch, &change->vm);
    bool news = known && change->power && known->power[0] &&
                strcmp(known->power, change->power) != 0;
    json_t *data;

    if (change->question && !watch->first) {
        data = json_object();
        json_put_text(data, "text", change->question);
        tell(watch, change, "question", data);
    }
    if (news) {
        data = json_object();
        json_put_text(data, "state", remote_look_state(change->power));
        json_put_text(data, "was", remote_look_state(known->power));
        tell(watch, change, "vm.state", data);
    }
    if (known && change->power)
        snprintf(known->power, sizeof(known->power), "%s", change->power);
    if (known && change->gone)
        *known = watch->known[--watch->nknown];
}

static void watch_run(void *arg);

static void
post(struct watch *watch, int64_t after_ms)
{
    const struct job job = {watch_run, watch_free, watch, "watch a host"};
    char lane[JOB_LANE];

    snprintf(lane, sizeof(lane), "%s:watch", esx_name(watch->esx));
    later_post(watch->env->later, after_ms, lane, &job);
}

/* A machine that came since the host was listed has no name yet. */
static int
look(struct watch *watch, struct err *err)
{
    struct vim_place place;

    if (esx_place(watch->esx, &place, err) < 0)
        return -1;
    if (!watch->nknown && esx_list(watch->esx, NULL, NULL, err) < 0)
        return -1;
    return vim_watch_poll(esx_vim(watch->esx), watch->watch, &place.host,
                          &watch->first, on_change, watch, err);
}

static void
watch_run(void *arg)
{
    struct watch *watch = arg;
    struct err err = ERR_INIT;
    bool failed = look(watch, &err) < 0;

    if (failed && err.kind != ERR_STOPPING && !watch->failing)
        log_warning("hypervisor %s is not watched: %s; it is tried again",
                    esx_name(watch->esx), err.message);
    if (!failed && watch->failing)
        log_info("hypervisor %s is watched again", esx_name(watch->esx));
    watch->failing = failed;
    post(watch, failed ? AGAIN_MS : EVERY_MS);
}

void
remote_watch_start(struct env *env, struct esx *esx)
{
    struct watch *watch = mem_zalloc(1, sizeof(*watch));

    watch->env = env;
    watch->esx = esx;
    watch->watch = vim_watch_new();
    post(watch, 0);
}
