// SPDX-License-Identifier: Apache-2.0
/* STOMP frames, in pieces of any size; limits; heads that berthd sends. */
#include "tests/unit/unit.h"

#include <stdbool.h>

#include "agent/common/mem.h"
#include "protocol/stomp.h"

struct parse {
    struct stomp stomp;
    struct stomp_frame frame;
    struct err err;
};

static enum stomp_state
next(struct parse *p)
{
    return stomp_next(&p->stomp, &p->frame, &p->err);
}

static void
add(struct parse *p, const char *bytes, size_t len)
{
    stomp_add(&p->stomp, bytes, len);
}

/* Frames of a text (with its last NUL), printed: COMMAND name=value;… [body] */
static void
print_frames(struct parse *p, struct buf *out)
{
    while (next(p) == STOMP_FRAME) {
        buf_printf(out, "%s ", p->frame.command);
        for (size_t i = 0; i < p->frame.nheaders; i++)
            buf_printf(out, "%s=%s;", p->frame.headers[i].name,
                       p->frame.headers[i].value);
        buf_printf(out, " [%s]\n", p->frame.body);
        assert_int_equal(strlen(p->frame.body), p->frame.len);
    }
}

/* In every size of pieces. */
static void
reads(const char *bytes, size_t len, const char *expected)
{
    for (size_t piece = 1; piece <= len; piece++) {
        struct parse p = {.err = ERR_INIT};
        CLEANUP_BUF struct buf out = BUF_INIT;

        for (size_t at = 0; at < len; at += piece) {
            add(&p, bytes + at, piece < len - at ? piece : len - at);
            print_frames(&p, &out);
        }
        assert_int_equal(p.err.kind, ERR_NONE);
        assert_string_equal(out.data ? out.data : "", expected);
        assert_false(stomp_pending(&p.stomp));
        stomp_free(&p.stomp);
    }
}

#define READS(bytes, expected) reads(bytes, sizeof(bytes), expected)

static void
refuses(const char *bytes, size_t len, enum err_kind kind, const char *part)
{
    for (size_t piece = 1; piece <= len; piece += piece < 40 ? 1 : 997) {
        struct parse p = {.err = ERR_INIT};
        enum stomp_state state = STOMP_MORE;

        for (size_t at = 0; at < len && state == STOMP_MORE; at += piece) {
            add(&p, bytes + at, piece < len - at ? piece : len - at);
            state = next(&p);
        }
        assert_int_equal(state, STOMP_BAD);
        unit_err(&p.err, kind, part);
        stomp_free(&p.stomp);
    }
}

#define REFUSES(bytes, kind, part) refuses(bytes, sizeof(bytes), kind, part)

static void
frames_are_cut(void **state)
{
    (void)state;
    READS("CONNECT\naccept-version:1.2\nhost:null\n\n\0\n\n"
          "SEND\ndestination:q\ncontent-length:2\n\n{}",
          "CONNECT accept-version=1.2;host=null; []\n"
          "SEND destination=q;content-length=2; [{}]\n");
    READS("\n\r\n\nDISCONNECT\n\n", "DISCONNECT  []\n");
}

static void
what_is_odd_is_let_pass(void **state)
{
    (void)state;
    READS("SEND\r\nhost:[::1]:54321\r\nempty:\r\n\r\nbody",
          "SEND host=[::1]:54321;empty=; [body]\n");
    READS("SEND\na\\cb:\\r\\n\\\\\\t\\\n\nx", "SEND a:b=\r\n\\\\t\\; [x]\n");
    READS("STOMP\npasscode:a\\cb\n\n", "STOMP passcode=a\\cb; []\n");
    READS("SEND\na:1\na:2\ncontent-length: 3 \ncontent-length:9\n\nabc",
          "SEND a=1;a=2;content-length= 3 ;content-length=9; [abc]\n");
}

static void
a_body_may_hold_anything(void **state)
{
    static const char bytes[] = "SEND\ncontent-length:5\n\n\0\n\n\0A";
    struct parse p = {.err = ERR_INIT};

    (void)state;
    add(&p, bytes, sizeof(bytes));
    assert_int_equal(next(&p), STOMP_FRAME);
    assert_int_equal(p.frame.len, 5);
    assert_memory_equal(p.frame.body, "\0\n\n\0A", 5);
    assert_int_equal(next(&p), STOMP_MORE);
    stomp_free(&p.stomp);
}

static void
the_first_header_counts(void **state)
{
    static const char bytes[] = "SEND\na:1\na:2\n\n";
    struct parse p = {.err = ERR_INIT};

    (void)state;
    add(&p, bytes, sizeof(bytes));
    assert_int_equal(next(&p), STOMP_FRAME);
    assert_string_equal(stomp_header(&p.frame, "a"), "1");
    assert_null(stomp_header(&p.frame, "b"));
    stomp_free(&p.stomp);
}

static void
lost_framing_is_told(void **state)
{
    (void)state;
    REFUSES("SEND\nnothing\n\n", ERR_PARSE, "NAME:VALUE");
    REFUSES("SEND\n:nothing\n\n", ERR_PARSE, "NAME:VALUE");
    REFUSES("CONNECT\nhost:x\n\0\n\n", ERR_PARSE, "NUL");
    REFUSES("SEND\ncontent-length:1\n\nab", ERR_PARSE, "content-length");
    REFUSES("SEND\ncontent-length:-1\n\n", ERR_PARSE, "content-length");
    REFUSES("SEND\ncontent-length:\n\n", ERR_PARSE, "content-length");
    REFUSES("SEND\ncontent-length:99999999999999999999\n\n", ERR_LIMIT,
            "33554432");
}

