// SPDX-License-Identifier: Apache-2.0
/*
 * The connection for events and short questions, kept open by a thread of its
 * own: opened, watched, and opened again with growing pauses when it was
 * lost. Files virt*.c only; any thread but the event thread.
 */
#pragma once

#include <libvirt/libvirt.h>

#include "agent/hyper/ops.h"

struct virt_keeper;

/* A connection that notices a mute libvirtd. Blocks while libvirtd takes it
 * and does not answer. NULL + UNREACHABLE. */
virConnectPtr virt_keeper_open(const char *uri, struct err *err);

/*
 * Start, and wait a little for the first connection. fn is called in
 * libvirt's event thread; a connection that comes later than that is told as
 * BACK. must: what fails at once will always fail, so that it is an error
 * here (UNREACHABLE). Returns owned.
 */
struct virt_keeper *virt_keeper_start(const char *uri, bool must,
                                      hyper_event_fn fn, void *ctx,
                                      struct err *err);

/* After it returns fn is not called again. A thread that libvirt does not
 * give back is left to itself. */
void virt_keeper_stop(struct virt_keeper *keeper);

/* A reference (virConnectClose gives it back) to a connection that is alive;
 * NULL + UNREACHABLE with retry_after_ms, and the next try comes soon. Memory
 * only. */
virConnectPtr virt_keeper_conn(struct virt_keeper *keeper, struct err *err);

void virt_keeper_link(struct virt_keeper *keeper, struct hyper_link *out);
