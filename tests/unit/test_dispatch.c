// SPDX-License-Identifier: Apache-2.0
/* Requests through the front room: answers, batches, lanes, limits. */
#include "tests/unit/front.h"

#include <sys/resource.h>

/* --- requests ------------------------------------------------------------ */

static void
requests_are_answered_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);

    expect(&link, CALL_WITH(1, "Echo", "{\"value\":{\"a\":[1]}}"),
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":[1]}}");
    expect_error(&link, "{\"jsonrpc\":\"2.0\",", "PARSE");
    expect_error(&link, "[]", "INVALID_REQUEST");
    expect_error(&link, "{\"id\":1}", "INVALID_REQUEST");
    expect_error(&link, CALL(1, "Secret"), "NO_METHOD");
    expect_error(&link, CALL(1, "Echo"), "INVALID");
    assert_non_null(strstr(link.text, "\"param\":\"value\""));
    expect_error(&link, CALL_WITH(1, "Echo", "{\"value\":{},\"x\":1}"),
                 "INVALID");
    expect_error(&link, CALL(1, "Refuse"), "NO_FREE_PORT");
    assert_non_null(strstr(link.text, "\"op_id\""));
    link_say(&link, CALL(1, "Who"));
    assert_non_null(strstr(link_hear(&link), "\"local\":true"));
    link_close(&link);
}

static void
batches_are_answered_as_one(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    const char *reply;

    link_say(
        &link,
        "[" CALL(1, "Wait") ",1," CALL_WITH(
            2, "Echo", "[{}]") ","
                               "{\"jsonrpc\":\"2.0\",\"method\":\"Who\"}," CALL(
                                   3, "No") "]");
    until_waiting(1);
    set_gate(true);
    reply = link_hear(&link);
    assert_ptr_equal(strstr(reply, "[" TRUE(1) ",{\"jsonrpc\":\"2.0\",\"id\":"
                                               "null,\"error\":"),
                     reply);
    assert_non_null(strstr(reply, "\"id\":2,\"result\":{}}"));
    assert_non_null(strstr(reply, "\"id\":3,\"error\""));
    /* Nothing for notifications: the next line is the next answer. */
    link_say(&link, "[{\"jsonrpc\":\"2.0\",\"method\":\"Who\"},"
                    "{\"jsonrpc\":\"2.0\",\"method\":\"Ask\"}]");
    link_say(&link, "{\"jsonrpc\":\"2.0\",\"method\":\"No\"}");
    expect(&link, CALL(4, "Wait"), TRUE(4));
    link_close(&link);
}

static void
verbs_of_the_host_are_not_for_others(void **state)
{
    struct fixture *f = *state;
    struct link link = tls(f, "client", TLS1_3_VERSION);

    expect_error(&link, CALL(1, "Admin"), "DENIED");
    link_close(&link);
    link = link_unix(f->path);
    link_say(&link, CALL(1, "Admin"));
    assert_non_null(strstr(link_hear(&link), "\"result\""));
    link_close(&link);
}

/* The rules are asked at each request: an open session feels a change. */
static void
without_a_role_there_is_ping(void **state)
{
    struct fixture *f = *state;
    struct access *none = access_new(0), *some = access_new(0);
    struct link link = tls(f, "client", TLS1_3_VERSION);

    link_say(&link, CALL(1, "Who"));
    assert_non_null(strstr(link_hear(&link), "cn:engine-1"));
    atomic_store(&f->env.access, none);
    expect_error(&link, CALL(2, "Who"), "DENIED");
    assert_non_null(strstr(link.text, "VM_OPERATE"));
    expect_error(&link, CALL(2, "Touch"), "DENIED");
    expect_error(&link, CALL(2, "Change"), "DENIED");
    expect_error(&link, CALL(2, "Nowhere"), "DENIED");
    link_say(&link, CALL(3, "Ping"));
    assert_non_null(strstr(link_hear(&link), "\"result\""));
    assert_int_equal(access_add_peer(some, "e", "dns:localhost",
                                     "Operator@vm:db", NULL),
                     0);
    atomic_store(&f->env.access, some);
    link_say(&link, CALL_WITH(4, "Touch", "[\"db\"]"));
    assert_non_null(strstr(link_hear(&link), VM_UUID));
    expect_error(&link, CALL_WITH(5, "Touch", "[\"hidden\"]"), "DENIED");
    expect_error(&link, CALL_WITH(5, "Touch", "[\"none\"]"), "NOT_FOUND");
    expect_error(&link, CALL(5, "Who"), "DENIED");
    link_close(&link);
    atomic_store(&f->env.access, f->access);
    access_free(none);
    access_free(some);
}

