// SPDX-License-Identifier: Apache-2.0
/*
 * The rooms, wired. Phases: start, from the bottom up → the I/O loop, in this
 * thread, ready once what is recorded and what libvirt has was looked at, or
 * libvirt is not there → stop, from the top down.
 */
#include "agent/agent.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/server.h"
#include "agent/host/host.h"
#include "agent/libexec.h"
#include "agent/plan/hook_verb.h"
#include "agent/remotes.h"
#include "agent/roles.h"
#include "agent/sample.h"
#include "agent/state/receipts.h"
#include "agent/verbs/table.h"
#include "agent/verbs/vdsm_event.h"
#include "agent/watch.h"
#include "agent/watchdog.h"
#include "protocol/limits.h"

#define DAY_MS INT64_C(86400000)
#define PRUNE_EVENTS 256 /* receipts are pruned once in so many events */
#define STOP_FLOOR_MS 1000

struct agent {
    struct settings *settings;       /* borrowed */
    const char *crash_at;            /* borrowed; NULL: nowhere */
    void (*tell)(const char *state); /* the service manager */
    struct env env;
    struct outbox *outbox;
    struct server *server;
    struct sampler *sampler;
    char *conf_folder;
    atomic_bool hyper_ready; /* env.hyper is there: events may be looked at */
    unsigned events;         /* since receipts were pruned; writer thread */
    int64_t stop_by_ms;      /* monotonic; 0 until a stop was asked for */
    struct lock reloading;   /* LOCK_AGENT: one reload at a time */
};

/* --- callbacks ------------------------------------------------------------- */

static void
use_conf(struct agent *agent, struct conf *conf)
{
    int level = log_level_parse(conf_text(conf, CONF_LOG_LEVEL));

    atomic_store(&agent->env.conf, conf);
    atomic_store(&agent->env.access, settings_rules(agent->settings, conf));
    log_set_level((enum log_level)level);
    if (agent->env.pool)
        watchdog_set(&agent->env);
}

/* Who may do what, and what else is policy, as it is in force from now on. */
static void
audit_conf(struct agent *agent, const struct audit_entry *by)
{
    CLEANUP_JSON json_t *policy = roles_policy(env_conf(&agent->env));

    audit_policy(agent->env.audit, policy, by);
}

/* env.reload: all or nothing. */
static json_t *
reload(void *ctx, const struct audit_entry *by, struct err *err)
{
    struct agent *agent = ctx;
    struct conf *before, *now;

    LOCK_SCOPE(&agent->reloading);
    before = atomic_load(&agent->env.conf);
    now = settings_load(agent->settings, err);
    if (!now)
        return NULL;
    use_conf(agent, now);
    if (server_reload_tls(agent->server, err) < 0) {
        use_conf(agent, before);
        return NULL;
    }
    log_info("settings and certificates have been read again");
    audit_conf(agent, by);
    return settings_changes(agent->settings, before, now);
}

static json_t *
tls_info_of(void *ctx)
{
    const struct agent *agent = ctx;

    return server_tls_info(agent->server);
}

static int
check_settings(void *ctx, struct err *err)
{
    const struct agent *agent = ctx;

    return settings_check(agent->settings, err);
}

/* Writer thread. */
static void
publish(void *ctx, json_t *event)
{
    struct agent *agent = ctx;
    const struct conf *conf = env_conf(&agent->env);

    vdsm_event_tell(&agent->env, event);
    notify_event(agent->env.notify, event);
    if (++agent->events % PRUNE_EVENTS == 0)
        receipts_prune(agent->env.store,
                       conf_int(conf, CONF_OPS_RECEIPTS_DAYS) * DAY_MS,
                       conf_int(conf, CONF_OPS_RECEIPTS_MAX));
}

/* The record can be read: what was done to its audit, and to the settings,
 * since it was written last? */
static void
open_audit(struct agent *agent)
{
    const struct env *env = &agent->env;
    const struct audit_entry by = {.peer = "berthd",
                                   .why = "It was so at the start"};

    if (store_has_record(env->store, NULL) < 0)
        return;
    audit_open(env->audit,
               conf_text(atomic_load(&env->conf), CONF_STATE_DIR));
    audit_conf(agent, &by);
}

