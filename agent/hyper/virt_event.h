// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt's event loop, and the events of one connection after another on
 * their way to one receiver. The loop is the process's and runs for ever.
 */
#pragma once

#include <libvirt/libvirt.h>

#include "agent/hyper/ops.h"

/* Initialise libvirt and start its event thread, once per process; it must
 * run before a connection is opened. INTERNAL. */
int virt_event_loop(struct err *err);

/* Called in the event thread when the connection was lost, after LOST. */
typedef void (*virt_lost_fn)(void *ctx);

/* Counted: libvirt holds it as long as it may call. */
struct virt_sink;

struct virt_sink *virt_event_sink(hyper_event_fn fn, void *ctx,
                                  virt_lost_fn lost, void *lost_ctx);

/* Nothing is delivered after this returned. Not from the event thread. */
void virt_event_stop(struct virt_sink *sink);
void virt_event_free(struct virt_sink *sink); /* gives it back */

/* Ask conn for every event; -1 + err. */
int virt_event_register(struct virt_sink *sink, virConnectPtr conn,
                        struct err *err);
/* … and take back what was asked of it, dead or alive. */
void virt_event_unregister(struct virt_sink *sink, virConnectPtr conn);

/* Deliver HYPER_EVENT_BACK, in the event thread. */
void virt_event_back(struct virt_sink *sink);
