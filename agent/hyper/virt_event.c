// SPDX-License-Identifier: Apache-2.0
/*
 * Each kind of event is a row: its number, the function that turns it into a
 * struct hyper_event. A sink counts the registrations that point at it, since
 * libvirt gives them back when it likes, and the deliveries under way, so
 * that its owner can wait for the last.
 */
#include "agent/hyper/virt_event.h"

#include <libvirt/virterror.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_names.h"

#define KINDS 7

struct virt_sink {
    hyper_event_fn fn;
    void *ctx;
    virt_lost_fn lost;
    void *lost_ctx;
    int ids[KINDS]; /* of the registered connection; its owner's thread */
    struct lock lock; /* guards what follows */
    pthread_cond_t idle;
    int refs;
    int busy; /* deliveries under way */
    bool stopped;
};

/* --- the loop ------------------------------------------------------------- */

static void *
loop(void *data)
{
    (void)data;
    for (;;) {
        if (virEventRunDefaultImpl() == 0)
            continue;
        log_error("libvirt's event loop failed once: %s",
                  virGetLastErrorMessage());
        poll(NULL, 0, 100); /* should it fail for good, spare the CPU */
    }
    return NULL;
}

/* virInitialize and the loop belong to the process: libvirt allows no second
 * registration, and no end. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *loop_failed; /* written once, under once */

static void
start_loop(void)
{
    pthread_t thread;
    sigset_t all, old;
    int rc;

    virt_error_silence();
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
        loop_failed = "libvirt cannot be initialised";
        return;
    }
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&thread, NULL, loop, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc)
        loop_failed = "the event thread cannot be started";
    else
        pthread_detach(thread);
}

int
virt_event_loop(struct err *err)
{
    pthread_once(&once, start_loop);
    if (loop_failed)
        return err_set(err, ERR_INTERNAL, "No hypervisor can be opened: %s",
                       loop_failed);
    return 0;
}

/* --- the sink ------------------------------------------------------------- */

static void
unref(void *data)
{
    struct virt_sink *sink = data;
    int left;

    lock_take(&sink->lock);
    left = --sink->refs;
    lock_drop(&sink->lock);
    if (left)
        return;
    pthread_cond_destroy(&sink->idle);
    lock_destroy(&sink->lock);
    free(sink);
}

static struct virt_sink *
ref(struct virt_sink *sink)
{
    LOCK_SCOPE(&sink->lock);
    sink->refs++;
    return sink;
}

struct virt_sink *
virt_event_sink(hyper_event_fn fn, void *ctx, virt_lost_fn lost,
                void *lost_ctx)
{
    struct virt_sink *sink = mem_zalloc(1, sizeof(*sink));

    sink->fn = fn;
    sink->ctx = ctx;
    sink->lost = lost;
    sink->lost_ctx = lost_ctx;
    sink->refs = 1;
    lock_init(&sink->lock, LOCK_LEAF);
    lock_cond_init(&sink->idle);
    for (int i = 0; i < KINDS; i++)
        sink->ids[i] = -1;
    return sink;
}

static bool
enter(struct virt_sink *sink)
{
    LOCK_SCOPE(&sink->lock);
    if (sink->stopped)
        return false;
    sink->busy++;
    return true;
}

static void
leave(struct virt_sink *sink)
{
    LOCK_SCOPE(&sink->lock);
    sink->busy--;
    pthread_cond_broadcast(&sink->idle);
}

void
virt_event_stop(struct virt_sink *sink)
{
    lock_take(&sink->lock);
    sink->stopped = true;
    while (sink->busy)
        lock_wait(&sink->lock, &sink->idle, -1);
    lock_drop(&sink->lock);
}

void
virt_event_free(struct virt_sink *sink)
{
    unref(sink);
}

static void
deliver(struct virt_sink *sink, virDomainPtr dom, struct hyper_event event)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";

    if (!enter(sink))
        return;
    if (dom)
        virDomainGetUUIDString(dom, uuid);
    event.uuid = uuid;
    event.name = dom ? virDomainGetName(dom) : "";
    event.device = event.device ? event.device : "";
    event.detail = event.detail ? event.detail : "";
    event.reason = event.reason ? event.reason : "";
    sink->fn(sink->ctx, &event);
    leave(sink);
}

/* --- from libvirt's callbacks --------------------------------------------- */

static int
on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail,
             void *sink)
{
    struct virt_names_event is = virt_names_lifecycle(event, detail);

    (void)conn;
    deliver(sink, dom,
            (struct hyper_event){.type = HYPER_EVENT_LIFECYCLE,
                                 .detail = is.word,
                                 .reason = is.reason,
                                 .state = is.state});
    return 0;
}

