// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that change something and are open: equal ones join, those in the
 * queue end by deadline or cancel, and queues are bounded.
 */
#include "tests/unit/front.h"

#include <poll.h>

#define D1 "d1111111-2222-4333-8444-555555555555"
#define D2 "d2222222-2222-4333-8444-555555555555"
#define OP1 "01111111-2222-4333-8444-555555555555"
#define OP2 "02222222-2222-4333-8444-555555555555"

/* A change of a disk of the VM "db"; ' stands for ". Returns owned. */
static char *
line_of(const char *id, const char *verb, const char *disk, const char *more)
{
    char *line =
        mem_printf("{'jsonrpc':'2.0'%s%s,'method':'%s','params':{'vm':'db',"
                   "'disk':'%s'%s}}",
                   id[0] ? ",'id':" : "", id, verb, disk, more);

    for (char *c = line; *c; c++)
        if (*c == '\'')
            *c = '"';
    return line;
}

static void
ask(struct link *link, const char *id, const char *verb, const char *disk,
    const char *more)
{
    CLEANUP_FREE char *line = line_of(id, verb, disk, more);

    link_say(link, line);
}

/* The next answer is to this id; owned. */
static json_t *
hear(struct link *link, int id)
{
    const char *text = link_hear(link);
    json_t *answer;

    assert_non_null(text);
    answer = json_parse(text, strlen(text), &(struct json_limits){16, 0}, NULL);
    assert_non_null(answer);
    if (json_get_int(answer, "id", -1) != id)
        fail_msg("not the answer to %d: %s", id, text);
    return answer;
}

/* … and a change, the nth of the test; its op_id. */
static void
hear_change(struct link *link, int id, int nth, char op_id[UUID_TEXT])
{
    CLEANUP_JSON json_t *answer = hear(link, id);
    const json_t *result = json_object_get(answer, "result");

    assert_int_equal(json_get_int(result, "nth", 0), nth);
    snprintf(op_id, UUID_TEXT, "%s", json_get_text(result, "op_id", ""));
}

static void
hear_error(struct link *link, int id, const char *kind)
{
    CLEANUP_JSON json_t *answer = hear(link, id);
    const json_t *data =
        json_object_get(json_object_get(answer, "error"), "data");

    assert_string_equal(json_get_text(data, "kind", ""), kind);
}

/* All that the client has said so far has been taken. */
static void
settle(struct link *link)
{
    link_say(link, CALL(99, "Who"));
    json_decref(hear(link, 99));
}

