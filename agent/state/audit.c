// SPDX-License-Identifier: Apache-2.0
/*
 * Writing the audit. A row's number and hashes are made by the statement that
 * adds it, so that the chain follows the order of the commits. Its head is
 * noted after each commit, by the writer's thread. Numbers are never used
 * again: they go on behind those that audit.head knows, so that rows which
 * were cut off leave a gap.
 */
#include "agent/state/audit.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

#define WINDOW_MS 60000
#define REPEATS 64 /* kinds of denial that are counted at a time */

static const char *const what_names[] = {
    [AUDIT_GRANT] = "grant",   [AUDIT_RELEASE] = "release",
    [AUDIT_DENIAL] = "denial", [AUDIT_POLICY] = "policy",
    [AUDIT_FAULT] = "fault",
};

/* A denial that was told, and how often it came again since. */
struct repeat {
    char *key;        /* owned; NULL: free */
    int64_t since_ms; /* monotonic */
    int64_t count;
    char *peer, *verb, *vm, *vm_name, *disk, *subject; /* owned */
};

struct audit {
    struct store *store;
    struct lock lock; /* LOCK_EVENTLOG: guards what follows */
    char *dir;        /* owned; NULL: the record was not opened yet */
    struct audit_head head;
    json_t *policy; /* {name: text} as written down; NULL: not read yet */
    struct repeat repeats[REPEATS];
};

const char *
audit_what_name(enum audit_what what)
{
    return what_names[what];
}

struct audit *
audit_new(struct store *store)
{
    struct audit *audit = mem_zalloc(1, sizeof(*audit));

    audit->store = store;
    lock_init(&audit->lock, LOCK_EVENTLOG);
    return audit;
}

static void
repeat_clear(struct repeat *repeat)
{
    free(repeat->key);
    free(repeat->peer);
    free(repeat->verb);
    free(repeat->vm);
    free(repeat->vm_name);
    free(repeat->disk);
    free(repeat->subject);
    *repeat = (struct repeat){.key = NULL};
}

void
audit_free(struct audit *audit)
{
    if (!audit)
        return;
    for (size_t i = 0; i < REPEATS; i++)
        repeat_clear(&audit->repeats[i]);
    json_decref(audit->policy);
    lock_destroy(&audit->lock);
    free(audit->dir);
    free(audit);
}

/* --- a row --------------------------------------------------------------- */

/* Writer thread: the rows that were just committed are the chain's end now.
 * A batch that failed has added none. */
static void
on_commit(void *arg, int64_t rowid)
{
    struct audit *audit = arg;
    struct audit_head head = {.count = 0};
    char *dir;
    bool news;

    if (rowid < 0 || audit_head_last(audit->store, &head, NULL) < 0)
        return;
    lock_take(&audit->lock);
    news = head.count > audit->head.count;
    if (news)
        audit->head = head;
    dir = mem_dup(audit->dir);
    lock_drop(&audit->lock);
    if (news)
        audit_head_note(dir, &head);
    free(dir);
}

