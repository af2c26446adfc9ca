// SPDX-License-Identifier: Apache-2.0
/*
 * Three threads beside the timer's: one asks for everything in one call; when
 * it is late, a second looks which VMs hold it up and asks for the others
 * over a connection of its own; a third asks what libvirt can do. None of
 * them shares a connection. The timer waits for each as long as it likes and
 * never asks libvirt itself. What a late call brings after others have been
 * asked in its stead is dropped.
 */
#include "agent/sample.h"

#include <signal.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/host/packages.h"
#include "agent/host/usage.h"
#include "agent/spec/host_caps.h"
#include "agent/state/rates.h"
#include "agent/state/sampled_round.h"
#include "agent/work/helper.h"

#define LATE_MS 2000 /* a call for all that takes so long is late */
#define REST_MS 5000 /* and one for the others */
#define AGAIN_MS 300 /* who is blocked is looked at twice */
#define FIRST_MS 200 /* what the first rates of the host span */
#define SLICE_MS 100 /* a stop is noticed within that */
#define STOP_MS 2000 /* … and waits for who is at a question */
#define FACTS_MS 600000
#define LEFT_MAX 8 /* threads that hang and were left behind */

enum { BULK, REST, FACTS, HELPERS };

struct sampler {
    struct env *env;
    pthread_t thread;
    struct helper *helpers[HELPERS];
    atomic_int alive;    /* threads of helpers, those left behind included */
    atomic_bool known;   /* the facts were read over this connection */
    atomic_bool told;    /* … or it was said that they cannot be */
    int64_t facts_ms;    /* monotonic: when they were asked for */
    int64_t linked_ms;   /* the link's age then */
    struct sample *host; /* the host's last one; the timer's */
    struct lock lock;    /* guards what follows */
    pthread_cond_t changed;
    bool stop;
    unsigned round; /* grows when others are asked in a late call's stead */
};

static bool
stopping(struct sampler *sampler)
{
    LOCK_SCOPE(&sampler->lock);
    return sampler->stop;
}

/* --- the three questions, in the helpers' threads ------------------------ */

static unsigned
round_now(struct sampler *sampler)
{
    LOCK_SCOPE(&sampler->lock);
    return sampler->round;
}

/* Put what was read (NULL: nothing), unless it came too late; takes stats. */
static void
put_vms(struct sampler *sampler, unsigned round, json_t *stats,
        const char *const *kept, size_t nkept)
{
    struct sampled *sampled = sampler->env->sampled;

    LOCK_SCOPE(&sampler->lock);
    if (sampler->round != round)
        json_decref(stats);
    else if (stats)
        sampled_round_put(sampled, stats, kept, nkept, clock_mono_ms());
    else
        sampled_all_stale(sampled);
}

static void
ask_all(void *arg)
{
    struct sampler *sampler = arg;
    unsigned round = round_now(sampler);
    struct err err = ERR_INIT;
    const struct hyper_whose all = {.running = true};
    json_t *stats = hyper_stats(sampler->env->hyper, &all, &err);

    if (!stats)
        log_debug("statistics: %s", err.message);
    put_vms(sampler, round, stats, NULL, 0);
}

/* UUIDs of those that run: first those that answer, then the others. */
struct running {
    struct hyper_domain *domains;
    const char **uuids;
    size_t n, blocked;
};

static bool
is_blocked(struct hyper *hyper, const char *uuid)
{
    enum hyper_at at = hyper_at(hyper, uuid, NULL);

    return at == HYPER_AT_QEMU || at == HYPER_AT_FAILED;
}

/* Move those that are blocked, of the last `of`, to the end. */
static void
sort_out(struct sampler *sampler, struct running *all, size_t of)
{
    size_t from = all->n - of, to = all->n;

    while (from < to) {
        const char *uuid = all->uuids[from];

        if (!is_blocked(sampler->env->hyper, uuid)) {
            from++;
            continue;
        }
        all->uuids[from] = all->uuids[--to];
        all->uuids[to] = uuid;
    }
    all->blocked = all->n - to;
}

static void
pause_ms(struct sampler *sampler, int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;

    LOCK_SCOPE(&sampler->lock);
    while (!sampler->stop &&
           lock_wait(&sampler->lock, &sampler->changed, until) == 0)
        ;
}

/* A call that is under way makes its VM look blocked for the moment. */
static int
look(struct sampler *sampler, struct running *all, struct err *err)
{
    size_t n;

    if (hyper_list(sampler->env->hyper, &all->domains, &n, err) < 0)
        return -1;
    all->uuids = mem_zalloc(n, sizeof(*all->uuids));
    for (size_t i = 0; i < n; i++)
        if (hyper_state_active(all->domains[i].state))
            all->uuids[all->n++] = all->domains[i].uuid;
    sort_out(sampler, all, all->n);
    if (all->blocked) {
        pause_ms(sampler, AGAIN_MS);
        sort_out(sampler, all, all->blocked);
    }
    return 0;
}

