// SPDX-License-Identifier: Apache-2.0
/*
 * Reading operations back, as the objects that GetOperation and
 * ListOperations answer with, and removing old ones. Steps go with their
 * operation (a foreign key).
 */
#include "agent/state/receipts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"

#define PRUNE_ROWS "1000" /* per call: the writer has others to serve */
#define OPEN_STATES "('planned', 'running', 'pending', 'unknown')"

/* --- hash ---------------------------------------------------------------- */

/* FNV-1a, 64 bits: draft-eastlake-fnv, its prime and offset basis. */
#define FNV_PRIME UINT64_C(0x100000001b3)
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_OTHER_BASIS UINT64_C(0x9e3779b97f4a7c15)

static uint64_t
fnv(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
    return hash;
}

void
receipts_body_hash(const json_t *body, char out[RECEIPTS_HASH])
{
    CLEANUP_TEXT char *text = json_canonical(body);

    snprintf(out, RECEIPTS_HASH, "%016" PRIx64 "%016" PRIx64,
             fnv(FNV_BASIS, text), fnv(FNV_OTHER_BASIS, text));
}

/* --- reading ------------------------------------------------------------- */

static void
put_stamp(json_t *obj, const char *key, const struct store_row *row, int i)
{
    char stamp[CLOCK_STAMP];

    if (!store_row_text(row, i)) {
        json_put_text(obj, key, NULL);
        return;
    }
    clock_stamp(store_row_int(row, i), stamp);
    json_put_text(obj, key, stamp);
}

/* Our own text, written by json_text: what does not parse reads as null. */
static void
put_json(json_t *obj, const char *key, const struct store_row *row, int i)
{
    static const struct json_limits limits = {.depth = 128};
    const char *text = store_row_text(row, i);
    json_t *value = text ? json_parse(text, strlen(text), &limits, NULL) : NULL;

    json_put(obj, key, value ? value : json_null());
}

#define OP_COLUMNS                                                             \
    "op_id, verb, vm_id, state, peer, flow_id, started_ms, ended_ms, receipt," \
    " body_hash"

static json_t *
op_object(const struct store_row *row)
{
    static const char *const names[] = {"op_id", "verb", "vm",
                                        "state", "peer", "flow_id"};
    json_t *op = json_object();

    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
        json_put_text(op, names[i], store_row_text(row, i));
    put_stamp(op, "started", row, 6);
    put_stamp(op, "ended", row, 7);
    put_json(op, "receipt", row, 8);
    return op;
}

struct found {
    json_t *op;
    char *hash; /* RECEIPTS_HASH bytes, or NULL */
};

static int
keep_op(void *ctx, const struct store_row *row)
{
    struct found *found = ctx;

    found->op = op_object(row);
    if (found->hash)
        snprintf(found->hash, RECEIPTS_HASH, "%s", store_row_text(row, 9));
    return 1;
}

static int
keep_step(void *ctx, const struct store_row *row)
{
    json_t *step = json_object();

    json_put_int(step, "seq", store_row_int(row, 0));
    json_put_text(step, "kind", store_row_text(row, 1));
    put_json(step, "intent", row, 2);
    json_put_text(step, "outcome", store_row_text(row, 3));
    put_json(step, "detail", row, 4);
    put_stamp(step, "started", row, 5);
    put_stamp(step, "ended", row, 6);
    json_array_append_new(ctx, step);
    return 0;
}

int
receipts_find(struct store *store, const char *peer, const char *op_id,
              json_t **out, char hash[RECEIPTS_HASH], struct err *err)
{
    struct found found = {NULL, hash};
    CLEANUP_JSON json_t *op = NULL;
    json_t *steps;

    *out = NULL;
    if (store_has_record(store, err) < 0)
        return -1;
    if (store_read(store, err, keep_op, &found,
                   "SELECT " OP_COLUMNS " FROM op"
                   " WHERE op_id = ?1 AND (?2 IS NULL OR peer = ?2)"
                   " ORDER BY started_ms DESC LIMIT 1",
                   "tt", op_id, peer) < 0)
        return -1;
    op = found.op;
    if (!op)
        return 0;
    steps = json_array();
    json_put(op, "steps", steps);
    if (store_read(store, err, keep_step, steps,
                   "SELECT seq, kind, intent, outcome, outcome_detail,"
                   " intent_ms, outcome_ms FROM step"
                   " WHERE peer = ? AND op_id = ? ORDER BY seq",
                   "tt", json_get_text(op, "peer", ""), op_id) < 0)
        return -1;
    *out = STEAL(op);
    return 0;
}

static int
keep_in_list(void *ctx, const struct store_row *row)
{
    json_array_append_new(ctx, op_object(row));
    return 0;
}

/* A text per question, so that each is answered from an index. Every one
 * takes vm, state and limit, used or not. */
#define LIST(where)                              \
    "SELECT " OP_COLUMNS " FROM op WHERE " where \
    " ORDER BY started_ms DESC, rowid DESC LIMIT ?3"
#define OF_VM "vm_id = ?1"

static const char *const lists[2][3] = {
    {LIST("1"), LIST("state = ?2"), LIST("state IN " OPEN_STATES)},
    {LIST(OF_VM), LIST(OF_VM " AND state = ?2"),
     LIST(OF_VM " AND state IN " OPEN_STATES)},
};

int
receipts_list(struct store *store, const char *vm, const char *state, int limit,
              json_t **out, struct err *err)
{
    CLEANUP_JSON json_t *list = json_array();
    int which = !state ? 0 : strcmp(state, "open") != 0 ? 1 : 2;

    if (store_has_record(store, err) < 0 ||
        store_read(store, err, keep_in_list, list, lists[vm != NULL][which],
                   "tti", vm, state, (int64_t)limit) < 0)
        return -1;
    *out = STEAL(list);
    return 0;
}

static int
keep_age(void *ctx, const struct store_row *row)
{
    struct receipts_age *age = ctx;
    const char *oldest = store_row_text(row, 1);

    age->old = store_row_int(row, 0);
    snprintf(age->oldest, sizeof(age->oldest), "%s", oldest ? oldest : "");
    age->newest_ms = store_row_int(row, 2);
    return 1;
}

int
receipts_age(struct store *store, int64_t old_ms, struct receipts_age *out,
             struct err *err)
{
    memset(out, 0, sizeof(*out));
    if (store_has_record(store, err) < 0)
        return -1;
    return store_read(store, err, keep_age, out,
                      "SELECT count(*), (SELECT op_id FROM op"
                      "  WHERE state IN " OPEN_STATES
                      "  ORDER BY started_ms LIMIT 1),"
                      " (SELECT max(started_ms) FROM op) FROM op"
                      " WHERE state IN " OPEN_STATES " AND started_ms < ?",
                      "i", old_ms);
}

/* --- removing ------------------------------------------------------------ */

void
receipts_prune(struct store *store, int64_t max_age_ms, int64_t max_count)
{
    struct store_batch *batch = store_batch_new();

    store_batch_add(batch,
                    "DELETE FROM op WHERE rowid IN (SELECT rowid FROM op"
                    " WHERE ended_ms < ? ORDER BY ended_ms LIMIT " PRUNE_ROWS
                    ")",
                    "i", clock_wall_ms() - max_age_ms);
    store_batch_add(batch,
                    "DELETE FROM op WHERE rowid IN (SELECT rowid FROM op"
                    " WHERE ended_ms IS NOT NULL ORDER BY ended_ms DESC"
                    " LIMIT " PRUNE_ROWS " OFFSET ?)",
                    "i", max_count);
    store_commit_later(store, batch);
}
