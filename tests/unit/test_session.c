// SPDX-License-Identifier: Apache-2.0
/*
 * A connection on a socketpair: lines in, frames out, limits. The loop is
 * turned by hand; a peer is the other descriptor.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "agent/common/buf.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/session.h"
#include "protocol/limits.h"

struct fixture {
    struct event_base *base;
    struct session *session; /* NULL when it has gone */
    int peer;
    struct buf seen; /* lines, each ended by '|' */
    int lines;
    bool ended;
    bool echo;
    bool close_when_ended;
    bool pause_at_line;
    int drained;
};

static void
on_request(void *ctx, struct session *session, const char *text, size_t len,
           const struct speech_from *from)
{
    struct fixture *f = ctx;

    assert_null(from->reply_to);
    f->lines++;
    if (len < 100) {
        buf_add(&f->seen, text, len);
        buf_add_text(&f->seen, "|");
    }
    if (f->echo)
        session_send(session, NULL, text, len);
    if (f->pause_at_line)
        session_pause(session);
}

static void
on_ended(void *ctx, struct session *session)
{
    struct fixture *f = ctx;

    f->ended = true;
    if (f->close_when_ended)
        session_close(session);
}

static void
on_gone(void *ctx, struct session *session)
{
    struct fixture *f = ctx;

    assert_ptr_equal(f->session, session);
    f->session = NULL;
}

static void
on_drained(void *ctx, struct session *session)
{
    struct fixture *f = ctx;

    f->drained++;
    assert_true(session_send_event(session, "dropped", 7));
}

static void
on_events(void *ctx, struct session *session, bool wanted)
{
    (void)ctx;
    (void)session;
    (void)wanted;
}

static const struct session_owner owner = {on_request, on_events, on_ended,
                                           on_gone, on_drained};

static int
set_up(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof(*f));
    int fds[2];

    f->base = event_base_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);
    f->peer = fds[1];
    f->session = session_new(
        f->base,
        &(struct session_setup){
            .fd = fds[0], .peer = "uid:0", .id = 7, .local = true},
        &owner, f);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->session)
        session_free(f->session);
    if (f->peer >= 0)
        close(f->peer);
    event_base_free(f->base);
    buf_free(&f->seen);
    free(f);
    return 0;
}

