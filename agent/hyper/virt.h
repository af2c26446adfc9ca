// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to libvirt: only the files virt*.[ch] know it. A struct virt
 * is one URI with its connections: one for events and questions, one for bulk
 * statistics, and one per worker thread, since libvirtd serves five calls per
 * connection and a hung QEMU can hold each. While the first is lost none is
 * used: calls are UNREACHABLE at once. Any thread but the event thread.
 */
#pragma once

#include <libvirt/libvirt.h>

#include "agent/hyper/ops.h"
#include "agent/hyper/virt_leaving.h"

struct virt;

/* What a connection is wanted for. */
enum virt_use {
    VIRT_ASK,   /* short questions; shared by all threads */
    VIRT_STATS, /* statistics; shared by all threads */
    VIRT_WORK,  /* whatever may take long; this thread's own */
};

/*
 * Open a URI that the backend has checked. fn is called in libvirt's event
 * thread. must: when nothing answers it is UNREACHABLE, not open and tried
 * again. Returns owned.
 */
struct virt *virt_open(const char *uri, bool must, hyper_event_fn fn,
                       void *ctx, struct err *err);

/* No call may be under way. After it returns fn is not called again. */
void virt_close(struct virt *virt);

/* What this thread asks goes over its own connection from now on. libvirt's
 * client does not wake the second of two calls over a connection that its
 * keepalive gives up: who asks on a timer must not be one of two. */
void virt_thread_asks(struct virt *virt);
void virt_thread_end(struct virt *virt); /* close this thread's connection */
void virt_link(struct virt *virt, struct hyper_link *out); /* memory only */
int virt_ready(struct virt *virt, struct err *err);        /* memory only */
const char *virt_uri(const struct virt *virt);
struct virt_leaving *virt_leaving(struct virt *virt); /* borrowed */

/*
 * A connection that was alive a moment ago, opened anew where it was not.
 * Returns a reference (virConnectClose gives it back), NULL + UNREACHABLE:
 * then nothing was asked of libvirt.
 */
virConnectPtr virt_conn(struct virt *virt, enum virt_use use, struct err *err);

/* A domain for the length of one call; released by its scope's end. */
struct virt_handle {
    virConnectPtr conn;
    virDomainPtr dom;
    const char *name; /* dom's */
};
#define VIRT_HANDLE CLEANUP(virt_handle_close) struct virt_handle

/* Look a UUID up. Returns 0, or -1 + err (NOT_FOUND, UNREACHABLE). */
int virt_handle_open(struct virt_handle *handle, struct virt *virt,
                     enum virt_use use, const char *uuid, struct err *err);
void virt_handle_close(struct virt_handle *handle);

/* The libvirt call just made failed: "Cannot <doing> VM 'name': …"; -1. */
int virt_handle_fail(const struct virt_handle *handle, const char *doing,
                     struct err *err);

static inline void
virt_conn_close(virConnectPtr *conn)
{
    if (*conn)
        virConnectClose(*conn);
}
#define CLEANUP_CONN CLEANUP(virt_conn_close)
