// SPDX-License-Identifier: Apache-2.0
/* JSON-RPC 2.0: what is taken, what is refused and how, what is answered. */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "protocol/jsonrpc.h"
#include "protocol/limits.h"

#define CLEANUP_MESSAGE CLEANUP(jsonrpc_message_free)

static int
parse(const char *text, struct jsonrpc_message *out, struct err *err)
{
    return jsonrpc_parse(text, strlen(text), out, err);
}

/* The line as a whole is refused. */
static void
line_refused(const char *text, enum err_kind kind, const char *part)
{
    CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;

    assert_int_equal(parse(text, &message, &err), -1);
    assert_int_equal(message.count, 0);
    unit_err(&err, kind, part);
}

/* The line holds one item that is no request. */
static void
item_refused(const char *text, const char *param, const char *id)
{
    CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;
    CLEANUP_TEXT char *shown = NULL;

    assert_int_equal(parse(text, &message, &err), 0);
    assert_int_equal(message.count, 1);
    assert_null(message.requests[0].method);
    unit_err(&message.requests[0].err, ERR_INVALID_REQUEST, "");
    assert_string_equal(message.requests[0].err.param, param);
    shown = json_text(message.requests[0].id, NULL);
    assert_string_equal(shown, id);
}

static void
a_request_is_taken_apart(void **state)
{
    CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;
    const struct jsonrpc_request *request;

    (void)state;
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"method\":\"Ping\","
                           "\"params\":{\"a\":1},\"id\":7}\r",
                           &message, &err),
                     0);
    assert_false(message.batch);
    assert_int_equal(message.count, 1);
    request = &message.requests[0];
    assert_string_equal(request->method, "Ping");
    assert_int_equal(json_get_int(request->params, "a", 0), 1);
    assert_int_equal(json_integer_value(request->id), 7);
}

static void
params_go_by_position_too(void **state)
{
    CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(parse("{\"jsonrpc\":\"2.0\",\"method\":\"GetVm\","
                           "\"params\":[\"db\"],\"id\":1}",
                           &message, &err),
                     0);
    assert_true(json_is_array(message.requests[0].params));
}

static void
ids_of_any_type_come_back(void **state)
{
    static const char *const ids[] = {
        "1",
        "-9223372036854775808",
        "9223372036854775807",
        "1.5",
        "null",
        "\"a\\\"b\"",
        "\"\"",
        "true",
        "[1]",
        "{\"a\":[]}",
        "false",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
        CLEANUP_TEXT char *line = mem_printf(
            "{\"jsonrpc\":\"2.0\",\"method\":\"Ping\",\"id\":%s}", ids[i]);
        CLEANUP_TEXT char *wanted =
            mem_printf("{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}", ids[i]);
        struct err err = ERR_INIT;
        CLEANUP_JSON json_t *reply = NULL;
        CLEANUP_TEXT char *text = NULL;

        assert_int_equal(parse(line, &message, &err), 0);
        assert_non_null(message.requests[0].id);
        reply = jsonrpc_result(message.requests[0].id, json_object());
        text = json_text(reply, NULL);
        assert_string_equal(text, wanted);
    }
}

static void
without_id_it_is_a_notification(void **state)
{
    CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(
        parse("{\"jsonrpc\":\"2.0\",\"method\":\"Ping\"}", &message, &err), 0);
    assert_null(message.requests[0].id);
    assert_null(message.requests[0].params);
    assert_string_equal(message.requests[0].method, "Ping");
}

static void
text_that_is_no_json(void **state)
{
    static const char *const bad[] = {
        "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\"",
        "{} {}",
        "{}x",
        "{\"a\":1,\"a\":2}",
        "{\"id\":1e999}",
        "{\"id\":9223372036854775808}",
        "{\"id\":\"\xff\"}",
        "{\"id\":\"\xc0\x80\"}",
        "{\"id\":\"\\u0000\"}",
        "[1,",
        "\xef\xbb\xbf{}",
        "",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        line_refused(bad[i], ERR_PARSE, "");
}

static void
lines_that_are_no_request_at_all(void **state)
{
    (void)state;
    line_refused("1", ERR_INVALID_REQUEST, "request");
    line_refused("\"Ping\"", ERR_INVALID_REQUEST, "request");
    line_refused("null", ERR_INVALID_REQUEST, "request");
    line_refused("[]", ERR_INVALID_REQUEST, "empty");
}

static void
items_that_are_no_request(void **state)
{
    (void)state;
    item_refused("{}", "jsonrpc", "null");
    item_refused("{\"id\":3}", "jsonrpc", "3");
    item_refused("{\"jsonrpc\":2.0,\"method\":\"Ping\",\"id\":3}", "jsonrpc",
                 "3");
    item_refused("{\"jsonrpc\":\"1.0\",\"method\":\"Ping\"}", "jsonrpc",
                 "null");
    item_refused("{\"jsonrpc\":\"2.0\",\"id\":\"x\"}", "method", "\"x\"");
    item_refused("{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}",
                 "method", "null");
    item_refused("{\"jsonrpc\":\"2.0\",\"method\":\"\",\"id\":1}", "method",
                 "1");
    item_refused("{\"jsonrpc\":\"2.0\",\"method\":\"P\",\"params\":\"bar\"}",
                 "params", "null");
    item_refused("{\"jsonrpc\":\"2.0\",\"method\":\"P\",\"params\":null,"
                 "\"id\":1}",
                 "params", "1");
    item_refused("[1]", "request", "null");
    item_refused("[[]]", "request", "null");
}

static void
a_long_method_is_refused(void **state)
{
    char name[200];
    CLEANUP_TEXT char *line = NULL;

    (void)state;
    memset(name, 'x', sizeof(name));
    name[129] = '\0';
    line = mem_printf("{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"id\":1}", name);
    item_refused(line, "method", "1");
}

/* The batch of the specification's section 7. */
static void
a_mixed_batch_is_judged_item_by_item(void **state)
{
    CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(
        parse("[{\"jsonrpc\":\"2.0\",\"method\":\"sum\",\"params\":[1,2],"
              "\"id\":\"1\"},"
              "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":[7]},"
              "{\"foo\":\"boo\"},"
              "{\"jsonrpc\":\"2.0\",\"method\":\"get\",\"id\":\"9\"}]",
              &message, &err),
        0);
    assert_true(message.batch);
    assert_int_equal(message.count, 4);
    assert_string_equal(message.requests[0].method, "sum");
    assert_null(message.requests[1].id);
    assert_null(message.requests[2].method);
    assert_true(json_is_null(message.requests[2].id));
    assert_string_equal(message.requests[3].method, "get");
}

