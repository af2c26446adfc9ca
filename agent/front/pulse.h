// SPDX-License-Identifier: Apache-2.0
/*
 * Heart-beats of one connection, both ways (STOMP 1.2 section
 * "Heart-beating"): tells when a byte is due and when a peer has been silent
 * for twice as long as it promised. I/O thread only.
 */
#pragma once

#include <event2/event.h>

#include "agent/front/speech.h"

struct pulse;

struct pulse_owner {
    void (*beat)(void *ctx);   /* nothing was sent for a while: send a byte */
    void (*silent)(void *ctx); /* nothing was heard; may free the pulse */
};

/* NULL when the terms ask for no heart-beats at all. Returns owned. */
struct pulse *pulse_new(struct event_base *base,
                        const struct speech_terms *terms,
                        const struct pulse_owner *owner, void *ctx);
void pulse_free(struct pulse *pulse); /* NULL is fine */

/* Bytes came, or were sent; NULL is fine. */
void pulse_heard(struct pulse *pulse);
void pulse_sent(struct pulse *pulse);
