// SPDX-License-Identifier: Apache-2.0
/* The audit: what is written with what, and every way to spoil it. */
#include "tests/unit/store_case.h"

#include "agent/common/file.h"
#include "agent/common/json.h"
#include "agent/state/audit.h"
#include "agent/state/store_chain.h"

#define ROWS 6
#define VM "11111111-2222-4333-8444-555555555555"

struct desk {
    char dir[256];
    struct store *store;
    struct audit *audit;
};

static void
desk_open(struct desk *desk)
{
    desk->store = open_store(desk->dir);
    desk->audit = audit_new(desk->store);
    audit_open(desk->audit, desk->dir);
}

static void
desk_close(struct desk *desk)
{
    audit_flush(desk->audit);
    store_close(desk->store);
    audit_free(desk->audit);
}

static void
settle(struct desk *desk)
{
    assert_int_equal(store_commit(desk->store, store_batch_new(), NULL), 0);
}

static void
grant(struct desk *desk, const char *disk)
{
    struct store_batch *batch = store_batch_new();
    CLEANUP_JSON json_t *after = json_object();
    const struct audit_entry entry = {.what = AUDIT_GRANT,
                                      .peer = "cn:engine",
                                      .verb = "AddDisk",
                                      .flow_id = "f-1",
                                      .op_id = "o-1",
                                      .vm = VM,
                                      .vm_name = "db",
                                      .disk = disk,
                                      .lun = "naa.6001405",
                                      .subject = "rawio",
                                      .after = after,
                                      .result = "done"};

    json_put_bool(after, "rawio", true);
    audit_append(desk->audit, batch, &entry);
    assert_int_equal(store_commit(desk->store, batch, NULL), 0);
}

static int
set_up(void **state)
{
    struct desk *desk = mem_zalloc(1, sizeof(*desk));

    unit_folder(desk->dir);
    desk_open(desk);
    for (int i = 1; i <= ROWS; i++) {
        CLEANUP_FREE char *disk = mem_printf("disk-%d", i);

        grant(desk, disk);
    }
    *state = desk;
    return 0;
}

static int
tear_down(void **state)
{
    desk_close(*state);
    free(*state);
    return 0;
}

static json_t *
verify(struct desk *desk, const struct audit_head *noted)
{
    struct err err = ERR_INIT;
    json_t *report = audit_verify(desk->store, desk->dir, noted, &err);

    if (!report)
        fail_msg("%s", err.message);
    return report;
}

static void
assert_whole(struct desk *desk, int rows)
{
    CLEANUP_JSON json_t *report = verify(desk, NULL);
    CLEANUP_TEXT char *text = json_text(report, NULL);

    if (json_get_bool(report, "whole", -1) != 1 ||
        json_get_int(report, "rows", -1) != rows)
        fail_msg("%s", text);
}

static void
assert_fault(struct desk *desk, const struct audit_head *noted,
             const char *part)
{
    CLEANUP_JSON json_t *report = verify(desk, noted);
    CLEANUP_TEXT char *text = json_text(report, NULL);

    assert_int_equal(json_get_bool(report, "whole", -1), 0);
    if (!strstr(text, part))
        fail_msg("'%s' is not among: %s", part, text);
}

static json_t *
rows(struct desk *desk, const struct audit_filter *filter)
{
    struct err err = ERR_INIT;
    json_t *page = audit_read(desk->store, 0, 1000, filter, &err);

    if (!page)
        fail_msg("%s", err.message);
    return page;
}

static size_t
count(struct desk *desk, const struct audit_filter *filter)
{
    CLEANUP_JSON json_t *page = rows(desk, filter);

    return json_array_size(json_object_get(page, "rows"));
}

/* --- what is written ------------------------------------------------------ */

static void
test_a_row_holds_what_it_was_given(void **state)
{
    CLEANUP_JSON json_t *page = rows(*state, &(struct audit_filter){.what = NULL});
    const json_t *row = json_array_get(json_object_get(page, "rows"), 1);
    static const char *const want[][2] = {
        {"what", "grant"},      {"result", "done"}, {"peer", "cn:engine"},
        {"verb", "AddDisk"},    {"flow_id", "f-1"}, {"op_id", "o-1"},
        {"vm", VM},             {"vm_name", "db"},  {"disk", "disk-2"},
        {"lun", "naa.6001405"}, {"subject", "rawio"}};

    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_string_equal(json_get_text(row, want[i][0], ""), want[i][1]);
    assert_int_equal(json_get_int(row, "seq", 0), 2);
    assert_int_equal(
        json_get_bool(json_object_get(row, "after"), "rawio", 0), 1);
    assert_true(json_is_null(json_object_get(row, "before")));
    assert_int_equal(json_get_int(page, "next", 0), ROWS);
    assert_whole(*state, ROWS);
}

