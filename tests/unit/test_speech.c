// SPDX-License-Identifier: Apache-2.0
/*
 * A conversation in STOMP without a socket: what each frame is answered with,
 * byte by byte. In the texts '|' is LF and '^' is NUL.
 */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/front/speech.h"
#include "protocol/limits.h"

struct fixture {
    struct speech *speech;
    struct buf sent; /* frames in order */
    struct buf asked; /* requests: TEXT>REPLY_TO/FLOW; */
    struct speech_terms terms;
    int agreed, ended;
    int events; /* -1: not told */
};

static void
send(void *ctx, const struct wire_part *parts, size_t n)
{
    struct fixture *f = ctx;

    for (size_t i = 0; i < n; i++)
        buf_add(&f->sent, parts[i].data, parts[i].len);
}

static void
request(void *ctx, const char *text, size_t len, const struct speech_from *from)
{
    struct fixture *f = ctx;

    buf_add(&f->asked, text, len);
    buf_printf(&f->asked, ">%s/%s;", from->reply_to ? from->reply_to : "-",
               from->flow_id ? from->flow_id : "-");
}

static void
agreed(void *ctx, const struct speech_terms *terms)
{
    struct fixture *f = ctx;

    f->terms = *terms;
    f->agreed++;
}

static void
events(void *ctx, bool wanted)
{
    ((struct fixture *)ctx)->events = wanted;
}

static void
ended(void *ctx)
{
    ((struct fixture *)ctx)->ended++;
}

static const struct speech_owner owner = {send, request, agreed, events, ended};

static int
set_up(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof(*f));

    f->speech = speech_new(&speech_stomp, &owner, f);
    f->speech->floor_ms = 5000;
    f->events = -1;
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    f->speech->kind->stop(f->speech);
    buf_free(&f->sent);
    buf_free(&f->asked);
    free(f);
    return 0;
}

static void
swap(char *text, size_t len, char from, char to)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == from)
            text[i] = to;
}

/* Say frames; what comes of the last message. */
static int
say(struct fixture *f, const char *frames, struct err *err)
{
    size_t len = strlen(frames);
    CLEANUP_FREE char *bytes = mem_dup(frames);
    int rc;

    swap(bytes, len, '|', '\n');
    swap(bytes, len, '^', '\0');
    f->speech->kind->add(f->speech, bytes, len);
    while ((rc = f->speech->kind->next(f->speech, false, err)) == 1)
        ;
    return rc;
}

static void
hears(struct fixture *f, const char *expected)
{
    CLEANUP_FREE char *text = mem_zalloc(1, f->sent.len + 1);

    if (f->sent.len)
        memcpy(text, f->sent.data, f->sent.len);
    swap(text, f->sent.len, '\n', '|');
    swap(text, f->sent.len, '\0', '^');
    assert_string_equal(text, expected);
    buf_clear(&f->sent);
}

static void
expect(struct fixture *f, const char *frames, const char *expected)
{
    struct err err = ERR_INIT;

    if (say(f, frames, &err) < 0)
        fail_msg("%s: %s", frames, err.message);
    hears(f, expected);
}

/* --- CONNECT --------------------------------------------------------------- */

static void
versions_and_beats_are_agreed_on(void **state)
{
    struct fixture *f = *state;

    expect(f, "CONNECT|accept-version:1.2|heart-beat:0,24000||^",
           "CONNECTED|version:1.2|heart-beat:24000,0||^");
    assert_int_equal(f->terms.expects_ms, 24000);
    assert_int_equal(f->terms.sends_ms, 0);
    assert_false(f->terms.engine);
    expect(f, "STOMP|accept-version:1.0,1.1,1.2||^",
           "CONNECTED|version:1.2|heart-beat:0,0||^");
    expect(f, "CONNECT|accept-version:1.2|heart-beat:10,20||^",
           "CONNECTED|version:1.2|heart-beat:1000,1000||^");
    assert_int_equal(f->terms.sends_ms, 1000);
    expect(f, "CONNECT|accept-version:1.2|heart-beat:99999999999,0||^",
           "CONNECTED|version:1.2|heart-beat:0,86400000||^");
    assert_int_equal(f->agreed, 4);
}

