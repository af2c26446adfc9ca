// SPDX-License-Identifier: Apache-2.0
/*
 * Connections. The one for events is watched: lost, a small thread opens it
 * again, with growing pauses, and until then questions go over the asking
 * thread's own connection. The others are looked at when they are wanted, and
 * opened anew when they are dead. The lock is never held inside libvirt.
 */
#include "agent/hyper/virt.h"

#include <libvirt/virterror.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_event.h"

#define KEEPALIVE_S 5 /* a libvirtd that is mute for 3 of these is lost */
#define KEEPALIVE_COUNT 3
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 5000

/* A worker's connection. The thread is only a name here: one that comes back
 * under the number of a dead one may use what it left. */
struct link {
    pthread_t thread;
    virConnectPtr conn; /* NULL: not open */
};

struct virt {
    char *uri;
    hyper_event_fn fn;
    void *ctx;
    struct virt_sink *sink;
    struct virt_leaving *leaving;
    pthread_t keeper;
    struct lock lock; /* guards what follows */
    pthread_cond_t changed;
    virConnectPtr events;
    virConnectPtr stats; /* NULL: not open */
    struct link *links;
    size_t nlinks;
    bool lost;    /* events is dead */
    bool closing; /* the keeper shall end */
};

static virConnectPtr
open_conn(const struct virt *virt, struct err *err)
{
    virConnectPtr conn = virConnectOpen(virt->uri);
    struct err why = ERR_INIT;

    if (!conn) {
        virt_error_last(NULL, "open the connection", &why);
        err_set(err, ERR_UNREACHABLE,
                "The hypervisor at %s cannot be reached: %s. Check that "
                "libvirt's daemon runs and that berthd's user may use it, or "
                "name another uri in [hypervisor local]",
                virt->uri, why.message);
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

/* --- the connection for events -------------------------------------------- */

static void
on_event(void *data, const struct hyper_event *event)
{
    struct virt *virt = data;

    virt_leaving_see(virt->leaving, event);
    virt->fn(virt->ctx, event);
}

static void
on_lost(void *data)
{
    struct virt *virt = data;

    LOCK_SCOPE(&virt->lock);
    virt->lost = true;
    pthread_cond_broadcast(&virt->changed);
    log_warning("The connection to libvirt at %s is lost", virt->uri);
}

static virConnectPtr
open_events(struct virt *virt, struct err *err)
{
    virConnectPtr conn = open_conn(virt, err);

    if (conn && virt_event_register(virt->sink, conn, err) < 0) {
        virConnectClose(conn);
        return NULL;
    }
    return conn;
}

/* Drop the dead connection, try for a new one; false when there is none. */
static bool
reopen(struct virt *virt)
{
    struct err err = ERR_INIT;
    virConnectPtr old, conn;

    lock_take(&virt->lock);
    old = STEAL(virt->events);
    lock_drop(&virt->lock);
    if (old) {
        virt_event_unregister(virt->sink, old);
        virConnectClose(old);
    }
    conn = open_events(virt, &err);
    if (!conn) {
        log_debug("%s", err.message);
        return false;
    }
    lock_take(&virt->lock);
    virt->events = conn;
    virt->lost = false;
    lock_drop(&virt->lock);
    log_info("The connection to libvirt at %s is there again", virt->uri);
    virt_event_back(virt->sink);
    return true;
}

/* Sleep until it is lost, or closing: then false. */
static bool
wait_lost(struct virt *virt)
{
    LOCK_SCOPE(&virt->lock);
    while (!virt->lost && !virt->closing)
        lock_wait(&virt->lock, &virt->changed, -1);
    return !virt->closing;
}

/* … for a while with jitter, so that many hosts' agents do not come at once.
 * A worker that found libvirt again ends the pause. */
static void
pause_for(struct virt *virt, int64_t ms)
{
    int64_t jitter = clock_mono_us() % (ms / 2 + 1);

    LOCK_SCOPE(&virt->lock);
    if (!virt->closing)
        lock_wait(&virt->lock, &virt->changed,
                  clock_mono_ms() + ms / 2 + jitter);
}

static void *
keep(void *data)
{
    struct virt *virt = data;
    int64_t pause = PAUSE_FIRST_MS;

    while (wait_lost(virt)) {
        if (reopen(virt)) {
            pause = PAUSE_FIRST_MS;
            continue;
        }
        pause_for(virt, pause);
        pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
    }
    return NULL;
}

/* --- open and close ------------------------------------------------------- */

static int
start_keeper(struct virt *virt, struct err *err)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&virt->keeper, NULL, keep, virt);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return 0;
    return err_set(err, ERR_INTERNAL, "Cannot start a thread: %s",
                   strerror(rc));
}

static void
close_all(struct virt *virt)
{
    if (virt->events) {
        virt_event_unregister(virt->sink, virt->events);
        virConnectClose(virt->events);
    }
    if (virt->stats)
        virConnectClose(virt->stats);
    for (size_t i = 0; i < virt->nlinks; i++)
        if (virt->links[i].conn)
            virConnectClose(virt->links[i].conn);
    virt_event_stop(virt->sink);
    virt_leaving_free(virt->leaving);
    pthread_cond_destroy(&virt->changed);
    lock_destroy(&virt->lock);
    free(virt->links);
    free(virt->uri);
    free(virt);
}