static void
test_filters(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(count(desk, &(struct audit_filter){.vm = VM}), ROWS);
    assert_int_equal(count(desk, &(struct audit_filter){.vm = "x"}), 0);
    assert_int_equal(count(desk, &(struct audit_filter){.disk = "disk-3"}), 1);
    assert_int_equal(count(desk, &(struct audit_filter){.what = "denial"}), 0);
    assert_int_equal(
        count(desk, &(struct audit_filter){.what = "grant", .peer = "cn:x"}),
        0);
}

/* The row and what it tells of are durable together, or neither is. */
static void
test_a_row_is_part_of_its_batch(void **state)
{
    struct desk *desk = *state;
    struct store_batch *batch = store_batch_new();
    const struct audit_entry entry = {.what = AUDIT_RELEASE, .peer = "p"};
    struct err err = ERR_INIT;

    assert_int_equal(commit_vm(desk->store, "a", &err), 0);
    audit_append(desk->audit, batch, &entry);
    add_vm(batch, "a");
    assert_int_equal(store_commit(desk->store, batch, &err), -1);
    assert_int_equal(err.kind, ERR_EXISTS);
    assert_whole(desk, ROWS);
    batch = store_batch_new();
    add_vm(batch, "b");
    audit_append(desk->audit, batch, &entry);
    audit_append(desk->audit, batch, &entry);
    assert_int_equal(store_commit(desk->store, batch, &err), 0);
    assert_whole(desk, ROWS + 2);
}

static void
test_the_head_is_noted(void **state)
{
    struct desk *desk = *state;
    struct audit_head last, noted;

    assert_int_equal(audit_head_last(desk->store, &last, NULL), 0);
    assert_int_equal(last.count, ROWS);
    assert_int_equal(audit_head_read(desk->dir, &noted, NULL), 0);
    assert_int_equal(noted.count, ROWS);
    assert_string_equal(noted.hash, last.hash);
    desk_close(desk);
    desk_open(desk);
    grant(desk, "disk-7");
    assert_whole(desk, ROWS + 1);
}

/* It lags behind by what a death leaves: that is no fault, and is mended. */
static void
test_a_head_that_lags(void **state)
{
    struct desk *desk = *state;
    CLEANUP_FREE char *path = mem_printf("%s/audit.head", desk->dir);
    CLEANUP_FREE char *before = file_read(path, 256, NULL, NULL);
    struct audit_head noted;

    grant(desk, "disk-7");
    desk_close(desk);
    unit_write(path, before);
    desk_open(desk);
    assert_whole(desk, ROWS + 1);
    assert_int_equal(audit_head_read(desk->dir, &noted, NULL), 0);
    assert_int_equal(noted.count, ROWS + 1);
}

/* --- denials -------------------------------------------------------------- */

static void
deny(struct desk *desk, const char *peer, const char *vm)
{
    const struct audit_entry entry = {.what = AUDIT_DENIAL,
                                      .peer = peer,
                                      .verb = "StartVm",
                                      .vm = vm,
                                      .subject = "VM_OPERATE",
                                      .result = "denied"};

    audit_denial(desk->audit, &entry);
}

static void
test_a_flood_of_denials_is_counted(void **state)
{
    struct desk *desk = *state;
    const struct audit_filter denials = {.what = "denial"};
    CLEANUP_JSON json_t *page = NULL;

    for (int i = 0; i < 1000; i++) {
        deny(desk, "cn:a", NULL);
        deny(desk, "cn:b", VM);
    }
    settle(desk);
    assert_int_equal(count(desk, &denials), 2);
    audit_flush(desk->audit);
    settle(desk);
    page = rows(desk, &denials);
    assert_int_equal(json_array_size(json_object_get(page, "rows")), 4);
    assert_string_equal(
        json_get_text(json_array_get(json_object_get(page, "rows"), 3), "why",
                      ""),
        "The same 999 times more within 60 s");
    audit_flush(desk->audit);
    settle(desk);
    assert_int_equal(count(desk, &denials), 4);
    deny(desk, "cn:a", NULL);
    settle(desk);
    assert_int_equal(count(desk, &denials), 5);
}

/* More kinds than are counted at a time: none is lost. */
static void
test_many_kinds_of_denials(void **state)
{
    struct desk *desk = *state;
    const struct audit_filter denials = {.what = "denial"};

    for (int i = 0; i < 200; i++) {
        CLEANUP_FREE char *peer = mem_printf("cn:%d", i);

        deny(desk, peer, NULL);
        deny(desk, peer, NULL);
    }
    audit_flush(desk->audit);
    settle(desk);
    assert_int_equal(count(desk, &denials), 400);
    assert_whole(desk, ROWS + 400);
}