/* From here on what the late call brings is too old. */
static unsigned
begin_round(struct sampler *sampler)
{
    LOCK_SCOPE(&sampler->lock);
    return ++sampler->round;
}

static void
ask_others(struct sampler *sampler, struct running *all, struct err *err)
{
    const struct hyper_whose good = {all->uuids, all->n - all->blocked, true};
    unsigned round = begin_round(sampler);
    json_t *stats =
        good.n ? hyper_stats(sampler->env->hyper, &good, err) : json_array();

    put_vms(sampler, round, stats, all->uuids + good.n, all->blocked);
}

static void
ask_rest(void *arg)
{
    struct sampler *sampler = arg;
    struct running all = {.n = 0};
    struct err err = ERR_INIT;

    hyper_thread_asks(sampler->env->hyper);
    /* With nobody blocked the late call is slow, and will be over. */
    if (look(sampler, &all, &err) < 0)
        sampled_all_stale(sampler->env->sampled);
    else if (all.blocked)
        ask_others(sampler, &all, &err);
    if (err.kind)
        log_debug("statistics: %s", err.message);
    free(all.uuids);
    free(all.domains);
}

static void
ask_facts(void *arg)
{
    struct sampler *sampler = arg;
    struct env *env = sampler->env;
    struct err err = ERR_INIT;
    CLEANUP_FREE char *caps = NULL, *domain = NULL;
    json_t *facts;

    hyper_thread_asks(env->hyper);
    caps = hyper_capabilities(env->hyper, &err);
    if (caps)
        domain = hyper_domain_capabilities(env->hyper, env->virt, &err);
    facts = domain ? host_caps_parse(caps, domain, &err) : NULL;
    sampled_put(env->sampled, SAMPLED_PACKAGES,
                sampled_make(packages_read(""), clock_mono_ms()));
    if (!facts) {
        log_write(atomic_exchange(&sampler->told, true) ? LOG_DEBUG
                                                        : LOG_WARNING,
                  "What the hypervisor can do is not known: %s", err.message);
        return;
    }
    json_put(facts, "versions", hyper_info(env->hyper, NULL));
    sampled_put(env->sampled, SAMPLED_FACTS,
                sampled_make(facts, clock_mono_ms()));
    atomic_store(&sampler->known, true);
}

/* --- the timer ----------------------------------------------------------- */

static void
on_thread_end(void *ctx)
{
    struct sampler *sampler = ctx;

    hyper_thread_end(sampler->env->hyper);
    atomic_fetch_sub(&sampler->alive, 1);
}

/* The helper's thread, started anew where it was left behind. */
static struct helper *
helper(struct sampler *sampler, int which)
{
    static const char *const names[HELPERS] = {"berth-stats", "berth-stats2",
                                               "berth-facts"};
    struct err err = ERR_INIT;

    if (sampler->helpers[which] ||
        atomic_load(&sampler->alive) >= HELPERS + LEFT_MAX)
        return sampler->helpers[which];
    atomic_fetch_add(&sampler->alive, 1);
    sampler->helpers[which] =
        helper_start(names[which], on_thread_end, sampler, &err);
    if (!sampler->helpers[which]) {
        atomic_fetch_sub(&sampler->alive, 1);
        log_warning("statistics: %s", err.message);
    }
    return sampler->helpers[which];
}

/* True when it was asked and its answer came in time; false at once where it
 * is at an earlier question still. */
static bool
ask(struct sampler *sampler, int which, void (*question)(void *arg),
    int64_t wait_ms)
{
    struct helper *asked = helper(sampler, which);
    int64_t until = clock_mono_ms() + wait_ms, now;

    if (!asked ||
        !helper_give(asked, &(struct helper_job){question, NULL, sampler}))
        return false;
    while (!helper_wait(asked, clock_mono_ms() + SLICE_MS)) {
        now = clock_mono_ms();
        if (now >= until || stopping(sampler))
            return false;
    }
    return true;
}

static void
read_vms(struct sampler *sampler)
{
    if (ask(sampler, BULK, ask_all, LATE_MS) ||
        ask(sampler, REST, ask_rest, REST_MS))
        return;
    /* A VM was blocked after it was looked at: another thread next time. */
    if (sampler->helpers[REST])
        helper_leave(STEAL(sampler->helpers[REST]));
    sampled_all_stale(sampler->env->sampled);
}