/* Writer thread. What could not be settled while the disk was full. */
static void
on_heal(void *ctx)
{
    struct agent *agent = ctx;

    open_audit(agent);
    if (atomic_load(&agent->hyper_ready))
        watch_again(&agent->env);
}

/* The hypervisor's thread. What comes before hyper_open has returned is seen
 * by watch_start, which follows it. */
static void
on_hyper_event(void *ctx, const struct hyper_event *event)
{
    struct agent *agent = ctx;

    if (atomic_load(&agent->hyper_ready))
        watch_event(&agent->env, event);
}

static void
on_worker_end(void *ctx)
{
    const struct agent *agent = ctx;

    if (agent->env.hyper)
        hyper_thread_end(agent->env.hyper);
}

/* Main thread or a worker. */
static void
on_looked(void *ctx)
{
    const struct agent *agent = ctx;

    agent->tell("READY=1");
    log_info("berthd is ready");
}

static void
on_stop(void *ctx)
{
    struct agent *agent = ctx;
    int64_t wait_ms =
        conf_int(env_conf(&agent->env), CONF_OPS_STOP_WAIT_MS);

    if (agent->stop_by_ms)
        return;
    log_info("stopping: running operations may end within %lld ms",
             (long long)wait_ms);
    agent->tell("STOPPING=1");
    agent->stop_by_ms = clock_mono_ms() + wait_ms;
    server_stop(agent->server, wait_ms);
}

static void
on_reload(void *ctx)
{
    const struct audit_entry by = {.peer = "berthd",
                                   .why = "SIGHUP was sent to it"};
    struct err err = ERR_INIT;
    json_t *result = reload(ctx, &by, &err);

    if (!result)
        log_error("The settings stay as they were: %s", err.message);
    json_decref(result);
}

/* --- start ----------------------------------------------------------------- */

static int
start_post(struct agent *agent, struct err *err)
{
    agent->outbox = outbox_new(err);
    if (!agent->outbox)
        return -1;
    agent->env.notify = notify_new(agent->outbox);
    return 0;
}

/* What is recorded, into memory; whose operations are open is settled before
 * anything else is done to them. The writer's thread, if it is not the start:
 * VMs may be known by then. */
static int
load_record(void *ctx, struct store *store, struct err *err)
{
    struct agent *agent = ctx;
    CLEANUP_JSON json_t *open = NULL;
    json_t *vm;
    size_t i;

    if (vm_table_load(agent->env.vms, store, err) < 0 ||
        journal_open_vms(store, &open, err) < 0)
        return -1;
    json_array_foreach(open, i, vm)
        vm_table_settled(agent->env.vms, json_string_value(vm), false);
    return 0;
}

/* A record that cannot be used is no reason to leave the host without
 * answers: libvirt still tells what runs. Nothing is changed without it. */
static int
open_state(struct agent *agent, const char *dir, struct err *err)
{
    struct env *env = &agent->env;
    char why[512];

    env->vms = vm_table_new();
    env->sampled = sampled_new();
    env->store = store_open_any(dir, load_record, agent, err);
    if (!env->store)
        return -1;
    if (store_has_record(env->store, NULL) < 0) {
        store_healthy(env->store, why, sizeof(why));
        log_error("berthd is READ ONLY: %s Until that is repaired (and, if the "
                  "database is damaged, berthd restarted) questions are "
                  "answered from libvirt, and whatever would change something "
                  "is refused; berthctl doctor looks at the rest",
                  why);
    }
    return 0;
}

static int
start_state(struct agent *agent, struct err *err)
{
    struct env *env = &agent->env;
    const struct conf *conf = env_conf(env);

    if (open_state(agent, conf_text(conf, CONF_STATE_DIR), err) < 0)
        return -1;
    env->eventlog = eventlog_new(
        env->store, conf_int(conf, CONF_OPS_EVENTS_MAX), publish, agent);
    env->ops = ops_new();
    env->audit = audit_new(env->store);
    open_audit(agent);
    store_on_heal(env->store, on_heal, agent);
    return 0;
}