/* --- policy --------------------------------------------------------------- */

static void
set_policy(struct desk *desk, const char *text)
{
    CLEANUP_JSON json_t *now = json_parse(text, strlen(text), NULL, NULL);
    const struct audit_entry by = {.peer = "uid:0", .verb = "ReloadConfig"};

    assert_non_null(now);
    audit_policy(desk->audit, now, &by);
    settle(desk);
}

static void
test_policy_is_compared(void **state)
{
    struct desk *desk = *state;
    const struct audit_filter policy = {.what = "policy"};
    CLEANUP_JSON json_t *page = NULL;
    const json_t *row;

    set_policy(desk, "{\"peer a.roles\": \"Monitor\", \"x\": \"1\"}");
    assert_int_equal(count(desk, &policy), 2);
    set_policy(desk, "{\"peer a.roles\": \"Monitor\", \"x\": \"1\"}");
    assert_int_equal(count(desk, &policy), 2);
    set_policy(desk, "{\"peer a.roles\": \"Operator\"}");
    page = rows(desk, &policy);
    assert_int_equal(json_array_size(json_object_get(page, "rows")), 4);
    row = json_array_get(json_object_get(page, "rows"), 2);
    assert_string_equal(json_get_text(row, "subject", ""), "peer a.roles");
    assert_string_equal(json_get_text(row, "before", ""), "Monitor");
    assert_string_equal(json_get_text(row, "after", ""), "Operator");
    assert_string_equal(json_get_text(row, "verb", ""), "ReloadConfig");
    row = json_array_get(json_object_get(page, "rows"), 3);
    assert_string_equal(json_get_text(row, "before", ""), "1");
    assert_true(json_is_null(json_object_get(row, "after")));
    /* What was changed while it did not run is seen at the start. */
    desk_close(desk);
    desk_open(desk);
    set_policy(desk, "{\"peer a.roles\": \"SuperUser\"}");
    assert_int_equal(count(desk, &policy), 5);
    assert_whole(desk, ROWS + 5);
}

/* --- spoilt --------------------------------------------------------------- */

#define CHAIN                                                                  \
    "berth_chain(prev, seq, time_ms, what, result, peer, verb, flow_id, op_id," \
    " vm, vm_name, disk, lun, subject, before, after, why)"

static const struct tampering {
    const char *sql, *part;
} tamperings[] = {
    {"DELETE FROM audit WHERE seq = 3", "row 3 is missing"},
    {"DELETE FROM audit WHERE seq IN (2, 3, 4)", "rows 2 to 4 are missing"},
    {"DELETE FROM audit WHERE seq = 1", "row 1 is missing"},
    {"DELETE FROM audit WHERE seq = 6", "there were 6 rows"},
    {"DELETE FROM audit WHERE seq >= 4", "there were 6 rows"},
    {"DELETE FROM audit", "there were 6 rows"},
    {"UPDATE audit SET peer = 'cn:other' WHERE seq = 2",
     "row 2 was changed"},
    {"UPDATE audit SET result = NULL WHERE seq = 6", "row 6 was changed"},
    {"UPDATE audit SET after = '{\"rawio\":false}' WHERE seq = 4",
     "row 4 was changed"},
    {"UPDATE audit SET time_ms = time_ms - 1 WHERE seq = 1",
     "row 1 was changed"},
    /* A value moved to the next column is another row. */
    {"UPDATE audit SET flow_id = NULL, op_id = 'f-1' WHERE seq = 1",
     "row 1 was changed"},
    {"UPDATE audit SET hash = prev WHERE seq = 5", "row 5 was changed"},
    /* Two rows change places. */
    {"UPDATE audit SET seq = 100 WHERE seq = 2;"
     "UPDATE audit SET seq = 2 WHERE seq = 3;"
     "UPDATE audit SET seq = 3 WHERE seq = 100",
     "row 2 was changed"},
    {"UPDATE audit SET seq = 3 + seq WHERE seq = 6", "rows 6 to 8"},
    /* A row is changed with its own hash, not with those behind it. */
    {"UPDATE audit SET peer = 'cn:other' WHERE seq = 2;"
     "UPDATE audit SET hash = " CHAIN " WHERE seq = 2",
     "row 3 does not follow row 2"},
    {"UPDATE audit SET peer = 'cn:other' WHERE seq = 6;"
     "UPDATE audit SET hash = " CHAIN " WHERE seq = 6",
     "has another hash for row 6"},
};

