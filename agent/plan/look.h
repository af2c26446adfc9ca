// SPDX-License-Identifier: Apache-2.0
/*
 * Looking at VMs because something happened: an event, a start, a lost
 * connection. Each look is a job in the VM's lane, so that it never meets an
 * operation half-way: what was begun is settled, the views are read, the rows
 * follow. Any thread; nothing here blocks who calls.
 */
#pragma once

#include "agent/plan/env.h"

/* Something happened to a VM. */
void look_at(struct env *env, const char *uuid);

/* The guest keeps a device whose unplug was pending. */
void look_at_refusal(struct env *env, const char *uuid, const char *alias);

/* At the start and when the connection is back: which VMs there are, and a
 * look at each. Once each of the first round's has been looked at, or after
 * some seconds, env->recovering ends and env->looked is called. */
void look_at_all(struct env *env);

/* The first look is over, or there is nothing to look at. */
void look_is_over(struct env *env);

/* From now on, look again and again at what is not settled: a VM whose QEMU
 * hangs, an operation whose connection died alone. Once, at the start. */
void look_for_unsettled(struct env *env);