/* All that can be done now. */
static void
turn(struct fixture *f)
{
    for (int i = 0; i < 64; i++)
        event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static void
say(struct fixture *f, const char *text)
{
    assert_int_equal(write(f->peer, text, strlen(text)), strlen(text));
    turn(f);
}

/* What the peer can read now; the last byte is the NUL. */
static size_t
hear(struct fixture *f, char *out, size_t size)
{
    size_t len = 0;
    ssize_t n;

    turn(f);
    while (len < size - 1 &&
           (n = read(f->peer, out + len, size - 1 - len)) > 0) {
        len += (size_t)n;
        turn(f);
    }
    out[len] = '\0';
    return len;
}

static bool
at_end(struct fixture *f)
{
    char c;

    turn(f);
    return read(f->peer, &c, 1) == 0;
}

static void
lines_go_to_the_owner(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(session_id(f->session), 7);
    assert_string_equal(session_peer(f->session), "uid:0");
    assert_true(session_local(f->session));
    say(f, "{\"a\":1}\n{\"b\"");
    say(f, ":2}\n[3]\n");
    assert_string_equal(f->seen.data, "{\"a\":1}|{\"b\":2}|[3]|");
}

static void
what_is_sent_arrives_as_lines(void **state)
{
    struct fixture *f = *state;
    char text[64];

    f->echo = true;
    say(f, "{}\n[]\n");
    session_send(f->session, NULL, "{\"x\":0}", 7);
    hear(f, text, sizeof(text));
    assert_string_equal(text, "{}\n[]\n{\"x\":0}\n");
}

static void
white_space_may_come_first(void **state)
{
    struct fixture *f = *state;

    say(f, "\r\n  {}\n");
    assert_string_equal(f->seen.data, "  {}|");
}

static void
other_languages_get_one_line(void **state)
{
    struct fixture *f = *state;
    char text[1024];

    say(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(f, text, sizeof(text));
    assert_non_null(strstr(text, "\"code\":-32700"));
    assert_non_null(strstr(text, "\"id\":null"));
    assert_non_null(strstr(text, "STOMP 1.2, and JSON-RPC"));
    assert_int_equal(f->lines, 0);
    assert_true(at_end(f));
    close(f->peer);
    f->peer = -1;
    turn(f);
    assert_null(f->session);
}

static void
a_zero_byte_is_no_language(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(write(f->peer, "\0{}\n", 4), 4);
    turn(f);
    assert_int_equal(f->lines, 0);
    session_send(f->session, NULL, "{}", 2); /* too late: dropped */
}

static void
a_line_that_is_too_long_ends_it(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *chunk = mem_zalloc(1, 65536);
    char text[1024];
    size_t sent = 0;

    memset(chunk, '[', 65536);
    while (sent <= LIMIT_LINE + 65536) {
        ssize_t n = write(f->peer, chunk, 65536);

        sent += n > 0 ? (size_t)n : 0;
        event_base_loop(f->base, EVLOOP_NONBLOCK);
        if (n < 0 && errno != EAGAIN)
            break;
    }
    hear(f, text, sizeof(text));
    assert_non_null(strstr(text, "\"kind\":\"LIMIT\""));
    assert_non_null(strstr(text, "\"id\":null"));
    assert_int_equal(f->lines, 0);
    assert_true(at_end(f));
}

static void
a_pause_rests_lines_that_are_there(void **state)
{
    struct fixture *f = *state;

    f->pause_at_line = true;
    say(f, "[1]\n[2]\n[3]\n");
    assert_int_equal(f->lines, 1);
    session_resume(f->session);
    turn(f);
    assert_int_equal(f->lines, 2);
    f->pause_at_line = false;
    session_resume(f->session);
    turn(f);
    assert_string_equal(f->seen.data, "[1]|[2]|[3]|");
}

static void
a_slow_reader_is_not_read_from(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *reply = mem_zalloc(1, LIMIT_OUTPUT_PAUSE);
    CLEANUP_FREE char *text = mem_zalloc(2, LIMIT_OUTPUT_PAUSE);
    size_t got;

    memset(reply, 'x', LIMIT_OUTPUT_PAUSE);
    say(f, "[1]\n");
    for (int i = 0; i < 2; i++)
        session_send(f->session, NULL, reply, LIMIT_OUTPUT_PAUSE);
    say(f, "[2]\n");
    assert_int_equal(f->lines, 1);
    got = hear(f, text, 2 * LIMIT_OUTPUT_PAUSE);
    assert_true(got > LIMIT_OUTPUT_PAUSE);
    assert_int_equal(f->lines, 2);
}

static void
one_who_never_reads_is_cut_off(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *reply = mem_zalloc(1, 1 << 20);

    memset(reply, 'x', 1 << 20);
    say(f, "[1]\n");
    for (int i = 0; i < 63; i++)
        session_send(f->session, NULL, reply, 1 << 20);
    turn(f);
    assert_non_null(f->session);
    session_send(f->session, NULL, reply, 1 << 20);
    session_send(f->session, NULL, reply, 1 << 20);
    turn(f);
    assert_null(f->session);
}

static void
a_closed_half_still_gets_its_answers(void **state)
{
    struct fixture *f = *state;
    char text[64];

    f->echo = true;
    assert_int_equal(write(f->peer, "[1]\n[2]", 7), 7);
    shutdown(f->peer, SHUT_WR);
    turn(f);
    assert_true(f->ended);
    assert_non_null(f->session);
    session_send(f->session, NULL, "[3]", 3);
    session_close(f->session);
    hear(f, text, sizeof(text));
    assert_string_equal(text, "[1]\n[2]\n[3]\n");
    assert_null(f->session);
}

static void
closing_writes_what_waits(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *reply = mem_zalloc(1, LIMIT_OUTPUT_PAUSE);
    CLEANUP_FREE char *text = mem_zalloc(2, LIMIT_OUTPUT_PAUSE);
    size_t len;

    memset(reply, 'x', LIMIT_OUTPUT_PAUSE);
    say(f, "[1]\n");
    session_send(f->session, NULL, reply, LIMIT_OUTPUT_PAUSE);
    session_close(f->session);
    len = hear(f, text, 2 * LIMIT_OUTPUT_PAUSE);
    assert_int_equal(len, LIMIT_OUTPUT_PAUSE + 1);
    assert_null(f->session);
}

static void
a_peer_that_has_gone_ends_it(void **state)
{
    struct fixture *f = *state;

    f->close_when_ended = true;
    close(f->peer);
    f->peer = -1;
    turn(f);
    assert_null(f->session);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Answers are kept for a slow reader, events are not. */
static void
events_are_left_out_for_a_slow_reader(void **state)
{
    static char text[64 * 1024], heard[2 * LIMIT_OUTPUT_EVENTS];
    struct fixture *f = *state;
    int sent = 0;
    size_t len = 0;
    ssize_t n;

    memset(text, 'e', sizeof(text));
    say(f, "{}\n");
    while (session_send_event(f->session, text, sizeof(text)))
        sent++;
    turn(f);
    assert_int_equal(f->drained, 0);
    assert_false(session_send_event(f->session, "small", 5));
    session_send(f->session, NULL, "answer", 6);
    for (int quiet = 0; quiet < 3;) {
        turn(f);
        n = read(f->peer, heard, sizeof(heard));
        quiet = n > 0 ? 0 : quiet + 1;
        len += n > 0 ? (size_t)n : 0;
    }
    assert_non_null(f->session);
    assert_int_equal(f->drained, 1);
    assert_int_equal(len, (size_t)sent * (sizeof(text) + 1) +
                              strlen("answer\ndropped\n"));
    assert_true(session_send_event(f->session, "small", 5));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(lines_go_to_the_owner),
        WITH(what_is_sent_arrives_as_lines),
        WITH(white_space_may_come_first),
        WITH(other_languages_get_one_line),
        WITH(a_zero_byte_is_no_language),
        WITH(a_line_that_is_too_long_ends_it),
        WITH(a_pause_rests_lines_that_are_there),
        WITH(a_slow_reader_is_not_read_from),
        WITH(one_who_never_reads_is_cut_off),
        WITH(events_are_left_out_for_a_slow_reader),
        WITH(a_closed_half_still_gets_its_answers),
        WITH(closing_writes_what_waits),
        WITH(a_peer_that_has_gone_ends_it),
    };

    signal(SIGPIPE, SIG_IGN);
    json_init();
    log_set_level(LOG_ERROR);
    return CASES(cases);
}
