// SPDX-License-Identifier: Apache-2.0
/*
 * A whole agent without its door: all rooms on the scripted backend, below a
 * folder of the test's own. Verbs are called as dispatch would call them, in
 * the test's thread.
 */
#pragma once

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/hyper/fake.h"
#include "agent/plan/adopt.h"
#include "agent/verbs/params.h"
#include "agent/verbs/table.h"
#include "agent/watch.h"
#include "tests/unit/root.h"
#include "tests/unit/libexec.h"
#include "tests/unit/unit.h"

struct house {
    char folder[256];
    struct env env;
    struct outbox *outbox;
    struct err err;   /* of the last call */
    json_t *answer;   /* of the last call, owned */
    json_t *early;    /* what it answered before its end, owned */
    char peer[64];
    struct root root; /* who calls */
    atomic_bool deaf; /* the hypervisor's events reach nobody */
};

static inline void
house_publish(void *ctx, json_t *event)
{
    notify_event(((struct house *)ctx)->env.notify, event);
}

static inline void
house_thread_end(void *ctx)
{
    hyper_thread_end(((struct house *)ctx)->env.hyper);
}

static inline void
house_event(void *ctx, const struct hyper_event *event)
{
    struct house *house = ctx;

    if (house->env.hyper && !atomic_load(&house->deaf))
        watch_event(&house->env, event);
}

/* more: a further setting, or NULL. */
static inline struct conf *
house_conf(const struct house *house, const char *more)
{
    struct err err = ERR_INIT;
    char images[320], wait[] = "ops.unplug_wait_ms=300", empty[300];
    const char *sets[] = {images, wait, more};
    CLEANUP_FREE char *hooks = mem_printf(
        "[hooks]\ndirs = %s/hooks\nwork_dir = %s/work\n[hook granted]\n"
        "may = qemu_commandline, add_device, source, privilege\n",
        house->folder, house->folder);
    struct conf *conf;

    snprintf(images, sizeof(images), "paths.images=%s", house->folder);
    snprintf(empty, sizeof(empty), "%s/berth.conf", house->folder);
    unit_write(empty, hooks);
    conf = conf_load(empty, sets, more ? 3 : 2, &err);
    if (!conf)
        fail_msg("%s", err.message);
    return conf;
}

/* The rooms on top of what house->folder holds: a restart, too. */
static inline void
house_open(struct house *house)
{
    static const struct pool_limits limits = {100, 1000};
    char helper[512], python[512];
    struct env *env = &house->env;
    struct err *err = &house->err;

    snprintf(house->peer, sizeof(house->peer), "uid:0");
    house->root = root_enter(env);
    env->virt = "qemu";
    env->version = "test";
    atomic_store(&env->conf, house_conf(house, NULL));
    house->outbox = outbox_new(err);
    env->notify = notify_new(house->outbox);
    env->store = store_open(house->folder, err);
    assert_non_null(env->store);
    env->eventlog = eventlog_new(env->store, 10000, house_publish, house);
    env->audit = audit_new(env->store);
    audit_open(env->audit, house->folder);
    env->vms = vm_table_new();
    env->sampled = sampled_new();
    env->ops = ops_new();
    assert_int_equal(vm_table_load(env->vms, env->store, err), 0);
    env->pool = pool_new(2, &limits, house_thread_end, house);
    env->later = later_new(env->pool);
    libexec_paths(helper, python);
    env->hooks =
        hooks_new(&(struct hooks_setup){.helper = helper, .python = python});
}

static inline void
house_start(struct house *house)
{
    json_init();
    xml_init();
    memset(house, 0, sizeof(*house));
    unit_folder(house->folder);
    house_open(house);
    house->env.hyper =
        hyper_open("local", "fake:", house_event, house, &house->err);
    assert_non_null(house->env.hyper);
}

static inline void
house_free(struct house *house)
{
    struct env *env = &house->env;

    later_free(env->later);
    pool_free(env->pool);
    store_close(env->store);
    audit_free(env->audit);
    eventlog_free(env->eventlog);
    vm_table_free(env->vms);
    sampled_free(env->sampled);
    ops_free(env->ops);
    notify_free(env->notify);
    outbox_free(house->outbox);
    hooks_free(env->hooks);
    conf_free(atomic_load(&env->conf));
    root_leave(&house->root);
    json_decref(house->answer);
    json_decref(house->early);
    house->answer = house->early = NULL;
}

/* Everything but the hypervisor: its domains outlive a restart. */
static inline void
house_close(struct house *house)
{
    later_stop(house->env.later);
    assert_int_equal(pool_stop(house->env.pool, 5000), 0);
    house_free(house);
}

static inline void
house_end(struct house *house)
{
    later_stop(house->env.later);
    assert_int_equal(pool_stop(house->env.pool, 5000), 0);
    hyper_close(house->env.hyper); /* its events find a stopped pool */
    house_free(house);
}

static inline void
house_set(struct house *house, const char *setting)
{
    conf_free(atomic_exchange(&house->env.conf, house_conf(house, setting)));
}

/* A call that may answer before its end; call is its first member. */
struct house_trip {
    struct verb_call call;
    struct house *house;
};

static inline void
house_answer(struct verb_call *call, json_t *result)
{
    struct house_trip *trip = (struct house_trip *)(void *)call;

    assert_null(trip->house->early);
    trip->house->early = result;
}