static void
the_length_of_a_batch_is_bounded(void **state)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    CLEANUP_MESSAGE struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&text, "[1");
    for (size_t i = 1; i < LIMIT_BATCH; i++)
        buf_add_text(&text, ",1");
    buf_add_text(&text, "]");
    assert_int_equal(parse(text.data, &message, &err), 0);
    assert_int_equal(message.count, LIMIT_BATCH);
    text.data[text.len - 1] = ',';
    buf_add_text(&text, "1]");
    line_refused(text.data, ERR_LIMIT, "1001");
}

static void
the_depth_of_a_line_is_bounded(void **state)
{
    CLEANUP_BUF struct buf text = BUF_INIT;

    (void)state;
    for (size_t i = 0; i <= LIMIT_DEPTH; i++)
        buf_add_text(&text, "[");
    line_refused(text.data, ERR_LIMIT, "");
}

static void
the_memory_of_a_parse_is_bounded(void **state)
{
    CLEANUP_BUF struct buf text = BUF_INIT;

    (void)state;
    buf_add_text(&text, "[{}");
    for (size_t i = 0; i < 200000; i++)
        buf_add_text(&text, ",{}");
    buf_add_text(&text, "]");
    line_refused(text.data, ERR_LIMIT, "memory");
}

static void
an_error_says_all_that_is_known(void **state)
{
    struct err err = {.kind = ERR_HYPERVISOR_FAILED,
                      .message = "Step attach failed.",
                      .step = "attach",
                      .virt_code = 38,
                      .virt_domain = 10,
                      .virt_message = "cannot open"};
    CLEANUP_JSON json_t *reply = jsonrpc_error(NULL, &err, "op-1");
    CLEANUP_TEXT char *text = json_text(reply, NULL);

    (void)state;
    assert_string_equal(
        text, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32018,"
              "\"message\":\"Step attach failed.\",\"data\":{"
              "\"kind\":\"HYPERVISOR_FAILED\",\"class\":\"fix_host\","
              "\"step\":\"attach\",\"op_id\":\"op-1\",\"libvirt\":{"
              "\"code\":38,\"domain\":10,\"message\":\"cannot open\"}}}}");
}

static void
an_error_leaves_out_what_is_not_set(void **state)
{
    struct err err = {.kind = ERR_BUSY, .retry_after_ms = 50, .queue_depth = 9};
    CLEANUP_JSON json_t *object = NULL;
    CLEANUP_TEXT char *text = NULL;

    (void)state;
    object = jsonrpc_error_object(&err, NULL);
    text = json_text(object, NULL);
    assert_string_equal(
        text, "{\"code\":-32003,\"message\":\"Too much is queued, or the "
              "thing is in use\",\"data\":{\"kind\":\"BUSY\","
              "\"class\":\"retry_after\",\"retry_after_ms\":50,"
              "\"queue_depth\":9}}");
}

static void
foreign_bytes_in_an_error_become_json(void **state)
{
    struct err err = {.kind = ERR_INTERNAL, .message = "bad \xff byte"};
    CLEANUP_JSON json_t *object = jsonrpc_error_object(&err, NULL);

    (void)state;
    assert_string_equal(json_get_text(object, "message", ""), "bad ? byte");
}

static void
a_notification_has_no_id(void **state)
{
    CLEANUP_JSON json_t *event = jsonrpc_notification("event", json_object());
    CLEANUP_TEXT char *text = json_text(event, NULL);

    (void)state;
    assert_string_equal(
        text, "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{}}");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(params_go_by_position_too),
        cmocka_unit_test(ids_of_any_type_come_back),
        cmocka_unit_test(without_id_it_is_a_notification),
        cmocka_unit_test(text_that_is_no_json),
        cmocka_unit_test(lines_that_are_no_request_at_all),
        cmocka_unit_test(items_that_are_no_request),
        cmocka_unit_test(a_long_method_is_refused),
        cmocka_unit_test(a_mixed_batch_is_judged_item_by_item),
        cmocka_unit_test(the_length_of_a_batch_is_bounded),
        cmocka_unit_test(the_depth_of_a_line_is_bounded),
        cmocka_unit_test(the_memory_of_a_parse_is_bounded),
        cmocka_unit_test(an_error_says_all_that_is_known),
        cmocka_unit_test(an_error_leaves_out_what_is_not_set),
        cmocka_unit_test(foreign_bytes_in_an_error_become_json),
        cmocka_unit_test(a_notification_has_no_id),
    };

    json_init();
    return CASES(cases);
}
