// SPDX-License-Identifier: Apache-2.0
/*
 * Phases: not connected (trying, or pausing before the next try) → connected
 * → lost, which is not connected again. The thread alone opens and closes;
 * the event thread tells it of a loss. The lock is never held inside libvirt,
 * and a call that libvirt never answers keeps nobody but the thread.
 */
#include "agent/hyper/virt_keeper.h"

#include <libvirt/virterror.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/backoff.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_event.h"

#define KEEPALIVE_S 5 /* a libvirtd that is mute for 3 of these is lost */
#define KEEPALIVE_COUNT 3
#define START_WAIT_MS 2000
#define STOP_WAIT_MS 2000
#define ASKED_MS 500 /* who asks for it gets a try as often as that */

struct virt_keeper {
    char *uri;
    struct virt_sink *sink;
    pthread_t thread;
    struct lock lock; /* guards what follows */
    pthread_cond_t changed;
    int refs;           /* its owner's and the thread's */
    virConnectPtr conn; /* may be dead; the thread replaces it */
    bool connected;
    bool lost;    /* the newest connection was, whether or not it is conn */
    bool awaited; /* the first outcome, by virt_keeper_start */
    bool tried;   /* there is a first outcome */
    bool asked;   /* somebody wants the next try now */
    bool closing;
    bool ended;
    int64_t since_ms; /* wall time */
    int64_t tried_ms; /* monotonic: the end of the last try */
    int64_t next_ms;  /* monotonic: of the next one; 0: now */
    struct err last;  /* why it is not connected */
};

virConnectPtr
virt_keeper_open(const char *uri, struct err *err)
{
    virConnectPtr conn = virConnectOpen(uri);
    struct err why = ERR_INIT;

    if (!conn) {
        virt_error_last(NULL, "open the connection", &why);
        err_set(err, ERR_UNREACHABLE,
                "The hypervisor at %s cannot be reached: %s. Check that "
                "libvirt's daemon runs and that berthd's user may use it, or "
                "name another uri in [hypervisor local]",
                uri, why.message);
        if (err) {
            err->virt_code = why.virt_code;
            err->virt_domain = why.virt_domain;
            memcpy(err->virt_message, why.virt_message,
                   sizeof(err->virt_message));
        }
        return NULL;
    }
    /* Not over a driver inside this process, which has no wire. */
    if (virConnectSetKeepAlive(conn, KEEPALIVE_S, KEEPALIVE_COUNT) != 0)
        virResetLastError();
    return conn;
}

/* --- the thread ----------------------------------------------------------- */

static void
end_conn(const struct virt_keeper *keeper, virConnectPtr conn)
{
    virt_event_unregister(keeper->sink, conn);
    virConnectClose(conn);
}

static void
unref(struct virt_keeper *keeper)
{
    int left;

    lock_take(&keeper->lock);
    left = --keeper->refs;
    lock_drop(&keeper->lock);
    if (left)
        return;
    if (keeper->conn)
        end_conn(keeper, keeper->conn);
    virt_event_free(keeper->sink);
    pthread_cond_destroy(&keeper->changed);
    lock_destroy(&keeper->lock);
    free(keeper->uri);
    free(keeper);
}

/* In the event thread. */
static void
on_lost(void *data)
{
    struct virt_keeper *keeper = data;

    LOCK_SCOPE(&keeper->lock);
    keeper->lost = true;
    if (!keeper->connected)
        return;
    keeper->connected = false;
    keeper->since_ms = clock_wall_ms();
    err_set(&keeper->last, ERR_UNREACHABLE,
            "The connection to the hypervisor at %s was lost; libvirt's "
            "daemon has ended or does not answer",
            keeper->uri);
    pthread_cond_broadcast(&keeper->changed);
}

/* With the lock held, after an attempt that brought conn or nothing. True
 * when it is the connection now. */
static bool
take(struct virt_keeper *keeper, virConnectPtr conn, const struct err *err)
{
    bool good = conn && !keeper->lost && !keeper->closing;

    keeper->tried = true;
    keeper->tried_ms = clock_mono_ms();
    keeper->next_ms = keeper->tried_ms;
    if (good) {
        keeper->conn = conn;
        keeper->connected = true;
        keeper->since_ms = clock_wall_ms();
        keeper->last = (struct err)ERR_INIT;
    } else if (!conn) {
        keeper->last = *err;
    }
    pthread_cond_broadcast(&keeper->changed);
    return good;
}

static virConnectPtr
open_events(const struct virt_keeper *keeper, struct err *err)
{
    virConnectPtr conn = virt_keeper_open(keeper->uri, err);

    if (conn && virt_event_register(keeper->sink, conn, err) < 0) {
        virConnectClose(conn);
        return NULL;
    }
    return conn;
}

/* Drop the dead connection, try for a new one; false when there is none. */
static bool
reopen(struct virt_keeper *keeper)
{
    struct err err = ERR_INIT;
    virConnectPtr old, conn;
    bool good, late;

    lock_take(&keeper->lock);
    old = STEAL(keeper->conn);
    keeper->lost = keeper->asked = false;
    keeper->next_ms = 0;
    lock_drop(&keeper->lock);
    if (old)
        end_conn(keeper, old);
    conn = open_events(keeper, &err);
    lock_take(&keeper->lock);
    good = take(keeper, conn, &err);
    late = !keeper->awaited;
    lock_drop(&keeper->lock);
    if (conn && !good)
        end_conn(keeper, conn);
    if (good && late)
        virt_event_back(keeper->sink);
    if (!conn)
        log_debug("%s", err.message);
    return good;
}