static void
the_engine_is_known_by_its_connect(void **state)
{
    struct fixture *f = *state;

    expect(f, "CONNECT|accept-version:1.2|heart-beat:0,15000|host:null||^",
           "CONNECTED|version:1.2|heart-beat:15000,0||^");
    assert_true(f->terms.engine);
    expect(f, "CONNECT|accept-version:1.2|heart-beat:0,2002|host:h||^",
           "CONNECTED|version:1.2|heart-beat:5000,0||^");
    assert_true(f->terms.engine);
    expect(f, "CONNECT|accept-version:1.2|host:null||^",
           "CONNECTED|version:1.2|heart-beat:0,0||^");
    assert_true(f->terms.engine);
    expect(f, "CONNECT|accept-version:1.2|host:h|heart-beat:0,0||^",
           "CONNECTED|version:1.2|heart-beat:0,0||^");
    assert_false(f->terms.engine);
    expect(f, "CONNECT|accept-version:1.1,1.2|host:h|heart-beat:0,9||^",
           "CONNECTED|version:1.2|heart-beat:1000,0||^");
    assert_false(f->terms.engine);
}

static void
what_is_not_spoken_is_told(void **state)
{
    struct fixture *f = *state;

    expect(f, "CONNECT|accept-version:1.1||^",
           "ERROR|message:STOMP 1.1 is not spoken here; expected 1.2 in "
           "accept-version.|version:1.2|content-type:text/plain|"
           "content-length:61||STOMP 1.1 is not spoken here; expected 1.2 in "
           "accept-version.^");
    expect(f, "CONNECT|accept-version:1.2|heart-beat:often||^",
           "ERROR|message:heart-beat is \"often\"; expected two numbers of "
           "milliseconds, such as 0,15000.|version:1.2|"
           "content-type:text/plain|content-length:77||heart-beat is "
           "\"often\"; expected two numbers of milliseconds, such as "
           "0,15000.^");
    assert_int_equal(f->agreed, 0);
}

/* --- requests and answers ------------------------------------------------- */

#define ASK "SEND|destination:jms.topic.vdsm_requests|"

static void
requests_go_to_the_owner(void **state)
{
    struct fixture *f = *state;

    expect(f,
           ASK "reply-to:q|ovirtCorrelationId:f-1|content-length:2||{}^|" ASK
               "|[]^SEND|destination:jms.topic.vdsm_irs_requests.x||1^",
           "");
    assert_string_equal(f->asked.data,
                        "{}>q/f-1;[]>jms.topic.vdsm_responses/-;"
                        "1>jms.topic.vdsm_responses/-;");
}

static void
answers_go_to_the_subscriptions_of_their_address(void **state)
{
    struct fixture *f = *state;

    expect(f,
           "SUBSCRIBE|destination:q|id:1|ack:auto||^"
           "SUBSCRIBE|destination:other|id:2||^",
           "");
    f->speech->kind->answer(f->speech, "q", "{\"a\":\"\xc3\xa4\"}", 10);
    hears(f, "MESSAGE|destination:q|content-type:application/json|"
             "subscription:1|content-length:10||{\"a\":\"\xc3\xa4\"}^");
    f->speech->kind->answer(f->speech, "nobody", "{}", 2);
    hears(f, "");
    expect(f, "SUBSCRIBE|destination:q|id:3||^", "");
    f->speech->kind->answer(f->speech, "q", "{}", 2);
    hears(f, "MESSAGE|destination:q|content-type:application/json|"
             "subscription:1|content-length:2||{}^"
             "MESSAGE|destination:q|content-type:application/json|"
             "subscription:3|content-length:2||{}^");
    expect(f, "UNSUBSCRIBE|id:1||^UNSUBSCRIBE|id:1||^UNSUBSCRIBE|id:3||^", "");
    f->speech->kind->answer(f->speech, "q", "{}", 2);
    hears(f, "");
}

