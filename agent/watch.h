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

/* Have every VM looked at, if libvirt is there, and what stays unsettled again
 * and again; never blocks. env->looked follows, in this thread or a worker. */
void watch_start(struct env *env);

/* Have every VM looked at again, such as when what was to be recorded can be.
 * Any thread, never blocks. */
void watch_again(struct env *env);