static void
a_vm_is_found_before_its_verb_runs(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);

    link_say(&link, CALL_WITH(1, "Touch", "[\"db\"]"));
    assert_non_null(strstr(link_hear(&link), "\"vm\":\"" VM_UUID "\""));
    link_say(&link, CALL_WITH(2, "Touch", "[\"hidden\"]"));
    assert_non_null(strstr(link_hear(&link), "\"vm\":\"" HIDDEN_UUID "\""));
    link_say(&link, CALL(3, "Touch"));
    assert_non_null(strstr(link_hear(&link), "\"vm\":\"\""));
    expect_error(&link, CALL_WITH(4, "Touch", "[\"nowhere\"]"), "NOT_FOUND");
    link_close(&link);
}

static void
big_texts_are_parsed_aside(void **state)
{
    struct fixture *f = *state;
    struct link link = tls(f, "client", TLS1_3_VERSION);
    size_t size = 20u << 20;
    CLEANUP_BUF struct buf text = BUF_INIT;
    CLEANUP_FREE char *fill = mem_zalloc(1, size);

    memset(fill, 'x', size - 1);
    buf_printf(&text, CALL_WITH(1, "Echo", "[{\"a\":\"%s\"}]"), fill);
    link_say(&link, text.data);
    link_say(&link, CALL_WITH(2, "Echo", "[{}]"));
    assert_int_equal(strlen(link_hear(&link)),
                     size - 1 +
                         strlen("{\"jsonrpc\":\"2.0\",\"id\":1,"
                                "\"result\":{\"a\":\"\"}}"));
    assert_string_equal(link_hear(&link),
                        "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}");
    text.data[text.len - 1] = ' '; /* the last brace */
    expect_error(&link, text.data, "PARSE");
    link_close(&link);
}

/* --- limits -------------------------------------------------------------- */

static void
open_requests_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    struct link other = link_unix(f->path);

    for (unsigned i = 0; i < LIMIT_SESSION_REQUESTS; i++)
        link_say(&link, CALL(1, "Wait"));
    expect_error(&link, CALL(2, "Wait"), "BUSY");
    assert_non_null(strstr(link.text, "\"queue_depth\":256"));
    /* Neither memory-only verbs nor others are harmed. */
    expect(&link, CALL_WITH(3, "Echo", "[{}]"),
           "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}");
    expect(&other, CALL_WITH(4, "Echo", "[{}]"),
           "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{}}");
    set_gate(true);
    for (unsigned i = 0; i < LIMIT_SESSION_REQUESTS; i++)
        assert_string_equal(link_hear(&link), TRUE(1));
    link_close(&link);
    link_close(&other);
}

