// SPDX-License-Identifier: Apache-2.0
/*
 * Reading and verifying the audit, a page at a time: the reader's connection
 * is not held for long, since the writer's thread looks at the chain's end by
 * it.
 */
#include <inttypes.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/state/audit.h"

#define PAGE 1000
#define FAULTS_MAX 100

/* --- reading ------------------------------------------------------------- */

static void
put_value(json_t *obj, const char *key, const char *text)
{
    static const struct json_limits limits = {.depth = 128};

    json_put(obj, key,
             text ? json_parse(text, strlen(text), &limits, NULL)
                  : json_null());
}

static int
keep_row(void *ctx, const struct store_row *row)
{
    static const char *const names[] = {
        "what",    "result", "peer", "verb", "flow_id", "op_id",
        "vm", "vm_name", "disk", "lun", "subject"};
    json_t *obj = json_object();
    char stamp[CLOCK_STAMP];

    json_put_int(obj, "seq", store_row_int(row, 0));
    clock_stamp(store_row_int(row, 1), stamp);
    json_put_text(obj, "time", stamp);
    for (int i = 0; i < 11; i++)
        json_put_text(obj, names[i], store_row_text(row, i + 2));
    put_value(obj, "before", store_row_text(row, 13));
    put_value(obj, "after", store_row_text(row, 14));
    json_put_text(obj, "why", store_row_text(row, 15));
    json_put_text(obj, "hash", store_row_text(row, 16));
    json_array_append_new(ctx, obj);
    return 0;
}

json_t *
audit_read(struct store *store, int64_t since, int limit,
           const struct audit_filter *filter, struct err *err)
{
    CLEANUP_JSON json_t *rows = json_array();
    json_t *out;
    size_t n;

    if (store_has_record(store, err) < 0 ||
        store_read(store, err, keep_row, rows,
                   "SELECT seq, time_ms, what, result, peer, verb, flow_id,"
                   " op_id, vm, vm_name, disk, lun, subject, before, after,"
                   " why, hash FROM audit WHERE seq > ?1"
                   " AND (?2 IS NULL OR what = ?2)"
                   " AND (?3 IS NULL OR peer = ?3)"
                   " AND (?4 IS NULL OR vm = ?4)"
                   " AND (?5 IS NULL OR disk = ?5) ORDER BY seq LIMIT ?6",
                   "itttti", since, filter->what, filter->peer, filter->vm,
                   filter->disk, (int64_t)limit) < 0)
        return NULL;
    n = json_array_size(rows);
    out = json_object();
    json_put(out, "rows", json_incref(rows));
    json_put_int(out, "next",
                 n ? json_get_int(json_array_get(rows, n - 1), "seq", since)
                   : since);
    return out;
}

/* --- verifying ----------------------------------------------------------- */

struct walk {
    int64_t rows;    /* so far */
    int64_t seq;     /* of the last one */
    int64_t faulted; /* rows of what AUDIT_FAULT */
    char hash[65];   /* of the last one */
    json_t *faults;  /* array */
    int64_t nfaults;
};

static void
fault(struct walk *walk, int64_t seq, char *text /* takes */)
{
    CLEANUP_FREE char *owned = text;
    json_t *obj;

    if (walk->nfaults++ >= FAULTS_MAX)
        return;
    obj = json_object();
    json_put_int(obj, "seq", seq);
    json_put_text(obj, "fault", owned);
    json_array_append_new(walk->faults, obj);
}

static void
check_link(struct walk *walk, int64_t seq, const char *prev)
{
    if (seq != walk->seq + 1)
        fault(walk, seq,
              seq == walk->seq + 2
                  ? mem_printf("row %" PRId64 " is missing", seq - 1)
                  : mem_printf("rows %" PRId64 " to %" PRId64 " are missing",
                               walk->seq + 1, seq - 1));
    else if (strcmp(prev, walk->hash) != 0)
        fault(walk, seq,
              mem_printf("row %" PRId64 " does not follow row %" PRId64,
                         seq, walk->seq));
}

static int
check_row(void *ctx, const struct store_row *row)
{
    struct walk *walk = ctx;
    int64_t seq = store_row_int(row, 0);
    const char *prev = store_row_text(row, 1);
    const char *hash = store_row_text(row, 2);
    const char *made = store_row_text(row, 3);

    check_link(walk, seq, prev ? prev : "");
    if (!hash || strcmp(hash, made) != 0)
        fault(walk, seq, mem_printf("row %" PRId64 " was changed", seq));
    else if (!strcmp(store_row_text(row, 4), "fault"))
        fault(walk, seq,
              mem_printf("found at an earlier start: %s",
                         store_row_text(row, 5) ? store_row_text(row, 5)
                                                : "?"));
    walk->rows++;
    walk->seq = seq;
    snprintf(walk->hash, sizeof(walk->hash), "%s", hash ? hash : "");
    return 0;
}

static int
walk_chain(struct store *store, struct walk *walk, struct err *err)
{
    int64_t before;

    if (store_has_record(store, err) < 0)
        return -1;
    do {
        before = walk->rows;
        if (store_read(store, err, check_row, walk,
                       "SELECT seq, prev, hash, berth_chain(prev, seq,"
                       " time_ms, what, result, peer, verb, flow_id, op_id,"
                       " vm, vm_name, disk, lun, subject, before, after, why),"
                       " what, why FROM audit WHERE seq > ? ORDER BY seq"
                       " LIMIT ?",
                       "ii", walk->seq, (int64_t)PAGE) < 0)
            return -1;
    } while (walk->rows - before == PAGE);
    return 0;
}

static void
check_heads(struct store *store, const char *dir,
            const struct audit_head *noted, struct walk *walk)
{
    struct audit_head in_file;
    char *why = audit_head_fault(store, dir, &in_file);

    if (why)
        fault(walk, in_file.count, why);
    why = noted ? audit_head_compare(store, "the noted head", noted) : NULL;
    if (why)
        fault(walk, noted->count, why);
}

json_t *
audit_verify(struct store *store, const char *dir,
             const struct audit_head *noted, struct err *err)
{
    CLEANUP_JSON json_t *faults = json_array();
    struct walk walk = {.faults = faults};
    json_t *out;

    if (walk_chain(store, &walk, err) < 0)
        return NULL;
    check_heads(store, dir, noted, &walk);
    out = json_object();
    json_put_bool(out, "whole", walk.nfaults == 0);
    json_put_int(out, "rows", walk.rows);
    json_put_int(out, "count", walk.seq);
    json_put_text(out, "head", walk.rows ? walk.hash : NULL);
    json_put(out, "faults", json_incref(faults));
    json_put_int(out, "fault_count", walk.nfaults);
    return out;
}