/* A call in its lane, as dispatch has it carried. */
struct house_job {
    struct house *house;
    struct verb_call *call;
    pthread_mutex_t mutex;
    pthread_cond_t over;
    bool done;
};

static inline void
house_run(void *arg)
{
    struct house_job *job = arg;

    job->house->answer = job->call->verb->run(job->call, &job->house->err);
    pthread_mutex_lock(&job->mutex);
    job->done = true;
    pthread_cond_signal(&job->over);
    pthread_mutex_unlock(&job->mutex);
}

static inline void
house_carry(struct house *house, struct verb_call *call)
{
    struct house_job job = {house, call, PTHREAD_MUTEX_INITIALIZER,
                            PTHREAD_COND_INITIALIZER, false};
    const struct job work = {house_run, house_run, &job, call->verb->name};
    const char *lane;

    if (call->verb->lane == VERB_INLINE) {
        house->answer = call->verb->run(call, &house->err);
        return;
    }
    lane = call->verb->lane == VERB_HOST ? NULL
           : call->vm[0]                 ? call->vm
                                         : "create";
    assert_int_equal(pool_submit(house->env.pool, lane, &work, &house->err),
                     0);
    pthread_mutex_lock(&job.mutex);
    while (!job.done)
        pthread_cond_wait(&job.over, &job.mutex);
    pthread_mutex_unlock(&job.mutex);
}

/* Call a verb with JSON text (' stands for "); the answer or NULL. */
static inline json_t *
house_call(struct house *house, const char *name, const char *text)
{
    CLEANUP_FREE char *json = mem_dup(text);
    CLEANUP_JSON json_t *raw = NULL, *params = NULL;
    struct house_trip trip = {.call = {.verb = table_find(name),
                                       .env = &house->env,
                                       .answer = house_answer},
                              .house = house};
    struct verb_call *call = &trip.call;
    const char *vm;
    int found;

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    house->err = (struct err)ERR_INIT;
    json_decref(house->answer);
    json_decref(house->early);
    house->answer = house->early = NULL;
    assert_non_null(call->verb);
    raw = json_parse(json, strlen(json), &(struct json_limits){64, 0},
                     &house->err);
    if (!raw)
        fail_msg("%s", house->err.message);
    snprintf(call->request.peer, sizeof(call->request.peer), "%s", house->peer);
    call->request.who = house->root.who;
    if (params_check(call->verb, raw, &params, &call->request, &house->err) < 0)
        return NULL;
    call->params = params;
    house->err = (struct err)ERR_INIT;
    found = operation_replay(&house->env, &call->request, &house->answer,
                             &house->err);
    if (found)
        return house->answer;
    vm = json_get_text(params, "vm", NULL);
    if (!vm && verb_is_vdsm(call->verb))
        uuid_canon(json_get_text(params, VERB_VMID, ""), call->vm);
    if (vm && vm_table_find(house->env.vms, vm, call->vm, &house->err) < 0 &&
        adopt_find(&house->env, vm, call->vm, &house->err) < 0)
        return NULL;
    house->err = (struct err)ERR_INIT;
    house_carry(house, call);
    return house->answer;
}

/* As house_call, and it must succeed. */
static inline json_t *
house_do(struct house *house, const char *name, const char *text)
{
    json_t *answer = house_call(house, name, text);

    if (!answer)
        fail_msg("%s %s: %s", name, text, house->err.message);
    return answer;
}

/* It must fail with this kind and a message that mentions part. */
static inline void
house_refuse(struct house *house, const char *name, const char *text,
             enum err_kind kind, const char *part)
{
    if (house_call(house, name, text))
        fail_msg("%s %s was not refused", name, text);
    unit_err(&house->err, kind, part);
}

static inline void
house_script(struct house *house, const char *script)
{
    assert_int_equal(fake_script(hyper_backend(house->env.hyper), script,
                                 &house->err),
                     0);
}

/* "a.b.c" of the last answer, as text; a number too. */
static inline const char *
house_get(const struct house *house, const char *path, char out[256])
{
    const json_t *at = house->answer;
    char key[64];

    while (*path) {
        size_t n = strcspn(path, ".");

        snprintf(key, sizeof(key), "%.*s", (int)n, path);
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key))
                               : json_object_get(at, key);
        path += n + (path[n] == '.');
    }
    if (json_is_string(at))
        snprintf(out, 256, "%s", json_string_value(at));
    else if (json_is_integer(at))
        snprintf(out, 256, "%lld", (long long)json_integer_value(at));
    else
        snprintf(out, 256, "%s",
                 json_is_true(at)    ? "true"
                 : json_is_false(at) ? "false"
                 : at                ? "other"
                                     : "absent");
    return out;
}

static inline void
house_is(const struct house *house, const char *path, const char *want)
{
    char have[256];

    house_get(house, path, have);
    if (strcmp(have, want) != 0)
        fail_msg("%s is '%s', not '%s'", path, have, want);
}

/* Wait (5 s at most) until a verb's answer holds want at path. */
static inline void
house_until(struct house *house, const char *name, const char *text,
            const char *path, const char *want)
{
    int64_t until = clock_mono_ms() + 5000;
    char have[256] = "";

    do {
        if (house_call(house, name, text) &&
            !strcmp(house_get(house, path, have), want))
            return;
        usleep(2000);
    } while (clock_mono_ms() < until);
    fail_msg("%s %s: %s stayed '%s', not '%s'", name, text, path, have, want);
}