void
audit_append(struct audit *audit, struct store_batch *batch,
             const struct audit_entry *entry)
{
    CLEANUP_TEXT char *before =
        entry->before ? json_text(entry->before, NULL) : NULL;
    CLEANUP_TEXT char *after =
        entry->after ? json_text(entry->after, NULL) : NULL;
    int64_t known;

    lock_take(&audit->lock);
    known = audit->head.count;
    lock_drop(&audit->lock);
    store_batch_add(
        batch,
        "INSERT INTO audit (seq, time_ms, what, result, peer, verb, flow_id,"
        " op_id, vm, vm_name, disk, lun, subject, before, after, why, prev,"
        " hash) SELECT seq, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
        " ?13, ?14, ?15, ?16, prev, berth_chain(prev, seq, ?2, ?3, ?4, ?5, ?6,"
        " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        " FROM (SELECT max(coalesce((SELECT max(seq) FROM audit), 0), ?1) + 1"
        " AS seq, coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),"
        " '') AS prev)",
        "iitttttttttttttt", known, clock_wall_ms(), what_names[entry->what],
        entry->result, entry->peer, entry->verb, entry->flow_id, entry->op_id,
        entry->vm, entry->vm_name, entry->disk, entry->lun, entry->subject,
        before, after, entry->why);
    store_batch_on_commit(batch, on_commit, audit);
}

/* --- the start ----------------------------------------------------------- */

/* The record and what was noted of it outside do not fit. */
static void
tell_fault(struct audit *audit, const char *why)
{
    struct store_batch *batch = store_batch_new();
    const struct audit_entry entry = {.what = AUDIT_FAULT,
                                      .peer = "berthd",
                                      .subject = "audit.head",
                                      .result = "found",
                                      .why = why};

    log_error("The audit was changed from outside: %s", why);
    audit_append(audit, batch, &entry);
    store_commit_later(audit->store, batch);
}

void
audit_open(struct audit *audit, const char *dir)
{
    struct audit_head last = {.count = 0}, noted = {.count = 0};
    CLEANUP_FREE char *why = NULL;
    struct err err = ERR_INIT;

    if (audit_head_last(audit->store, &last, &err) < 0) {
        log_error("The audit cannot be read: %s", err.message);
        return;
    }
    why = audit_head_fault(audit->store, dir, &noted);
    lock_take(&audit->lock);
    audit->head = last.count >= noted.count ? last : noted;
    if (!audit->dir)
        audit->dir = mem_dup(dir);
    lock_drop(&audit->lock);
    if (why)
        tell_fault(audit, why);
    else if (last.count != noted.count)
        audit_head_note(dir, &last);
}

/* --- denials ------------------------------------------------------------- */

static void
post(struct audit *audit, const struct audit_entry *entry)
{
    struct store_batch *batch = store_batch_new();

    audit_append(audit, batch, entry);
    store_batch_begins_work(batch);
    store_commit_later(audit->store, batch);
}

static void
post_repeats(struct audit *audit, struct repeat *repeat /* clears */)
{
    CLEANUP_FREE char *why =
        mem_printf("The same %lld times more within %d s",
                   (long long)repeat->count, WINDOW_MS / 1000);
    const struct audit_entry entry = {.what = AUDIT_DENIAL,
                                      .peer = repeat->peer,
                                      .verb = repeat->verb,
                                      .vm = repeat->vm,
                                      .vm_name = repeat->vm_name,
                                      .disk = repeat->disk,
                                      .subject = repeat->subject,
                                      .result = "denied",
                                      .why = why};

    if (repeat->count)
        post(audit, &entry);
    repeat_clear(repeat);
}

static struct repeat
repeat_of(char *key /* takes */, const struct audit_entry *entry)
{
    return (struct repeat){
        .key = key,
        .since_ms = clock_mono_ms(),
        .peer = mem_dup(entry->peer),
        .verb = mem_dup(entry->verb),
        .vm = mem_dup(entry->vm),
        .vm_name = mem_dup(entry->vm_name),
        .disk = mem_dup(entry->disk),
        .subject = mem_dup(entry->subject),
    };
}

/* Under the lock. Where a new one may stand: a free place, or that of the
 * oldest. */
static struct repeat *
place(struct audit *audit)
{
    struct repeat *best = &audit->repeats[0];

    for (size_t i = 0; i < REPEATS; i++) {
        struct repeat *at = &audit->repeats[i];

        if (!at->key)
            return at;
        if (at->since_ms < best->since_ms)
            best = at;
    }
    return best;
}

/* Whether it was told within the window: then it is counted. */
static bool
count(struct audit *audit, const char *key)
{
    LOCK_SCOPE(&audit->lock);

    for (size_t i = 0; i < REPEATS; i++)
        if (audit->repeats[i].key &&
            strcmp(audit->repeats[i].key, key) == 0 &&
            clock_mono_ms() - audit->repeats[i].since_ms < WINDOW_MS) {
            audit->repeats[i].count++;
            return true;
        }
    return false;
}

/* Take out those whose window is over (all: any); returns owned vector. */
static struct repeat *
take_out(struct audit *audit, bool all, size_t *n)
{
    struct repeat *out = mem_zalloc(REPEATS, sizeof(*out));

    LOCK_SCOPE(&audit->lock);
    *n = 0;
    for (size_t i = 0; i < REPEATS; i++) {
        struct repeat *at = &audit->repeats[i];

        if (!at->key ||
            (!all && clock_mono_ms() - at->since_ms < WINDOW_MS))
            continue;
        out[(*n)++] = *at;
        *at = (struct repeat){.key = NULL};
    }
    return out;
}

static void
flush(struct audit *audit, bool all)
{
    size_t n;
    CLEANUP_FREE struct repeat *over = take_out(audit, all, &n);

    for (size_t i = 0; i < n; i++)
        post_repeats(audit, &over[i]);
}

void
audit_flush(struct audit *audit)
{
    flush(audit, true);
}

void
audit_denial(struct audit *audit, const struct audit_entry *entry)
{
    char *key = mem_printf("%s\n%s\n%s\n%s\n%s", entry->peer, entry->verb,
                           entry->subject, entry->vm ? entry->vm : "",
                           entry->disk ? entry->disk : "");
    struct repeat before, *at;

    flush(audit, false);
    if (count(audit, key)) {
        free(key);
        return;
    }
    lock_take(&audit->lock);
    at = place(audit);
    before = *at;
    *at = repeat_of(key, entry);
    lock_drop(&audit->lock);
    if (before.key)
        post_repeats(audit, &before);
    post(audit, entry);
}

/* --- policy -------------------------------------------------------------- */

static int
keep_policy(void *ctx, const struct store_row *row)
{
    json_put_text(ctx, store_row_text(row, 0), store_row_text(row, 1));
    return 0;
}

/* What was last written down; owned, NULL: it cannot be read. */
static json_t *
read_policy(struct audit *audit)
{
    CLEANUP_JSON json_t *policy = json_object();

    if (store_has_record(audit->store, NULL) < 0 ||
        store_read(audit->store, NULL, keep_policy, policy,
                   "SELECT name, value FROM policy", "") < 0)
        return NULL;
    return STEAL(policy);
}

static void
add_change(struct audit *audit, struct store_batch *batch, const char *name,
           const json_t *before, const json_t *after,
           const struct audit_entry *by)
{
    struct audit_entry entry = *by;

    entry.what = AUDIT_POLICY;
    entry.subject = name;
    entry.before = before;
    entry.after = after;
    entry.result = "done";
    audit_append(audit, batch, &entry);
    if (after)
        store_batch_add(batch, "INSERT OR REPLACE INTO policy VALUES (?, ?)",
                        "tt", name, json_string_value(after));
    else
        store_batch_add(batch, "DELETE FROM policy WHERE name = ?", "t", name);
}

void
audit_policy(struct audit *audit, const json_t *now,
             const struct audit_entry *by)
{
    CLEANUP_JSON json_t *was = NULL;
    struct store_batch *batch;
    const char *name;
    json_t *value;

    lock_take(&audit->lock);
    was = STEAL(audit->policy);
    audit->policy = json_deep_copy(now);
    lock_drop(&audit->lock);
    if (!was)
        was = read_policy(audit);
    if (!was) { /* compared as soon as it can be read */
        lock_take(&audit->lock);
        json_decref(STEAL(audit->policy));
        lock_drop(&audit->lock);
        return;
    }
    batch = store_batch_new();
    json_object_foreach((json_t *)now, name, value)
        if (!json_equal(value, json_object_get(was, name)))
            add_change(audit, batch, name, json_object_get(was, name), value,
                       by);
    json_object_foreach(was, name, value)
        if (!json_object_get(now, name))
            add_change(audit, batch, name, value, NULL, by);
    store_commit_later(audit->store, batch);
}