static void
events_are_for_those_who_subscribe(void **state)
{
    struct fixture *f = *state;

    f->speech->kind->event(f->speech, "{}", 2);
    hears(f, "");
    expect(f, "SUBSCRIBE|destination:jms.queue.events|id:e||^", "");
    assert_int_equal(f->events, true);
    f->events = -1;
    expect(f, "SUBSCRIBE|destination:jms.queue.events|id:e2||^", "");
    assert_int_equal(f->events, -1);
    expect(f, "UNSUBSCRIBE|id:e||^", "");
    assert_int_equal(f->events, -1);
    f->speech->kind->event(f->speech, "{}", 2);
    hears(f, "MESSAGE|destination:jms.queue.events|"
             "content-type:application/json|subscription:e2|content-length:2||"
             "{}^");
    expect(f, "UNSUBSCRIBE|id:e2||^", "");
    assert_int_equal(f->events, false);
}

static void
nothing_is_sent_on(void **state)
{
    struct fixture *f = *state;

    expect(f,
           "SUBSCRIBE|destination:jms.queue.events|id:e||^"
           "SEND|destination:jms.queue.events|receipt:r||{}^",
           "ERROR|message:Nothing is sent on to \"jms.queue.events\"\\c "
           "requests go to jms.topic.vdsm_requests, and their answers to who "
           "asked.|receipt-id:r|content-type:text/plain|content-length:113||"
           "Nothing is sent on to \"jms.queue.events\": requests go to "
           "jms.topic.vdsm_requests, and their answers to who asked.^");
    assert_null(f->asked.data);
    expect(f,
           "SUBSCRIBE|destination:jms.topic.vdsm_requests|id:spy||^" ASK
           "|{}^",
           "");
}

/* --- receipts and errors -------------------------------------------------- */

static void
receipts_for_all_who_ask(void **state)
{
    struct fixture *f = *state;

    expect(f, "SUBSCRIBE|destination:q|id:1|receipt:a\\cb||^",
           "RECEIPT|receipt-id:a\\cb||^");
    expect(f, ASK "receipt:s||{}^", "RECEIPT|receipt-id:s||^");
    expect(f, "ACK|id:1|receipt:k||^", "RECEIPT|receipt-id:k||^");
    expect(f, "UNSUBSCRIBE|id:1|receipt:u||^", "RECEIPT|receipt-id:u||^");
    expect(f, "CONNECT|accept-version:1.2|receipt:c||^",
           "CONNECTED|version:1.2|heart-beat:0,0||^RECEIPT|receipt-id:c||^");
    assert_int_equal(f->ended, 0);
    expect(f, "DISCONNECT|receipt:bye||^", "RECEIPT|receipt-id:bye||^");
    assert_int_equal(f->ended, 1);
}

#define ERROR_IS(f, frames, title)                                            \
    do {                                                                      \
        struct err err_ = ERR_INIT;                                           \
        assert_int_equal(say(f, frames, &err_), 0);                           \
        assert_int_equal(strncmp((f)->sent.data, "ERROR\nmessage:" title,     \
                                 strlen("ERROR\nmessage:" title)), 0);        \
        buf_clear(&(f)->sent);                                                \
    } while (0)

static void
what_is_missing_is_named(void **state)
{
    struct fixture *f = *state;

    ERROR_IS(f, "SUBSCRIBE|id:1||^", "A SUBSCRIBE frame needs the header dest");
    ERROR_IS(f, "SUBSCRIBE|destination:q||^", "A SUBSCRIBE frame needs the he");
    ERROR_IS(f, "UNSUBSCRIBE||^", "A UNSUBSCRIBE frame needs the header id.");
    ERROR_IS(f, "SEND||{}^", "A SEND frame needs the header destination.");
    ERROR_IS(f, ASK "transaction:t||{}^", "Transactions are not spoken here");
    ERROR_IS(f, "BEGIN|transaction:t||^", "Transactions are not spoken here");
    expect(f, "SUBSCRIBE|destination:q|id:1||^", "");
    ERROR_IS(f, "SUBSCRIBE|destination:q|id:1||^", "There is a subscription");
    assert_null(f->asked.data);
}