struct virt *
virt_open(const char *uri, hyper_event_fn fn, void *ctx, struct err *err)
{
    struct virt *virt;

    if (virt_event_loop(err) < 0)
        return NULL;
    virt = mem_zalloc(1, sizeof(*virt));
    virt->uri = mem_dup(uri);
    lock_init(&virt->lock, LOCK_HYPER);
    lock_cond_init(&virt->changed);
    virt->fn = fn;
    virt->ctx = ctx;
    virt->leaving = virt_leaving_new();
    virt->sink = virt_event_sink(on_event, virt, on_lost, virt);
    virt->events = open_events(virt, err);
    if (!virt->events || start_keeper(virt, err) < 0) {
        close_all(virt);
        return NULL;
    }
    return virt;
}

void
virt_close(struct virt *virt)
{
    lock_take(&virt->lock);
    virt->closing = true;
    pthread_cond_broadcast(&virt->changed);
    lock_drop(&virt->lock);
    pthread_join(virt->keeper, NULL);
    close_all(virt);
}

bool
virt_connected(struct virt *virt)
{
    LOCK_SCOPE(&virt->lock);
    return virt->events && !virt->lost;
}

const char *
virt_uri(const struct virt *virt)
{
    return virt->uri;
}

struct virt_leaving *
virt_leaving(struct virt *virt)
{
    return virt->leaving;
}

/* --- the others ----------------------------------------------------------- */

/* With the lock held; the place is good until it is dropped. */
static virConnectPtr *
place_of(struct virt *virt, enum virt_use use)
{
    struct link *free_link = NULL;

    if (use == VIRT_STATS)
        return &virt->stats;
    for (size_t i = 0; i < virt->nlinks; i++) {
        if (pthread_equal(virt->links[i].thread, pthread_self()))
            return &virt->links[i].conn;
        if (!virt->links[i].conn)
            free_link = &virt->links[i];
    }
    if (!free_link) {
        virt->links =
            mem_more(virt->links, virt->nlinks, sizeof(*virt->links));
        free_link = &virt->links[virt->nlinks++];
    }
    free_link->thread = pthread_self();
    return &free_link->conn;
}

/* A reference to the connection that is there for this use, or NULL. */
static virConnectPtr
borrow(struct virt *virt, enum virt_use *use)
{
    virConnectPtr conn = NULL;

    LOCK_SCOPE(&virt->lock);
    if (*use == VIRT_ASK && virt->events && !virt->lost)
        conn = virt->events;
    else if (*use == VIRT_ASK)
        *use = VIRT_WORK;
    if (!conn)
        conn = *place_of(virt, *use);
    if (conn)
        virConnectRef(conn);
    return conn;
}

/* Keep a new connection, unless another thread was quicker; wake the keeper,
 * for libvirt answers. */
static void
keep_conn(struct virt *virt, enum virt_use use, virConnectPtr dead,
          virConnectPtr conn)
{
    virConnectPtr old = NULL;

    lock_take(&virt->lock);
    if (*place_of(virt, use) == dead) {
        old = dead;
        *place_of(virt, use) = conn;
        virConnectRef(conn);
    }
    if (virt->lost)
        pthread_cond_broadcast(&virt->changed);
    lock_drop(&virt->lock);
    if (old)
        virConnectClose(old);
}

virConnectPtr
virt_conn(struct virt *virt, enum virt_use use, struct err *err)
{
    virConnectPtr conn = borrow(virt, &use);
    virConnectPtr dead = conn;

    if (conn && virConnectIsAlive(conn) == 1)
        return conn;
    if (use == VIRT_ASK) { /* dead, but its loss is not yet told */
        virConnectClose(conn);
        return virt_conn(virt, VIRT_WORK, err);
    }
    conn = open_conn(virt, err);
    if (conn)
        keep_conn(virt, use, dead, conn);
    if (dead)
        virConnectClose(dead);
    return conn;
}

void
virt_thread_end(struct virt *virt)
{
    virConnectPtr conn = NULL;

    lock_take(&virt->lock);
    for (size_t i = 0; i < virt->nlinks; i++)
        if (pthread_equal(virt->links[i].thread, pthread_self()))
            conn = STEAL(virt->links[i].conn);
    lock_drop(&virt->lock);
    if (conn)
        virConnectClose(conn);
}

/* --- one domain ----------------------------------------------------------- */

int
virt_handle_open(struct virt_handle *handle, struct virt *virt,
                 enum virt_use use, const char *uuid, struct err *err)
{
    char doing[128];

    handle->conn = virt_conn(virt, use, err);
    if (!handle->conn)
        return -1;
    handle->dom = virDomainLookupByUUIDString(handle->conn, uuid);
    if (handle->dom) {
        handle->name = virDomainGetName(handle->dom);
        return 0;
    }
    snprintf(doing, sizeof(doing), "find VM '%.64s'", uuid);
    return virt_error_last(handle->conn, doing, err);
}

void
virt_handle_close(struct virt_handle *handle)
{
    if (handle->dom)
        virDomainFree(handle->dom);
    if (handle->conn)
        virConnectClose(handle->conn);
}

int
virt_handle_fail(const struct virt_handle *handle, const char *doing,
                 struct err *err)
{
    char text[256];

    snprintf(text, sizeof(text), "%s VM '%.128s'", doing, handle->name);
    return virt_error_last(handle->conn, text, err);
}
