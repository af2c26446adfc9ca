// SPDX-License-Identifier: Apache-2.0
/*
 * Receipts: what became of operations, by (peer, op_id). Reads the `op` and
 * `step` tables; rows older than the settings say are removed here, never an
 * open one. Worker threads: it reads the database.
 */
#pragma once

#include "agent/state/journal.h"

#define RECEIPTS_HASH 33 /* 32 hex digits and the NUL */

/* 128-bit hash (FNV-1a, two bases) of the canonical JSON of a body. It tells
 * bodies apart; it is no defence against a peer that forges its own. */
void receipts_body_hash(const json_t *body, char out[RECEIPTS_HASH]);

/*
 * The stored operation {op_id, verb, vm, state, peer, flow_id, started,
 * ended, receipt, steps: [...]} of that peer (any peer when NULL).
 * *out is owned; NULL when there is none. *hash (if given) is its body hash.
 */
int receipts_find(struct store *store, const char *peer, const char *op_id,
                  json_t **out, char hash[RECEIPTS_HASH], struct err *err);

/* Operations, newest first, without steps: at most limit; vm and state may
 * be NULL (any); state "open" means every state that is not over. */
int receipts_list(struct store *store, const char *vm, const char *state,
                  int limit, json_t **out, struct err *err);

/* How old the record is: operations that are open and began before old_ms
 * (wall time), the oldest of them, and when the newest of all began (0: there
 * is none). */
struct receipts_age {
    int64_t old;
    char oldest[UUID_TEXT]; /* its op_id, "" */
    int64_t newest_ms;
};
int receipts_age(struct store *store, int64_t old_ms, struct receipts_age *out,
                 struct err *err);

/* Remove receipts over age (ms) or count; open ones stay. */
void receipts_prune(struct store *store, int64_t max_age_ms, int64_t max_count);