static void
limits_are_kept(void **state)
{
    CLEANUP_BUF struct buf many = BUF_INIT;
    CLEANUP_BUF struct buf wide = BUF_INIT;

    (void)state;
    buf_add_text(&many, "SEND\n");
    for (unsigned i = 0; i < LIMIT_STOMP_HEADERS; i++)
        buf_add_text(&many, "a:1\n");
    buf_add_text(&many, "a:1\n\n");
    refuses(many.data, many.len + 1, ERR_LIMIT, "64 headers");
    buf_add_text(&wide, "SEND\na:");
    while (wide.len <= LIMIT_STOMP_HEAD)
        buf_add_text(&wide, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    refuses(wide.data, wide.len, ERR_LIMIT, "16384");
}

/* A body without a length, longer than any may be. */
static void
an_endless_body_is_refused(void **state)
{
    CLEANUP_FREE char *chunk = mem_zalloc(1, 1 << 20);
    struct parse p = {.err = ERR_INIT};
    enum stomp_state got = STOMP_MORE;

    (void)state;
    memset(chunk, 'x', 1 << 20);
    add(&p, "SEND\n\n", 6);
    for (int i = 0; i < 34 && got == STOMP_MORE; i++) {
        add(&p, chunk, 1 << 20);
        got = next(&p);
    }
    assert_int_equal(got, STOMP_BAD);
    unit_err(&p.err, ERR_LIMIT, "33554432");
    stomp_free(&p.stomp);
}

static void
an_idle_parser_holds_no_memory(void **state)
{
    static const char head[] = "SEND\ncontent-length:65536\n\n";
    CLEANUP_FREE char *body = mem_zalloc(1, 65537);
    struct parse p = {.err = ERR_INIT};

    (void)state;
    add(&p, head, strlen(head));
    add(&p, body, 65537);
    assert_int_equal(next(&p), STOMP_FRAME);
    assert_int_equal(next(&p), STOMP_MORE);
    assert_null(p.stomp.buf.data);
}

static void
beats_are_two_numbers(void **state)
{
    long cx = 0, cy = 0;

    (void)state;
    assert_true(stomp_beats("0,15000", &cx, &cy));
    assert_int_equal(cx, 0);
    assert_int_equal(cy, 15000);
    assert_false(stomp_beats("15000", &cx, &cy));
    assert_false(stomp_beats(",1", &cx, &cy));
    assert_false(stomp_beats("1,", &cx, &cy));
    assert_false(stomp_beats("-1,5", &cx, &cy));
    assert_false(stomp_beats("1,5x", &cx, &cy));
    assert_false(stomp_beats("", &cx, &cy));
}

static void
versions_stand_in_a_list(void **state)
{
    (void)state;
    assert_true(stomp_speaks("1.2", "1.2"));
    assert_true(stomp_speaks("1.0,1.1,1.2", "1.2"));
    assert_true(stomp_speaks("1.2, 1.1", "1.2"));
    assert_false(stomp_speaks("1.0,1.1", "1.2"));
    assert_false(stomp_speaks("11.2", "1.2"));
    assert_false(stomp_speaks("1.25", "1.2"));
    assert_false(stomp_speaks("", "1.2"));
}

static void
heads_are_written(void **state)
{
    const struct stomp_header headers[] = {
        {"destination", "a:b\\c\n\r"}, {"gone", NULL}, {"content-length", "2"}};
    char out[LIMIT_STOMP_OUT];
    size_t len = stomp_head(out, "MESSAGE", headers, 3);

    (void)state;
    assert_int_equal(len, strlen("MESSAGE\ndestination:a\\cb\\\\c\\n\\r\n"
                                 "content-length:2\n\n"));
    assert_memory_equal(out, "MESSAGE\ndestination:a\\cb\\\\c\\n\\r\n"
                             "content-length:2\n\n", len);
}

static void
a_head_has_its_limit(void **state)
{
    CLEANUP_FREE char *value = mem_zalloc(1, LIMIT_STOMP_OUT + 1);
    const struct stomp_header header = {"a", value};
    const size_t around = strlen("M\na:\n\n");
    char out[LIMIT_STOMP_OUT];

    (void)state;
    memset(value, 'x', LIMIT_STOMP_OUT - around);
    assert_int_equal(stomp_head(out, "M", &header, 1), LIMIT_STOMP_OUT);
    value[LIMIT_STOMP_OUT - around] = 'x';
    assert_int_equal(stomp_head(out, "M", &header, 1), 0);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(frames_are_cut),
        cmocka_unit_test(what_is_odd_is_let_pass),
        cmocka_unit_test(a_body_may_hold_anything),
        cmocka_unit_test(the_first_header_counts),
        cmocka_unit_test(lost_framing_is_told),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(an_endless_body_is_refused),
        cmocka_unit_test(an_idle_parser_holds_no_memory),
        cmocka_unit_test(beats_are_two_numbers),
        cmocka_unit_test(versions_stand_in_a_list),
        cmocka_unit_test(heads_are_written),
        cmocka_unit_test(a_head_has_its_limit),
    };

    return CASES(cases);
}