static void
subscriptions_are_bounded(void **state)
{
    struct fixture *f = *state;
    char frame[64];

    for (unsigned i = 0; i < LIMIT_STOMP_SUBSCRIPTIONS; i++) {
        snprintf(frame, sizeof(frame), "SUBSCRIBE|destination:q|id:%u||^", i);
        expect(f, frame, "");
    }
    ERROR_IS(f, "SUBSCRIBE|destination:q|id:x||^", "There are 64 subscripti");
    expect(f, "UNSUBSCRIBE|id:0||^SUBSCRIBE|destination:q|id:x||^", "");
}

/* What comes back in a head must leave it below its limit. */
static void
names_are_bounded(void **state)
{
    struct fixture *f = *state;
    char name[LIMIT_STOMP_NAME + 2] = "";
    CLEANUP_BUF struct buf frame = BUF_INIT;
    struct err err = ERR_INIT;

    memset(name, ':', LIMIT_STOMP_NAME); /* each is escaped */
    buf_printf(&frame, "SUBSCRIBE|destination:%s|id:%s|receipt:%s||^", name,
               name, name);
    assert_int_equal(say(f, frame.data, &err), 0);
    assert_int_equal(strncmp(f->sent.data, "RECEIPT", 7), 0);
    buf_clear(&f->sent);
    f->speech->kind->answer(f->speech, name, "{}", 2);
    assert_int_equal(strncmp(f->sent.data, "MESSAGE", 7), 0);
    assert_true(f->sent.len < 1024 + 3);
    buf_clear(&f->sent);
    memset(name, 'x', LIMIT_STOMP_NAME + 1);
    buf_clear(&frame);
    buf_printf(&frame, "SUBSCRIBE|destination:%s|id:2||^", name);
    ERROR_IS(f, frame.data, "The header destination is longer than 200 bytes");
    buf_clear(&frame);
    buf_printf(&frame, ASK "reply-to:%s||{}^", name);
    ERROR_IS(f, frame.data, "The header reply-to is longer than 200 bytes");
    buf_clear(&frame);
    buf_printf(&frame, ASK "receipt:%s||{}^", name);
    ERROR_IS(f, frame.data, "The header receipt is longer than 200 bytes");
    assert_null(f->asked.data);
}

static void
what_is_no_command_ends_it(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;

    assert_int_equal(say(f, "SUBMIT|a:b||^", &err), -1);
    unit_err(&err, ERR_PARSE, "SUBMIT");
    f->speech->kind->refuse(f->speech, &err);
    hears(f, "ERROR|message:\"SUBMIT\" is no command of a STOMP 1.2 client; the "
             "connection ends.|content-type:text/plain|content-length:66||"
             "\"SUBMIT\" is no command of a STOMP 1.2 client; the connection "
             "ends.^");
}

/* --- which language -------------------------------------------------------- */

static void
first_bytes_tell(void **state)
{
    const struct speech_kind *kind;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(speech_detect("CONNECT", 7, &kind, &err), 0);
    assert_ptr_equal(kind, &speech_stomp);
    assert_int_equal(speech_detect("\r\n\nSEND", 7, &kind, &err), 0);
    assert_ptr_equal(kind, &speech_stomp);
    assert_int_equal(speech_detect("\n{", 2, &kind, &err), 0);
    assert_ptr_equal(kind, &speech_lines);
    assert_int_equal(speech_detect("\n\r\n", 3, &kind, &err), 0);
    assert_null(kind);
    assert_int_equal(speech_detect("GET / HTTP/1.1", 14, &kind, &err), -1);
    unit_err(&err, ERR_PARSE, "STOMP");
    assert_int_equal(speech_detect("\0", 1, &kind, &err), -1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(versions_and_beats_are_agreed_on),
        WITH(the_engine_is_known_by_its_connect),
        WITH(what_is_not_spoken_is_told),
        WITH(requests_go_to_the_owner),
        WITH(answers_go_to_the_subscriptions_of_their_address),
        WITH(events_are_for_those_who_subscribe),
        WITH(nothing_is_sent_on),
        WITH(receipts_for_all_who_ask),
        WITH(what_is_missing_is_named),
        WITH(subscriptions_are_bounded),
        WITH(names_are_bounded),
        WITH(what_is_no_command_ends_it),
        cmocka_unit_test(first_bytes_tell),
    };

    return CASES(cases);
}