static void
until_changes(int n)
{
    pthread_mutex_lock(&gate.mutex);
    while (gate.changes < n)
        pthread_cond_wait(&gate.cond, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

/* --- joining ------------------------------------------------------------- */

static void
equal_calls_run_once(void **state)
{
    struct fixture *f = *state;
    struct link a = link_unix(f->path), b = link_unix(f->path);
    char first[UUID_TEXT], again[UUID_TEXT];

    ask(&a, "1", "Change", D1, "");
    until_changes(1);
    ask(&a, "2", "Change", D1, ",'flow_id':'other'");
    ask(&b, "3", "Change", D1, "");
    settle(&a);
    settle(&b);
    set_gate(true);
    hear_change(&a, 1, 1, first);
    hear_change(&a, 2, 1, again);
    assert_string_equal(again, first);
    hear_change(&b, 3, 1, again);
    assert_string_equal(again, first);
    ask(&b, "4", "Change", D1, ""); /* after it ended: a new one */
    hear_change(&b, 4, 2, again);
    assert_string_not_equal(again, first);
    link_close(&a);
    link_close(&b);
}

static void
an_op_id_names_one_operation(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    char op_id[UUID_TEXT];

    ask(&link, "1", "Change", D1, ",'op_id':'" OP1 "'");
    until_changes(1);
    ask(&link, "2", "Change", D2, ",'op_id':'" OP1 "'");
    hear_error(&link, 2, "OP_ID_CONFLICT"); /* at once */
    ask(&link, "3", "Undo", D1, ",'op_id':'" OP1 "'");
    hear_error(&link, 3, "OP_ID_CONFLICT");
    ask(&link, "4", "Change", D1, ",'op_id':'" OP1 "'");
    ask(&link, "5", "Change", D1, ""); /* joins whatever is equal */
    ask(&link, "6", "Change", D1, ",'op_id':'" OP2 "'");
    settle(&link);
    set_gate(true);
    hear_change(&link, 1, 1, op_id);
    hear_change(&link, 4, 1, op_id);
    hear_change(&link, 5, 1, op_id);
    assert_string_equal(op_id, OP1);
    hear_change(&link, 6, 2, op_id); /* an operation of its own */
    assert_string_equal(op_id, OP2);
    link_close(&link);
}

static void
others_and_dry_runs_do_not_join(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    struct link other = tls(f, "client", TLS1_3_VERSION);
    char op_id[UUID_TEXT];

    ask(&link, "1", "Change", D1, "");
    until_changes(1);
    ask(&link, "2", "Change", D1, ",'dry_run':true");
    settle(&link);
    ask(&other, "3", "Change", D1, "");
    settle(&other);
    set_gate(true);
    hear_change(&link, 1, 1, op_id);
    hear_change(&link, 2, 2, op_id);
    hear_change(&other, 3, 3, op_id);
    link_close(&link);
    link_close(&other);
}

static void
what_is_asked_in_order_ends_in_order(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    char op_id[UUID_TEXT];

    ask(&link, "1", "Change", D1, "");
    until_changes(1);
    ask(&link, "2", "Undo", D2, ""); /* does not touch it */
    ask(&link, "3", "Change", D1, "");
    ask(&link, "4", "Undo", D1, "");
    ask(&link, "5", "Change", D1, "");  /* not what was before the Undo */
    ask(&link, "6", "Undo", "sda", ""); /* whichever that is */
    ask(&link, "7", "Undo", D1, "");
    settle(&link);
    set_gate(true);
    hear_change(&link, 1, 1, op_id);
    hear_change(&link, 3, 1, op_id);
    hear_change(&link, 2, 2, op_id);
    hear_change(&link, 4, 3, op_id);
    hear_change(&link, 5, 4, op_id);
    hear_change(&link, 6, 5, op_id);
    hear_change(&link, 7, 6, op_id);
    link_close(&link);
}

/* Go with an answer unread: the server hears of a reset, not of an end. */
static void
reset(struct link *link)
{
    struct pollfd poll_in = {.fd = link->fd, .events = POLLIN};

    link_say(link, CALL(1, "Who"));
    assert_int_equal(poll(&poll_in, 1, LINK_DEADLINE_S * 1000), 1);
    link_close(link);
}

static void
who_joined_and_went_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path), guest;
    char op_id[UUID_TEXT];

    ask(&link, "1", "Change", D1, "");
    until_changes(1);
    /* More than a peer may have open, were they counted for ever. */
    for (unsigned i = 0; i < LIMIT_PEER_REQUESTS / 100; i++) {
        guest = link_unix(f->path);
        for (int k = 0; k < 200; k++)
            ask(&guest, "2", "Change", D1, "");
        settle(&guest);
        if (i % 2)
            reset(&guest);
        else
            link_close(&guest);
    }
    set_gate(true);
    hear_change(&link, 1, 1, op_id);
    link_close(&link);
}

static void
who_was_first_may_go(void **state)
{
    struct fixture *f = *state;
    struct link first = link_unix(f->path), link = link_unix(f->path);
    char op_id[UUID_TEXT];

    ask(&first, "1", "Change", D1, "");
    until_changes(1);
    ask(&link, "2", "Change", D1, "");
    settle(&link);
    link_close(&first);
    settle(&link);
    set_gate(true);
    hear_change(&link, 2, 1, op_id);
    link_close(&link);
}

