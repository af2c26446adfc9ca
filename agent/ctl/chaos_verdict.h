// SPDX-License-Identifier: Apache-2.0
/*
 * What a death was worth: whether state, receipt and reply tell one story.
 * Pure.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/buf.h"
#include "agent/common/json.h"

enum chaos_verdict {
    CHAOS_SAME,        /* the final state of an undisturbed run */
    CHAOS_ROLLED_BACK, /* the state before it */
    CHAOS_KEPT,        /* … but for what only a guest could let go */
    CHAOS_WRONG,
    CHAOS_VERDICTS
};

const char *chaos_verdict_name(enum chaos_verdict verdict);

struct chaos_facts {
    bool died;            /* berthd did, where it was told to */
    const json_t *reply;  /* what the client got: a receipt, or NULL */
    const json_t *op;     /* of GetOperation; NULL: never heard of */
    const json_t *wanted; /* receipt of the undisturbed run; NULL: it failed */
    size_t ends;          /* events that end the operation */
    bool is_before;       /* the state equals that before */
    bool is_kept;  /* … or does but for what the receipt says is kept */
    bool is_after; /* … that after an undisturbed run */
};

/* With WRONG, why says what does not fit, a line each. */
enum chaos_verdict chaos_verdict_of(const struct chaos_facts *facts,
                                    struct buf *why);
