// SPDX-License-Identifier: Apache-2.0
/*
 * Figures on a timer: of the host, of every VM that runs, and what libvirt
 * says that it can do, all put into env->sampled, from which verbs answer.
 * Nothing that is asked of libvirt here runs in a worker's thread or holds
 * one up. Main thread.
 */
#pragma once

#include "agent/plan/env.h"

struct sampler;

/* Start reading, at once and then by [stats] interval_ms. env outlives it.
 * Returns owned, NULL + err. */
struct sampler *sample_start(struct env *env, struct err *err);

/* False when a thread waits for libvirt still: it is left behind, and env's
 * hyper and sampled must stay. sampler may be NULL. */
bool sample_stop(struct sampler *sampler);