static void
batches_and_notifications_join(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    const char *reply;
    char op_id[UUID_TEXT];

    ask(&link, "", "Change", D1, ""); /* it runs, and nobody hears of it */
    until_changes(1);
    ask(&link, "", "Change", D1, "");
    link_say(&link,
             "[" CALL_WITH(1, "Change",
                           "{\"vm\":\"db\",\"disk\":\"" D1
                           "\"}") "," CALL_WITH(2, "Change",
                                                "[\"db\",\"" D1 "\"]") "]");
    ask(&link, "3", "Change", D1, "");
    settle(&link);
    set_gate(true);
    reply = link_hear(&link);
    assert_int_equal(reply[0], '[');
    assert_non_null(strstr(reply, "\"id\":1,\"result\":{\"nth\":1"));
    assert_non_null(strstr(reply, "\"id\":2,\"result\":{\"nth\":1"));
    hear_change(&link, 3, 1, op_id);
    link_close(&link);
}

/* --- bounds -------------------------------------------------------------- */

static void
a_full_queue_is_its_vm_s_own(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    char disk[64], op_id[UUID_TEXT];
    int nth = 1;

    ask(&link, "1", "Change", D1, "");
    until_changes(1);
    for (unsigned i = 0; i < LIMIT_LANE_REQUESTS; i++) {
        snprintf(disk, sizeof(disk), "sd%u", i);
        ask(&link, "2", "Change", disk, "");
    }
    ask(&link, "3", "Change", "one-more", "");
    hear_error(&link, 3, "BUSY");
    assert_non_null(strstr(link.text, "\"queue_depth\":64"));
    assert_non_null(strstr(link.text, "\"retry_after_ms\":"));
    /* Another VM is served, and who joins needs no room. */
    link_say(&link, CALL_WITH(4, "Touch", "[\"hidden\"]"));
    json_decref(hear(&link, 4));
    ask(&link, "2", "Change", disk, "");
    settle(&link);
    set_gate(true);
    hear_change(&link, 1, nth++, op_id);
    for (unsigned i = 0; i < LIMIT_LANE_REQUESTS; i++)
        hear_change(&link, 2, nth++, op_id);
    hear_change(&link, 2, nth - 1, op_id);
    link_close(&link);
}

static void
a_peer_is_bounded_over_its_connections(void **state)
{
    enum { LINKS = LIMIT_PEER_REQUESTS / LIMIT_SESSION_REQUESTS };
    struct fixture *f = *state;
    struct link links[LINKS], one_more = link_unix(f->path);
    struct link other = tls(f, "client", TLS1_3_VERSION);

    for (int i = 0; i < LINKS; i++) {
        links[i] = link_unix(f->path);
        for (unsigned k = 0; k < LIMIT_SESSION_REQUESTS; k++)
            link_say(&links[i], CALL(1, "Wait"));
        settle(&links[i]);
    }
    link_say(&one_more, CALL(2, "Wait"));
    hear_error(&one_more, 2, "BUSY");
    assert_non_null(strstr(one_more.text, "\"queue_depth\":1024"));
    assert_non_null(strstr(one_more.text, "this peer"));
    link_say(&other, CALL(3, "Ask"));
    link_close(&links[0]); /* work that nobody waits for still counts */
    settle(&one_more);
    link_say(&one_more, CALL(4, "Wait"));
    hear_error(&one_more, 4, "BUSY");
    set_gate(true);
    json_decref(hear(&other, 3));
    for (int i = 1; i < LINKS; i++) {
        for (unsigned k = 0; k < LIMIT_SESSION_REQUESTS; k++)
            json_decref(hear(&links[i], 1));
        link_close(&links[i]);
    }
    expect(&one_more, CALL(5, "Wait"), TRUE(5));
    link_close(&one_more);
    link_close(&other);
}

/* --- the queue ----------------------------------------------------------- */