static void
connections_are_bounded(void **state)
{
    struct fixture *f = *state;
    unsigned most = LIMIT_CONNECTIONS + LIMIT_CONNECTIONS_LOCAL;
    struct link *links = mem_zalloc(most, sizeof(*links));
    struct rlimit files;
    struct link link;
    const char *text;
    bool served;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    if (files.rlim_max < 2 * most + 100 ||
        setrlimit(RLIMIT_NOFILE, &files) < 0) {
        free(links);
        skip();
    }
    for (unsigned i = 0; i < most; i++)
        links[i] = link_unix(f->path);
    link = link_unix(f->path);
    assert_non_null(strstr(link_hear(&link), "\"kind\":\"LIMIT\""));
    assert_null(link_hear(&link));
    link_close(&link);
    link = link_tcp(f->port);
    link_until_closed(&link);
    link_close(&link);
    for (unsigned i = 0; i < most; i++)
        expect(&links[i], CALL_WITH(1, "Echo", "[{}]"),
               "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    /* Who only waits for an answer gives way to who asks. */
    link_say(&links[1], CALL(1, "Wait"));
    shutdown(links[1].fd, SHUT_WR);
    until_waiting(1);
    do { /* the server may not have read its end yet */
        link = link_unix(f->path);
        link_say(&link, CALL_WITH(1, "Echo", "[{}]"));
        text = link_hear(&link);
        served = text && strstr(text, "\"result\"");
        if (!served)
            link_close(&link);
    } while (!served);
    assert_null(link_hear(&links[1]));
    link_close(&link);
    for (unsigned i = 0; i < most; i++)
        link_close(&links[i]);
    free(links);
}

/* It asks and asks, and takes nothing: others do not notice. */
static void
one_that_does_not_read_harms_nobody(void **state)
{
    struct fixture *f = *state;
    struct link greedy = tls(f, "client", TLS1_3_VERSION);
    struct link other = tls(f, "client", TLS1_3_VERSION);
    char fill[30000];
    CLEANUP_BUF struct buf text = BUF_INIT;

    memset(fill, 'x', sizeof(fill) - 1);
    fill[sizeof(fill) - 1] = '\0';
    buf_printf(&text, CALL_WITH(1, "Echo", "[{\"a\":\"%s\"}]"), fill);
    for (int i = 0; i < 20; i++) {
        link_say(&greedy, text.data);
        expect(&other, CALL_WITH(2, "Echo", "[{}]"),
               "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}");
    }
    for (int i = 0; i < 20; i++)
        assert_true(strlen(link_hear(&greedy)) > sizeof(fill));
    link_close(&greedy);
    link_close(&other);
}

static void
an_answer_may_find_nobody(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);
    struct link other = link_unix(f->path);

    link_say(&link, CALL(1, "Wait"));
    link_say(&link, "[" CALL(2, "Wait") "," CALL(3, "Wait") "]");
    until_waiting(3);
    link_close(&link);
    set_gate(true);
    expect(&other, CALL(4, "Wait"), TRUE(4));
    link_close(&other);
}

static void
a_closed_half_waits_for_its_answers(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);

    link_say(&link, CALL(1, "Wait"));
    shutdown(link.fd, SHUT_WR);
    until_waiting(1);
    set_gate(true);
    assert_string_equal(link_hear(&link), TRUE(1));
    assert_null(link_hear(&link));
    link_close(&link);
}

#define PLAIN(id, code, text)                                                 \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"error\":{\"code\":" #code              \
    ",\"message\":\"" text "\"}}"

static void
vdsms_names_have_vdsms_numbers(void **state)
{
    struct fixture *f = *state;
    struct link link = link_unix(f->path);

    link_say(&link, CALL_WITH(1, "VM.who", "{\"vmID\":\"db\",\"x\":1}"));
    assert_non_null(strstr(link_hear(&link), "\"vm\":\"" VM_UUID "\""));
    expect(&link, CALL_WITH(2, "VM.refuse", "{\"vmID\":\"db\"}"),
           PLAIN(2, 45, "There is no port."));
    link_say(&link, CALL_WITH(3, "VM.who", "{\"vmID\":\"hidden\"}"));
    assert_non_null(strstr(link_hear(&link), "\"code\":1,"));
    expect(&link, CALL_WITH(4, "VM.refuse", "{\"vmID\":\"other\"}"),
           PLAIN(4, 1, "There is no VM \\\"other\\\"."));
    link_say(&link, CALL(5, "VM.refuse"));
    assert_non_null(strstr(link_hear(&link), "\"code\":-32602,"));
    expect(&link, CALL(6, "VM.nope"),
           PLAIN(6, -32601,
                 "There is no verb \\\"VM.nope\\\"; berthd --dump-verbs "
                 "lists them."));
    link_close(&link);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(requests_are_answered_one_by_one),
        WITH(batches_are_answered_as_one),
        WITH(vdsms_names_have_vdsms_numbers),
        WITH(verbs_of_the_host_are_not_for_others),
        WITH(without_a_role_there_is_ping),
        WITH(a_vm_is_found_before_its_verb_runs),
        WITH(big_texts_are_parsed_aside),
        WITH(open_requests_are_bounded),
        WITH(connections_are_bounded),
        WITH(one_that_does_not_read_harms_nobody),
        WITH(an_answer_may_find_nobody),
        WITH(a_closed_half_waits_for_its_answers),
    };

    return prepare() == 0 ? CASES(cases) : 1;
}
