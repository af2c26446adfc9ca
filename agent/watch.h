// SPDX-License-Identifier: Apache-2.0
/*
 * The hypervisor's events: memory is brought up to date at once, what needs a
 * question to libvirt is posted to the VM's lane, subscribers are told.
 * watch_event runs in the hypervisor's event thread and never blocks.
 */
#pragma once

#include "agent/plan/env.h"

/* ctx is the struct env. */
void watch_event(void *ctx, const struct hyper_event *event);

/* Read every VM (at start, and again after a reconnect) and settle in their
 * lanes what happened meanwhile. Blocks: main before the loop, or a worker. */
int watch_start(struct env *env, struct err *err);

/* Have a worker do the same: after a reconnect, and when what was to be
 * recorded can be again. Any thread, never blocks. */
void watch_again(struct env *env);
