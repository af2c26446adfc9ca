// SPDX-License-Identifier: Apache-2.0
/* The fake backend's events: a queue and the one thread that delivers from
 * it, in order. Any thread may add. */
#pragma once

#include "agent/hyper/ops.h"

struct fake_item {
    enum hyper_event_type type;
    enum hyper_state state;
    char uuid[UUID_TEXT];
    char name[256];
    char device[128];
    char detail[32];
    char reason[32];
};

/* Called in the thread, with no lock held. */
typedef void (*fake_carry_fn)(void *ctx, const struct fake_item *item);

struct fake_post;

struct fake_post *fake_post_new(fake_carry_fn carry, void *ctx,
                                struct err *err);
void fake_post_free(struct fake_post *post); /* delivers the rest first */
void fake_post_add(struct fake_post *post, const struct fake_item *item);
