// SPDX-License-Identifier: Apache-2.0
/*
 * What can be seen of a VM, as a sorted list of facts (a line of text each),
 * without what differs between two equal VMs: ages, runtime numbers, order.
 * Two states are equal when their facts are. Pure. One owner.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/buf.h"
#include "agent/common/json.h"

struct chaos_state {
    char **facts; /* owned, sorted by chaos_state_end */
    size_t n;
};

void chaos_state_clear(struct chaos_state *state);

void chaos_state_add(struct chaos_state *state, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Every scalar of a value as "name.key=value"; things in a list are named by
 * their identity, so that order does not count. */
void chaos_state_add_json(struct chaos_state *state, const char *name,
                          const json_t *value);

/* Every device of a domain, and every other element of it, as a fact. */
int chaos_state_add_xml(struct chaos_state *state, const char *name,
                        const char *text, struct err *err);

void chaos_state_end(struct chaos_state *state);

bool chaos_state_equal(const struct chaos_state *a,
                       const struct chaos_state *b);

/* Whether they are, but for facts that name one of the words (array of text,
 * NULL: none). */
bool chaos_state_equal_but(const struct chaos_state *a,
                           const struct chaos_state *b, const json_t *words);

/* What seen has and lacks of wanted, a line each ("has …", "lacks …"), the
 * first few of them. */
void chaos_state_diff(const struct chaos_state *wanted,
                      const struct chaos_state *seen, struct buf *out);

#define CLEANUP_CHAOS_STATE CLEANUP(chaos_state_clear)