static int
start_hyper(struct agent *agent, struct err *err)
{
    static const struct pool_limits limits = {LIMIT_LANE_REQUESTS,
                                              LIMIT_REQUESTS};
    struct env *env = &agent->env;
    const struct conf *conf = env_conf(env);

    env->pool = pool_new((int)conf_int(conf, CONF_OPS_WORKERS), &limits,
                         on_worker_end, agent);
    env->later = later_new(env->pool);
    watchdog_set(env);
    env->hyper = hyper_open("local", conf_text(conf, CONF_HYPERVISOR_LOCAL_URI),
                            on_hyper_event, agent, err);
    if (!env->hyper)
        return err_wrap(err, "[hypervisor local]");
    atomic_store(&agent->hyper_ready, true);
    return 0;
}

/* Before anybody can ask for anything. */
static int
start_hooks(struct agent *agent, struct err *err)
{
    (void)err;
    agent->env.hooks = libexec_hooks(env_conf(&agent->env));
    libexec_point(&agent->env, POINT_BEFORE_VDSM_START);
    hook_verb_watch(&agent->env);
    return 0;
}

/* Listeners are open: who asks before the VMs have been looked at is told. */
static int
start_watch(struct agent *agent, struct err *err)
{
    (void)err;
    watch_start(&agent->env);
    remotes_start(&agent->env);
    return 0;
}

static int
start_sample(struct agent *agent, struct err *err)
{
    agent->sampler = sample_start(&agent->env, err);
    return agent->sampler ? 0 : -1;
}

static int
start_remotes(struct agent *agent, struct err *err)
{
    return remotes_open(&agent->env, err);
}