static void
on_added(virConnectPtr conn, virDomainPtr dom, const char *alias, void *sink)
{
    (void)conn;
    deliver(sink, dom,
            (struct hyper_event){.type = HYPER_EVENT_DEVICE_ADDED,
                                 .device = alias});
}

static void
on_removed(virConnectPtr conn, virDomainPtr dom, const char *alias, void *sink)
{
    (void)conn;
    deliver(sink, dom,
            (struct hyper_event){.type = HYPER_EVENT_DEVICE_REMOVED,
                                 .device = alias});
}

static void
on_removal_failed(virConnectPtr conn, virDomainPtr dom, const char *alias,
                  void *sink)
{
    (void)conn;
    deliver(sink, dom,
            (struct hyper_event){.type = HYPER_EVENT_REMOVAL_FAILED,
                                 .device = alias});
}

/* QEMU names one cause only; everything else is an I/O error. */
static void
on_io_error(virConnectPtr conn, virDomainPtr dom, const char *path,
            const char *alias, int action, const char *reason, void *sink)
{
    bool full = reason && strcmp(reason, "enospc") == 0;

    (void)conn;
    (void)path;
    (void)action;
    deliver(sink, dom,
            (struct hyper_event){.type = HYPER_EVENT_IO_ERROR,
                                 .device = alias,
                                 .detail = full ? "enospc" : "eio"});
}

static void
on_reboot(virConnectPtr conn, virDomainPtr dom, void *sink)
{
    (void)conn;
    deliver(sink, dom, (struct hyper_event){.type = HYPER_EVENT_REBOOT});
}

static void
on_tray(virConnectPtr conn, virDomainPtr dom, const char *alias, int reason,
        void *sink)
{
    bool opened = reason == VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN;

    (void)conn;
    deliver(sink, dom,
            (struct hyper_event){.type = HYPER_EVENT_TRAY,
                                 .device = alias,
                                 .detail = opened ? "open" : "close"});
}

struct kind {
    int id;
    virConnectDomainEventGenericCallback fn;
};

static const struct kind kinds[KINDS] = {
    {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
    {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_added)},
    {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_removed)},
    {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
     VIR_DOMAIN_EVENT_CALLBACK(on_removal_failed)},
    {VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
     VIR_DOMAIN_EVENT_CALLBACK(on_io_error)},
    {VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot)},
    {VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_tray)},
};

static void
on_close(virConnectPtr conn, int reason, void *data)
{
    struct virt_sink *sink = data;

    (void)conn;
    if (reason == VIR_CONNECT_CLOSE_REASON_CLIENT)
        return;
    /* First what is known is doubted, then a new connection may be used. */
    deliver(sink, NULL, (struct hyper_event){.type = HYPER_EVENT_LOST});
    if (!enter(sink))
        return;
    sink->lost(sink->lost_ctx);
    leave(sink);
}

/* --- one connection ------------------------------------------------------- */

int
virt_event_register(struct virt_sink *sink, virConnectPtr conn,
                    struct err *err)
{
    for (int i = 0; i < KINDS; i++) {
        sink->ids[i] = virConnectDomainEventRegisterAny(
            conn, NULL, kinds[i].id, kinds[i].fn, ref(sink), unref);
        if (sink->ids[i] >= 0)
            continue;
        virt_error_last(conn, "receive events", err);
        unref(sink);
        virt_event_unregister(sink, conn);
        return -1;
    }
    /* Not counted: a driver inside this process takes it and forgets it.
     * libvirt's unregistering waits for a call that is under way. */
    if (virConnectRegisterCloseCallback(conn, on_close, sink, NULL) < 0)
        virResetLastError();
    return 0;
}

void
virt_event_unregister(struct virt_sink *sink, virConnectPtr conn)
{
    for (int i = 0; i < KINDS; i++) {
        if (sink->ids[i] >= 0)
            virConnectDomainEventDeregisterAny(conn, sink->ids[i]);
        sink->ids[i] = -1;
    }
    virConnectUnregisterCloseCallback(conn, on_close);
    virResetLastError();
}

static void
on_back(int timer, void *data)
{
    deliver(data, NULL, (struct hyper_event){.type = HYPER_EVENT_BACK});
    virEventRemoveTimeout(timer);
}

void
virt_event_back(struct virt_sink *sink)
{
    if (virEventAddTimeout(0, on_back, ref(sink), unref) < 0) {
        log_error("The return of libvirt cannot be announced: %s",
                  virGetLastErrorMessage());
        unref(sink);
    }
}