/* When libvirt is there anew, and now and then. */
static void
read_facts(struct sampler *sampler, const struct hyper_link *link)
{
    int64_t now = clock_mono_ms();

    if (atomic_load(&sampler->known) && sampler->linked_ms == link->since_ms &&
        now - sampler->facts_ms < FACTS_MS)
        return;
    atomic_store(&sampler->known, false);
    sampler->linked_ms = link->since_ms;
    sampler->facts_ms = now;
    ask(sampler, FACTS, ask_facts, 0);
}

/* The one before; for the first a little time must pass. Owned. */
static struct sample *
last_host(struct sampler *sampler)
{
    struct sample *last = STEAL(sampler->host);

    if (last)
        return last;
    last = sampled_make(usage_read(""), clock_mono_ms());
    pause_ms(sampler, FIRST_MS);
    return last;
}

static void
read_host(struct sampler *sampler)
{
    static const char *const times[] = {"user_ms",    "nice_ms",   "system_ms",
                                        "idle_ms",    "iowait_ms", "irq_ms",
                                        "softirq_ms", "steal_ms",  NULL};
    static const char *const own[] = {"user_ms", "system_ms", NULL};
    static const char *const traffic[] = {"rx_bytes", "tx_bytes", NULL};
    CLEANUP_SAMPLE struct sample *before = last_host(sampler);
    const json_t *old = before->value;
    const json_t *old_times = json_object_get(old, "times");
    json_t *now = usage_read(""), *now_times = json_object_get(now, "times");
    int64_t taken_ms = clock_mono_ms();
    double seconds = (double)(taken_ms - before->taken_ms) / 1000;

    rates_put(json_object_get(now_times, "total"),
              json_object_get(old_times, "total"), times, seconds);
    rates_put_members(json_object_get(now_times, "cpus"),
                      json_object_get(old_times, "cpus"), times, seconds);
    rates_put(json_object_get(now, "self"), json_object_get(old, "self"), own,
              seconds);
    rates_put_members(json_object_get(now, "net"), json_object_get(old, "net"),
                      traffic, seconds);
    sampler->host = sampled_make(now, taken_ms);
    sampled_put(sampler->env->sampled, SAMPLED_HOST,
                sampled_ref(sampler->host));
}

static void
read_all(struct sampler *sampler)
{
    struct hyper_link link;

    read_host(sampler);
    hyper_link(sampler->env->hyper, &link);
    if (!link.connected) {
        sampled_all_stale(sampler->env->sampled);
        return;
    }
    read_facts(sampler, &link);
    read_vms(sampler);
}

/* False when it is to end. */
static bool
wait_until(struct sampler *sampler, int64_t until_ms)
{
    LOCK_SCOPE(&sampler->lock);
    while (!sampler->stop &&
           lock_wait(&sampler->lock, &sampler->changed, until_ms) == 0)
        ;
    return !sampler->stop;
}

static void *
run(void *data)
{
    struct sampler *sampler = data;
    int64_t next;

    pthread_setname_np(pthread_self(), "berth-sample");
    do {
        next = clock_mono_ms() +
               conf_int(env_conf(sampler->env), CONF_STATS_INTERVAL_MS);
        read_all(sampler);
    } while (wait_until(sampler, next));
    return NULL;
}

/* --- start and stop ------------------------------------------------------ */

static void
sampler_free(struct sampler *sampler)
{
    sampled_unref(sampler->host);
    pthread_cond_destroy(&sampler->changed);
    lock_destroy(&sampler->lock);
    free(sampler);
}

struct sampler *
sample_start(struct env *env, struct err *err)
{
    struct sampler *sampler = mem_zalloc(1, sizeof(*sampler));
    sigset_t all, old;
    int rc;

    sampler->env = env;
    lock_init(&sampler->lock, LOCK_SAMPLE);
    lock_cond_init(&sampler->changed);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&sampler->thread, NULL, run, sampler);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return sampler;
    sampler_free(sampler);
    err_set(err, ERR_INTERNAL, "Cannot start a thread: %s", strerror(rc));
    return NULL;
}

bool
sample_stop(struct sampler *sampler)
{
    int64_t until = clock_mono_ms() + STOP_MS;

    if (!sampler)
        return true;
    lock_take(&sampler->lock);
    sampler->stop = true;
    pthread_cond_broadcast(&sampler->changed);
    lock_drop(&sampler->lock);
    pthread_join(sampler->thread, NULL);
    for (int i = 0; i < HELPERS; i++)
        if (sampler->helpers[i]) {
            helper_wait(sampler->helpers[i], until);
            helper_leave(sampler->helpers[i]);
        }
    if (atomic_load(&sampler->alive) > 0)
        return false;
    sampler_free(sampler);
    return true;
}