static int
start_front(struct agent *agent, struct err *err)
{
    static const struct {
        int signum;
        void (*fn)(void *ctx);
    } signals[] = {
        {SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};

    agent->server = server_new(&agent->env, agent->outbox, err);
    for (size_t i = 0; agent->server && i < 3; i++)
        if (server_on_signal(agent->server, signals[i].signum, signals[i].fn,
                             agent, err) < 0)
            return -1;
    return agent->server ? 0 : -1;
}

/* Before any thread exists. */
static void
prepare(struct agent *agent)
{
    struct env *env = &agent->env;
    struct rlimit files;

    signal(SIGPIPE, SIG_IGN);
    umask(022); /* libvirt's embedded driver makes folders for QEMU's user */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    lock_init(&agent->reloading, LOCK_AGENT);
    env->virt = host_kvm_works() ? "kvm" : "qemu";
    env->version = BERTH_VERSION;
    agent->conf_folder = conf_folder(agent->settings->options->file);
    env->conf_folder = agent->conf_folder;
    for (env->nverbs = 0; table_at(env->nverbs); env->nverbs++)
        ;
    env->started_ms = clock_wall_ms();
    env->reload = reload;
    env->tls_info = tls_info_of;
    env->tls_examine = server_tls_examine;
    env->check_settings = check_settings;
    env->looked = on_looked;
    atomic_init(&env->recovering, true);
    env->ctx = agent;
}

/* Only where nothing is of value. */
static int
start_crash(struct agent *agent, struct err *err)
{
    const char *dir = conf_text(env_conf(&agent->env), CONF_STATE_DIR);
    CLEANUP_FREE char *mark = mem_printf("%s/scratch", dir);

    if (!agent->crash_at)
        return 0;
    if (access(mark, F_OK) < 0)
        return err_set(err, ERR_DENIED,
                       "--crash-at works on a scratch state directory only: "
                       "there is no file \"%s\". Make it where nothing is of "
                       "value",
                       mark);
    agent->env.crash = crash_new(agent->crash_at, err);
    return agent->env.crash ? 0 : -1;
}

static int
start(struct agent *agent, struct err *err)
{
    static int (*const phases[])(struct agent *, struct err *) = {
        start_crash, start_post,  start_state,
        start_hyper, start_remotes, start_hooks,
        start_front, start_watch, start_sample};

    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        if (phases[i](agent, err) < 0)
            return -1;
    if (conf_text(env_conf(&agent->env), CONF_LISTEN_TLS)[0] &&
        !access_serves_tls(atomic_load(&agent->env.access)))
        log_warning("no certificate has a role: over TLS nothing but Ping is "
                    "answered; give roles= in a [peer NAME], or "
                    "access.tls_default_role");
    return 0;
}

/* --- stop ------------------------------------------------------------------ */

/* Threads that libvirt does not give back still use everything: make the
 * record durable and leave all in place. */
static void
leave_stuck(struct env *env)
{
    size_t n;
    CLEANUP_FREE struct lane_info *lanes = pool_lanes(env->pool, &n);

    for (size_t i = 0; i < n; i++)
        log_error("%s in lane \"%s\" does not end: it has run for %lld ms; "
                  "its operation stands in the journal",
                  lanes[i].label ? lanes[i].label : "a job", lanes[i].name,
                  (long long)lanes[i].running_ms);
    store_commit(env->store, store_batch_new(), NULL);
}

static void
free_state(struct env *env)
{
    if (env->audit)
        audit_flush(env->audit);
    if (env->store)
        store_close(env->store); /* tells the event log and notify */
    audit_free(env->audit);
    eventlog_free(env->eventlog);
    vm_table_free(env->vms);
    sampled_free(env->sampled);
    if (env->ops)
        ops_free(env->ops);
    notify_free(env->notify);
    crash_free(env->crash);
}

/* AGENT_STOPPED, or that threads are left behind. */
static enum agent_end
stop(struct agent *agent)
{
    struct env *env = &agent->env;
    int64_t left_ms = agent->stop_by_ms - clock_mono_ms();
    bool asks = !sample_stop(agent->sampler);

    atomic_store(&agent->hyper_ready, false); /* nothing is looked at now */
    if (left_ms < STOP_FLOOR_MS)
        left_ms = STOP_FLOOR_MS;
    if (env->later)
        later_stop(env->later);
    remotes_stop(env);
    if (env->pool && pool_stop(env->pool, left_ms) > 0) {
        leave_stuck(env);
        return AGENT_STUCK;
    }
    if (asks) {
        log_warning("a question for statistics does not end: a QEMU does not "
                    "answer libvirt");
        store_commit(env->store, store_batch_new(), NULL);
        return AGENT_LEFT;
    }
    /* Its events go to the pool, and workers end with its connections. */
    if (env->hyper)
        hyper_close(env->hyper);
    if (env->pool) {
        later_free(env->later);
        pool_free(env->pool);
    }
    remotes_close(env);
    server_free(agent->server);
    if (env->hooks)
        libexec_point(env, POINT_AFTER_VDSM_STOP);
    hooks_free(env->hooks);
    free_state(env);
    if (agent->outbox)
        outbox_free(agent->outbox);
    lock_destroy(&agent->reloading);
    free(agent->conf_folder);
    return AGENT_STOPPED;
}

/* From start to the end of the loop; false when it could not start. */
static bool
serve(struct agent *agent)
{
    struct err err = ERR_INIT;

    if (start(agent, &err) < 0) {
        log_error("berthd cannot start: %s", err.message);
        return false;
    }
    server_run(agent->server);
    return true;
}

enum agent_end
agent_run(struct settings *settings, struct conf *conf, const char *crash_at,
          void (*tell)(const char *state))
{
    struct agent *agent = mem_zalloc(1, sizeof(*agent));
    enum agent_end end;
    bool served;

    agent->settings = settings;
    agent->tell = tell;
    agent->crash_at = crash_at;
    use_conf(agent, conf);
    prepare(agent);
    log_info("berthd %s starts on %s", BERTH_VERSION,
             conf_text(conf, CONF_HYPERVISOR_LOCAL_URI));
    served = serve(agent);
    end = stop(agent);
    if (end != AGENT_STOPPED)
        return end; /* the threads have agent */
    free(agent);
    log_info("berthd has stopped");
    return served ? AGENT_STOPPED : AGENT_FAILED;
}
