// SPDX-License-Identifier: Apache-2.0
/*
 * Connections. The one for events is the keeper's; the others are looked at
 * when they are wanted, and opened anew when they are dead. The lock is never
 * held inside libvirt.
 */
#include "agent/hyper/virt.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/common/lock.h"
#include "agent/common/mem.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_event.h"
#include "agent/hyper/virt_keeper.h"

/* A worker's connection. The thread is only a name here: one that comes back
 * under the number of a dead one may use what it left. */
struct link {
    pthread_t thread;
    virConnectPtr conn; /* NULL: not open */
    bool asks;          /* questions go over it too */
};

struct virt {
    char *uri;
    hyper_event_fn fn;
    void *ctx;
    struct virt_leaving *leaving;
    struct virt_keeper *keeper;
    struct lock lock;    /* guards what follows */
    virConnectPtr stats; /* NULL: not open */
    struct link *links;
    size_t nlinks;
};

/* --- open and close ------------------------------------------------------- */

static void
on_event(void *data, const struct hyper_event *event)
{
    struct virt *virt = data;

    virt_leaving_see(virt->leaving, event);
    virt->fn(virt->ctx, event);
}

struct virt *
virt_open(const char *uri, bool must, hyper_event_fn fn, void *ctx,
          struct err *err)
{
    struct virt *virt;

    if (virt_event_loop(err) < 0)
        return NULL;
    virt = mem_zalloc(1, sizeof(*virt));
    virt->uri = mem_dup(uri);
    lock_init(&virt->lock, LOCK_HYPER);
    virt->fn = fn;
    virt->ctx = ctx;
    virt->leaving = virt_leaving_new();
    virt->keeper = virt_keeper_start(uri, must, on_event, virt, err);
    if (virt->keeper)
        return virt;
    virt_close(virt);
    return NULL;
}

void
virt_close(struct virt *virt)
{
    if (virt->keeper)
        virt_keeper_stop(virt->keeper);
    if (virt->stats)
        virConnectClose(virt->stats);
    for (size_t i = 0; i < virt->nlinks; i++)
        if (virt->links[i].conn)
            virConnectClose(virt->links[i].conn);
    virt_leaving_free(virt->leaving);
    lock_destroy(&virt->lock);
    free(virt->links);
    free(virt->uri);
    free(virt);
}

void
virt_link(struct virt *virt, struct hyper_link *out)
{
    virt_keeper_link(virt->keeper, out);
}

int
virt_ready(struct virt *virt, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_keeper_conn(virt->keeper, err);

    return conn ? 0 : -1;
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

/* This thread's, with the lock held; good until it is dropped. */
static struct link *
own_link(struct virt *virt)
{
    struct link *free_link = NULL;

    for (size_t i = 0; i < virt->nlinks; i++) {
        if (pthread_equal(virt->links[i].thread, pthread_self()))
            return &virt->links[i];
        if (!virt->links[i].conn && !virt->links[i].asks)
            free_link = &virt->links[i];
    }
    if (!free_link) {
        virt->links =
            mem_more(virt->links, virt->nlinks, sizeof(*virt->links));
        free_link = &virt->links[virt->nlinks++];
    }
    free_link->thread = pthread_self();
    return free_link;
}

static virConnectPtr *
place_of(struct virt *virt, enum virt_use use)
{
    return use == VIRT_STATS ? &virt->stats : &own_link(virt)->conn;
}

void
virt_thread_asks(struct virt *virt)
{
    LOCK_SCOPE(&virt->lock);
    own_link(virt)->asks = true;
}

static bool
thread_asks(struct virt *virt)
{
    LOCK_SCOPE(&virt->lock);
    for (size_t i = 0; i < virt->nlinks; i++)
        if (pthread_equal(virt->links[i].thread, pthread_self()))
            return virt->links[i].asks;
    return false;
}

/* A reference to the connection that is there for this use, or NULL. */
static virConnectPtr
borrow(struct virt *virt, enum virt_use use)
{
    virConnectPtr conn;

    LOCK_SCOPE(&virt->lock);
    conn = *place_of(virt, use);
    if (conn)
        virConnectRef(conn);
    return conn;
}

/* Keep a new connection, unless another thread was quicker. */
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
    lock_drop(&virt->lock);
    if (old)
        virConnectClose(old);
}

/* A new connection must lead to the daemon that events come from: one that
 * was started in between shows VMs before it has asked their QEMUs. */
static virConnectPtr
open_new(struct virt *virt, struct err *err)
{
    virConnectPtr conn = virt_keeper_open(virt->uri, err);

    if (!conn || virt_ready(virt, err) == 0)
        return conn;
    virConnectClose(conn);
    return NULL;
}

virConnectPtr
virt_conn(struct virt *virt, enum virt_use use, struct err *err)
{
    CLEANUP_CONN virConnectPtr events = virt_keeper_conn(virt->keeper, err);
    CLEANUP_CONN virConnectPtr dead = NULL;
    virConnectPtr conn;

    if (!events || (use == VIRT_ASK && !thread_asks(virt)))
        return STEAL(events);
    conn = borrow(virt, use);
    if (conn && virConnectIsAlive(conn) == 1)
        return conn;
    dead = conn;
    conn = open_new(virt, err);
    if (conn)
        keep_conn(virt, use, dead, conn);
    return conn;
}

void
virt_thread_end(struct virt *virt)
{
    virConnectPtr conn = NULL;

    lock_take(&virt->lock);
    for (size_t i = 0; i < virt->nlinks; i++)
        if (pthread_equal(virt->links[i].thread, pthread_self())) {
            conn = STEAL(virt->links[i].conn);
            virt->links[i].asks = false;
        }
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