/* Sleep until it is lost, or closing: then false. */
static bool
wait_lost(struct virt_keeper *keeper)
{
    LOCK_SCOPE(&keeper->lock);
    while (keeper->connected && !keeper->closing)
        lock_wait(&keeper->lock, &keeper->changed, -1);
    return !keeper->closing;
}

static void
pause_for(struct virt_keeper *keeper, int64_t ms)
{
    LOCK_SCOPE(&keeper->lock);
    keeper->next_ms = clock_mono_ms() + ms;
    while (!keeper->asked && !keeper->closing &&
           lock_wait(&keeper->lock, &keeper->changed, keeper->next_ms) == 0)
        ;
}

static void *
keep(void *data)
{
    struct virt_keeper *keeper = data;
    struct backoff backoff = {0};

    pthread_setname_np(pthread_self(), "berth-libvirt");
    while (wait_lost(keeper)) {
        if (reopen(keeper))
            backoff.pause_ms = 0;
        else
            pause_for(keeper, backoff_next(&backoff,
                                           (uint64_t)clock_mono_us() *
                                               2654435761u));
    }
    lock_take(&keeper->lock);
    keeper->ended = true;
    pthread_cond_broadcast(&keeper->changed);
    lock_drop(&keeper->lock);
    unref(keeper);
    return NULL;
}

/* --- start and stop ------------------------------------------------------- */

static int
start_thread(struct virt_keeper *keeper, struct err *err)
{
    sigset_t all, old;
    int rc;

    keeper->refs = 2;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&keeper->thread, NULL, keep, keeper);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return 0;
    keeper->refs = 1;
    return err_set(err, ERR_INTERNAL, "Cannot start a thread: %s",
                   strerror(rc));
}

/* False when it failed and must not. */
static bool
wait_first(struct virt_keeper *keeper, bool must, struct err *err)
{
    int64_t until = must ? -1 : clock_mono_ms() + START_WAIT_MS;

    LOCK_SCOPE(&keeper->lock);
    while (!keeper->tried &&
           lock_wait(&keeper->lock, &keeper->changed, until) == 0)
        ;
    keeper->awaited = false;
    if (!keeper->connected && must)
        *err = keeper->last;
    return keeper->connected || !must;
}

struct virt_keeper *
virt_keeper_start(const char *uri, bool must, hyper_event_fn fn, void *ctx,
                  struct err *err)
{
    struct virt_keeper *keeper = mem_zalloc(1, sizeof(*keeper));
    struct err why = ERR_INIT;

    keeper->uri = mem_dup(uri);
    keeper->awaited = true;
    keeper->since_ms = clock_wall_ms();
    lock_init(&keeper->lock, LOCK_HYPER);
    lock_cond_init(&keeper->changed);
    keeper->sink = virt_event_sink(fn, ctx, on_lost, keeper);
    err_set(&keeper->last, ERR_UNREACHABLE,
            "The hypervisor at %s has not answered yet", uri);
    if (start_thread(keeper, err) < 0) {
        unref(keeper);
        return NULL;
    }
    if (wait_first(keeper, must, &why))
        return keeper;
    virt_keeper_stop(keeper);
    if (err)
        *err = why;
    return NULL;
}

void
virt_keeper_stop(struct virt_keeper *keeper)
{
    int64_t until = clock_mono_ms() + STOP_WAIT_MS;
    bool ended;

    lock_take(&keeper->lock);
    keeper->closing = true;
    pthread_cond_broadcast(&keeper->changed);
    while (!keeper->ended &&
           lock_wait(&keeper->lock, &keeper->changed, until) == 0)
        ;
    ended = keeper->ended;
    lock_drop(&keeper->lock);
    virt_event_stop(keeper->sink);
    if (ended)
        pthread_join(keeper->thread, NULL);
    else
        pthread_detach(keeper->thread);
    unref(keeper);
}

/* --- asked by any thread -------------------------------------------------- */

/* With the lock held. */
static void
unreachable(struct virt_keeper *keeper, struct err *err)
{
    if (clock_mono_ms() - keeper->tried_ms >= ASKED_MS) {
        keeper->asked = true;
        pthread_cond_broadcast(&keeper->changed);
    }
    if (!err)
        return;
    *err = keeper->last;
    err->retry_after_ms = ASKED_MS;
}

virConnectPtr
virt_keeper_conn(struct virt_keeper *keeper, struct err *err)
{
    virConnectPtr conn = NULL;

    lock_take(&keeper->lock);
    if (keeper->connected) {
        conn = keeper->conn;
        virConnectRef(conn);
    } else {
        unreachable(keeper, err);
    }
    lock_drop(&keeper->lock);
    if (!conn || virConnectIsAlive(conn) == 1)
        return conn;
    virConnectClose(conn); /* dead, and on_lost is about to hear of it */
    err_set(err, ERR_UNREACHABLE,
            "The connection to the hypervisor at %s has just been lost",
            keeper->uri);
    if (err)
        err->retry_after_ms = ASKED_MS;
    return NULL;
}

void
virt_keeper_link(struct virt_keeper *keeper, struct hyper_link *out)
{
    int64_t left;

    LOCK_SCOPE(&keeper->lock);
    left = keeper->next_ms - clock_mono_ms();
    out->connected = keeper->connected;
    out->since_ms = keeper->since_ms;
    out->next_try_ms = keeper->connected || left < 0 ? 0 : left;
    snprintf(out->error, sizeof(out->error), "%.511s",
             keeper->last.virt_message[0] ? keeper->last.virt_message
                                          : keeper->last.message);
}