/* SQL from outside, with the function of the chain. */
static void
tamper(const struct desk *desk, const char *sql)
{
    char path[300];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/berth.db", desk->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(store_chain_install(db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
test_each_tampering_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tamperings) / sizeof(tamperings[0]); i++) {
        void *made;
        struct desk *desk;

        set_up(&made);
        desk = made;
        assert_whole(desk, ROWS);
        desk_close(desk);
        tamper(desk, tamperings[i].sql);
        desk->store = store_peek(desk->dir, NULL);
        assert_fault(desk, NULL, tamperings[i].part);
        store_close(desk->store);
        /* A start does not cover it up, nor does what is added then. */
        desk_open(desk);
        grant(desk, "more");
        assert_fault(desk, NULL, "");
        tear_down(&made);
    }
}

/* All hashes made anew, and the note beside the database, too: what was noted
 * elsewhere tells. */
static void
test_a_chain_made_anew(void **state)
{
    struct desk *desk = *state;
    struct audit_head noted, now;
    CLEANUP_FREE char *path = mem_printf("%s/audit.head", desk->dir);
    CLEANUP_FREE char *line = NULL;

    assert_int_equal(audit_head_last(desk->store, &noted, NULL), 0);
    desk_close(desk);
    tamper(desk, "UPDATE audit SET peer = 'cn:other' WHERE seq = 2");
    for (int i = 2; i <= ROWS; i++) {
        CLEANUP_FREE char *sql = mem_printf(
            "UPDATE audit SET prev = (SELECT hash FROM audit WHERE seq = %d)"
            " WHERE seq = %d; UPDATE audit SET hash = " CHAIN
            " WHERE seq = %d",
            i - 1, i, i);

        tamper(desk, sql);
    }
    desk->store = store_peek(desk->dir, NULL);
    assert_fault(desk, NULL, "the chain was made anew");
    assert_int_equal(audit_head_last(desk->store, &now, NULL), 0);
    line = mem_printf("%d:%s 2026-01-01T00:00:00.000Z\n", ROWS, now.hash);
    unit_write(path, line);
    assert_whole(desk, ROWS);
    assert_fault(desk, &noted, "the noted head has another hash for row 6");
    store_close(desk->store);
    desk_open(desk);
}

static void
test_the_note_is_spoilt(void **state)
{
    struct desk *desk = *state;
    CLEANUP_FREE char *path = mem_printf("%s/audit.head", desk->dir);
    static const char *const texts[] = {
        "", "6", "6:abc now", "x:y z\n",
        "-1:0000000000000000000000000000000000000000000000000000000000000000"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        unit_write(path, texts[i]);
        assert_fault(desk, NULL, "audit.head");
    }
    unlink(path);
    assert_fault(desk, NULL, "audit.head cannot be read");
    /* A start writes it anew, and writes down that it was gone. */
    desk_close(desk);
    desk_open(desk);
    settle(desk);
    assert_fault(desk, NULL, "found at an earlier start");
    assert_int_equal(count(desk, &(struct audit_filter){.what = "fault"}), 1);
    desk_close(desk);
    desk_open(desk);
    settle(desk);
    assert_int_equal(count(desk, &(struct audit_filter){.what = "fault"}), 1);
}

/* An empty one is whole; so is a database that is new. */
static void
test_nothing_yet(void **state)
{
    struct desk desk;

    (void)state;
    unit_folder(desk.dir);
    desk_open(&desk);
    assert_whole(&desk, 0);
    assert_int_equal(count(&desk, &(struct audit_filter){.what = NULL}), 0);
    desk_close(&desk);
}

/* More rows than a page. */
static void
test_a_long_chain(void **state)
{
    struct desk *desk = *state;
    struct store_batch *batch = store_batch_new();
    const struct audit_entry entry = {.what = AUDIT_GRANT, .peer = "p"};

    for (int i = 0; i < 2500; i++)
        audit_append(desk->audit, batch, &entry);
    assert_int_equal(store_commit(desk->store, batch, NULL), 0);
    assert_whole(desk, ROWS + 2500);
    raw(desk->dir, "DELETE FROM audit WHERE seq IN (1000, 2001)");
    assert_fault(desk, NULL, "row 1000 is missing");
    assert_fault(desk, NULL, "row 2001 is missing");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_a_row_holds_what_it_was_given),
        WITH(test_filters),
        WITH(test_a_row_is_part_of_its_batch),
        WITH(test_the_head_is_noted),
        WITH(test_a_head_that_lags),
        WITH(test_a_flood_of_denials_is_counted),
        WITH(test_many_kinds_of_denials),
        WITH(test_policy_is_compared),
        cmocka_unit_test(test_each_tampering_is_found),
        WITH(test_a_chain_made_anew),
        WITH(test_the_note_is_spoilt),
        cmocka_unit_test(test_nothing_yet),
        WITH(test_a_long_chain),
    };

    json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