static void
a_deadline_is_kept_in_the_queue(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    CLEANUP_FREE char *late = NULL, *joined = NULL, *both = NULL;
    char op_id[UUID_TEXT];

    ask(&link, "1", "Change", D1, "");
    until_changes(1);
    late = line_of("2", "Change", D2, ",'deadline_ms':30");
    joined = line_of("3", "Change", D2, "");
    both = mem_printf("%s\n%s", late, joined); /* read at once */
    link_say(&link, both);
    ask(&link, "4", "Undo", D2, ",'deadline_ms':60000");
    hear_error(&link, 2, "TIMEOUT"); /* while the first still runs */
    assert_non_null(strstr(link.text, "nothing was done"));
    hear_error(&link, 3, "TIMEOUT");
    set_gate(true);
    hear_change(&link, 1, 1, op_id);
    hear_change(&link, 4, 2, op_id);
    link_close(&link);
}

/* A deadline that comes when it runs is the verb's. */
static void
a_deadline_does_not_end_what_runs(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    char op_id[UUID_TEXT];

    ask(&link, "1", "Change", D1, ",'deadline_ms':500");
    until_changes(1);
    ask(&link, "2", "Undo", D2, ",'deadline_ms':510");
    hear_error(&link, 2, "TIMEOUT");
    set_gate(true);
    hear_change(&link, 1, 1, op_id);
    link_close(&link);
}

static void
cancelled_in_the_queue(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    struct link other = tls(f, "client", TLS1_3_VERSION);
    char op_id[UUID_TEXT];

    ask(&link, "1", "Change", D1, ",'op_id':'" OP1 "'");
    until_changes(1);
    ask(&link, "2", "Change", D2, ",'op_id':'" OP2 "'");
    settle(&link);
    link_say(&other, CALL_WITH(5, "ListOperations", "{\"state\":\"planned\"}"));
    json_decref(hear(&other, 5));
    assert_non_null(strstr(other.text, "\"op_id\":\"" OP2 "\""));
    assert_non_null(strstr(other.text, "\"vm\":\"" VM_UUID "\""));
    assert_non_null(strstr(other.text, "\"waiting_ms\":"));
    link_say(&other, CALL_WITH(6, "CancelOperation", "[\"" OP2 "\"]"));
    json_decref(hear(&other, 6));
    assert_non_null(strstr(other.text, "\"cancelled\":true"));
    assert_non_null(strstr(other.text, "nothing was done"));
    hear_error(&link, 2, "CANCELLED"); /* while the first still runs */

    link_say(&other, CALL_WITH(7, "CancelOperation", "[\"" OP2 "\"]"));
    hear_error(&other, 7, "BAD_STATE");
    link_say(&other, CALL_WITH(8, "GetOperation", "[\"" OP2 "\"]"));
    json_decref(hear(&other, 8));
    assert_non_null(strstr(other.text, "\"state\":\"cancelled\""));
    /* Said again it stays cancelled, a deadline in the queue or not. */
    ask(&link, "3", "Change", D2, ",'op_id':'" OP2 "','deadline_ms':20");
    hear_error(&link, 3, "CANCELLED");
    set_gate(true);
    hear_change(&link, 1, 1, op_id);
    ask(&link, "4", "Change", D2, ",'op_id':'" OP2 "'");
    hear_error(&link, 4, "CANCELLED");
    ask(&link, "5", "Change", D1, ",'op_id':'" OP2 "'");
    hear_error(&link, 5, "OP_ID_CONFLICT");
    link_close(&link);
    link_close(&other);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(equal_calls_run_once),
        WITH(an_op_id_names_one_operation),
        WITH(others_and_dry_runs_do_not_join),
        WITH(what_is_asked_in_order_ends_in_order),
        WITH(who_joined_and_went_is_forgotten),
        WITH(who_was_first_may_go),
        WITH(batches_and_notifications_join),
        WITH(a_full_queue_is_its_vm_s_own),
        WITH(a_peer_is_bounded_over_its_connections),
        WITH(a_deadline_is_kept_in_the_queue),
        WITH(a_deadline_does_not_end_what_runs),
        WITH(cancelled_in_the_queue),
    };

    return prepare() == 0 ? CASES(cases) : 1;
}
