// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a connection. Every wake-up (socket, timer, or a call from
 * outside that changed something) ends in on_ready, which moves what can be
 * moved and then settles: asks libevent for what is still wanted, or frees
 * the session. on_timer and session_free are the only other ends.
 *   handshake → detect: the client's certificate is verified
 *   detect → open: the first byte is that of a language spoken here
 *   open → closing: the owner closed, or framing is lost (then → linger)
 *   closing → dead: the output is written; any → dead: error, time out
 */
#include "agent/front/session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/wire.h"
#include "protocol/jsonrpc.h"
#include "protocol/limits.h"
#include "protocol/lines.h"

#define READ_CHUNK (16 * 1024) /* one TLS record */
#define READ_ROUNDS 4          /* chunks per wake-up: others wait as well */

enum phase {
    PHASE_HANDSHAKE,
    PHASE_DETECT,
    PHASE_OPEN,
    PHASE_CLOSING,
    PHASE_LINGER, /* all is written; the peer must see it before a reset */
    PHASE_DEAD,
};

enum pause { PAUSE_OWNER = 1, PAUSE_OUTPUT = 2 };

struct session {
    struct wire wire;
    struct lines lines;
    enum phase phase;
    unsigned paused; /* bits of enum pause */
    short wants;     /* EV_READ, EV_WRITE: what the wire waits for */
    bool inside;     /* in on_ready, which settles at its end */
    bool ended;      /* the peer sends no more */
    bool behind;     /* an event was left out; the owner waits for room */
    bool linger;     /* the peer is still sending when we close */
    bool reading;    /* readable is added */
    bool writing;    /* writable is added */
    uint64_t id;
    char peer[SESSION_PEER];
    struct identity *who; /* owned; NULL until it is known */
    const struct session_owner *owner;
    void *ctx;
    struct event *readable;
    struct event *writable;
    struct event *again; /* run on_ready soon */
    struct event *timer;
};

/* Languages by their first byte. */
static const struct language {
    const char *name;
    const char *first;
} languages[] = {
    {"JSON-RPC lines", "{[ \t\r\n"},
};

static void
set_timer(struct session *s, int ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000,
                               .tv_usec = ms % 1000 * 1000};

    if (ms)
        event_add(s->timer, &tv);
    else
        event_del(s->timer);
}

/* Have on_ready run soon. An event of its own, without a descriptor: libevent
 * does not insert an event that is active, so those of the socket would be
 * lost by an event_add that comes while they are. */
static void
run_again(struct session *s)
{
    event_active(s->again, 0, 0);
}

/* Something changed, and on_ready is not under way. */
static void
wake(struct session *s)
{
    if (!s->inside)
        run_again(s);
}

static void
die(struct session *s)
{
    s->phase = PHASE_DEAD;
    wake(s);
}

static bool
may_read(const struct session *s)
{
    return (s->phase == PHASE_DETECT || s->phase == PHASE_OPEN) && !s->paused &&
           !s->ended;
}

/* Remember what the wire waits for; false when it is over. */
static bool
note(struct session *s, enum tls_io io)
{
    if (io == TLS_WANT_READ)
        s->wants |= EV_READ;
    else if (io == TLS_WANT_WRITE)
        s->wants |= EV_WRITE;
    else if (io != TLS_DONE)
        die(s);
    return s->phase != PHASE_DEAD;
}

/* --- out ----------------------------------------------------------------- */

/* A peer that does not take its answers may ask nothing more meanwhile. */
static void
balance(struct session *s, bool moved)
{
    bool paused = s->paused & PAUSE_OUTPUT;

    if (s->phase != PHASE_OPEN)
        return;
    if (s->wire.waiting > LIMIT_OUTPUT_PAUSE) {
        s->paused |= PAUSE_OUTPUT;
        if (!paused || moved)
            set_timer(s, LIMIT_STALL_MS);
    } else if (paused && s->wire.waiting < LIMIT_OUTPUT_PAUSE / 2) {
        s->paused &= ~(unsigned)PAUSE_OUTPUT;
        set_timer(s, 0);
        run_again(s);
    }
}

static void
put_out(struct session *s)
{
    size_t before = s->wire.waiting;

    if (s->wire.first && note(s, wire_flush(&s->wire)))
        balance(s, s->wire.waiting < before);
    if (s->behind && s->phase == PHASE_OPEN &&
        s->wire.waiting < LIMIT_OUTPUT_EVENTS / 2) {
        s->behind = false;
        s->owner->drained(s->ctx, s);
    }
}

void
session_send(struct session *s, const char *text, size_t len)
{
    bool idle = !s->wire.first;

    if (s->phase != PHASE_DETECT && s->phase != PHASE_OPEN)
        return;
    if (s->wire.waiting + len >= LIMIT_OUTPUT) {
        log_warning("%s is disconnected: it does not read, %zu bytes wait",
                    s->peer, s->wire.waiting + len);
        die(s);
        return;
    }
    wire_add(&s->wire, text, len);
    if (idle)
        put_out(s);
    else
        balance(s, false);
    if (s->wire.first)
        wake(s);
}

bool
session_send_event(struct session *s, const char *text, size_t len)
{
    if (s->behind || s->wire.waiting + len > LIMIT_OUTPUT_EVENTS)
        s->behind = true;
    else
        session_send(s, text, len);
    return !s->behind;
}

void
session_close(struct session *s)
{
    if (s->phase == PHASE_HANDSHAKE)
        die(s);
    if (s->phase >= PHASE_CLOSING)
        return;
    s->phase = PHASE_CLOSING;
    set_timer(s, LIMIT_CLOSE_MS);
    wake(s);
}

/* Framing is lost or was never there: say why and end. */
static void
refuse(struct session *s, const struct err *err)
{
    CLEANUP_JSON json_t *reply = jsonrpc_error(NULL, err, NULL);
    size_t len;
    CLEANUP_TEXT char *text = json_text(reply, &len);

    log_warning("%s is disconnected: %s", s->peer, err->message);
    session_send(s, text, len);
    s->linger = true;
    session_close(s);
}

/* --- in ------------------------------------------------------------------ */

static void
detect(struct session *s, char first)
{
    struct err err = ERR_INIT;

    set_timer(s, 0);
    for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
        if (first && strchr(languages[i].first, first)) {
            log_debug("%s speaks %s", s->peer, languages[i].name);
            s->phase = PHASE_OPEN;
            return;
        }
    err_set(&err, ERR_PARSE,
            "Neither STOMP nor HTTP is spoken here: send JSON-RPC 2.0, one "
            "object or batch per line, whose first byte is '{' or '['.");
    refuse(s, &err);
}

static void
deliver(struct session *s,
        enum lines_state (*next)(struct lines *, const char **, size_t *))
{
    struct err err = ERR_INIT;
    const char *text;
    size_t len;

    while (may_read(s)) {
        enum lines_state state = next(&s->lines, &text, &len);

        if (state == LINES_MORE)
            return;
        if (state == LINES_LINE) {
            s->owner->line(s->ctx, s, text, len);
            continue;
        }
        err_set(&err, ERR_LIMIT,
                "A line is longer than %u bytes; the connection ends, since "
                "where the next line begins is not known.",
                LIMIT_LINE);
        refuse(s, &err);
    }
}

static void
end_of_input(struct session *s)
{
    deliver(s, lines_last);
    s->ended = true;
    if (wire_gone(&s->wire))
        die(s);
    else if (s->phase < PHASE_CLOSING)
        s->owner->ended(s->ctx, s);
}

/* One read; false when there is no more for now. */
static bool
read_chunk(struct session *s)
{
    char chunk[READ_CHUNK];
    size_t n = 0;
    enum tls_io io = wire_read(&s->wire, chunk, sizeof(chunk), &n);

    if (io == TLS_CLOSED) {
        end_of_input(s);
        return false;
    }
    if (io != TLS_DONE) {
        note(s, io);
        return false;
    }
    if (s->phase == PHASE_DETECT)
        detect(s, chunk[0]);
    if (s->phase != PHASE_OPEN)
        return false;
    lines_add(&s->lines, chunk, n);
    deliver(s, lines_next);
    /* A full chunk, or TLS bytes already off the socket: no event would tell
     * of what is left. */
    return n == sizeof(chunk) ||
           (s->wire.conn && tls_has_pending(s->wire.conn));
}

static void
take_in(struct session *s)
{
    int rounds = 0;

    deliver(s, lines_next);
    while (may_read(s) && read_chunk(s))
        if (++rounds == READ_ROUNDS) {
            run_again(s);
            return;
        }
}

/* What a refused peer still sends is dropped unseen. */
static void
discard(struct session *s)
{
    char chunk[READ_CHUNK];
    ssize_t n = recv(s->wire.fd, chunk, sizeof(chunk), MSG_DONTWAIT);

    s->wants |= EV_READ;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        die(s);
}

static void
shake(struct session *s)
{
    char why[256] = "";
    enum tls_io io = tls_handshake(s->wire.conn, why, sizeof(why));

    if (why[0])
        log_warning("TLS handshake with %s failed: %s", s->peer, why);
    if (!note(s, io) || io != TLS_DONE)
        return;
    s->phase = PHASE_DETECT;
    set_timer(s, LIMIT_HANDSHAKE_MS);
    s->who = tls_identity(s->wire.conn);
    log_info("%s is connected from %s", identity_name(s->who), s->peer);
    snprintf(s->peer, sizeof(s->peer), "%s", identity_name(s->who));
}

/* --- life ---------------------------------------------------------------- */

static void
want(struct event *event, bool on, bool *added)
{
    if (on == *added)
        return;
    *added = on;
    if (on)
        event_add(event, NULL);
    else
        event_del(event);
}

static void
settle(struct session *s)
{
    if (s->phase == PHASE_CLOSING && !s->wire.first) {
        s->phase = s->linger ? PHASE_LINGER : PHASE_DEAD;
        s->wants = EV_READ;
        wire_end_output(&s->wire);
    }
    if (s->phase == PHASE_DEAD) {
        session_free(s);
        return;
    }
    want(s->readable, may_read(s) || (s->wants & EV_READ), &s->reading);
    want(s->writable, s->wire.first || (s->wants & EV_WRITE), &s->writing);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;

    (void)fd;
    (void)what;
    s->inside = true;
    s->wants = 0;
    if (s->phase == PHASE_HANDSHAKE)
        shake(s);
    if (s->phase == PHASE_LINGER)
        discard(s);
    put_out(s);
    take_in(s);
    s->inside = false;
    settle(s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    static const char *const why[] = {
        [PHASE_HANDSHAKE] = "the TLS handshake takes too long",
        [PHASE_DETECT] = "it sent nothing",
        [PHASE_OPEN] = "it does not read its answers",
        [PHASE_CLOSING] = "it does not read its last answers",
    };
    struct session *s = arg;

    (void)fd;
    (void)what;
    if (s->phase <= PHASE_CLOSING)
        log_warning("%s is disconnected: %s", s->peer, why[s->phase]);
    session_free(s);
}

struct session *
session_new(struct event_base *base, int fd, struct tls_conn *conn,
            const char *peer, uint64_t id, const struct session_owner *owner,
            void *ctx)
{
    struct session *s = mem_zalloc(1, sizeof(*s));

    wire_init(&s->wire, fd, conn);
    s->phase = conn ? PHASE_HANDSHAKE : PHASE_DETECT;
    s->id = id;
    snprintf(s->peer, sizeof(s->peer), "%s", peer);
    s->owner = owner;
    s->ctx = ctx;
    s->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, s);
    s->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_ready, s);
    s->again = event_new(base, -1, 0, on_ready, s);
    s->timer = event_new(base, -1, 0, on_timer, s);
    set_timer(s, LIMIT_HANDSHAKE_MS);
    want(s->readable, true, &s->reading);
    return s;
}

void
session_free(struct session *s)
{
    s->phase = PHASE_DEAD;
    s->inside = true; /* no wake-up for what is being freed */
    s->owner->gone(s->ctx, s);
    event_free(s->readable);
    event_free(s->writable);
    event_free(s->again);
    event_free(s->timer);
    wire_close(&s->wire);
    lines_free(&s->lines);
    identity_unref(s->who);
    free(s);
}

uint64_t
session_id(const struct session *s)
{
    return s->id;
}

const char *
session_peer(const struct session *s)
{
    return s->peer;
}

const struct identity *
session_identity(const struct session *s)
{
    return s->who;
}

void
session_set_identity(struct session *s, struct identity *who)
{
    s->who = who;
    snprintf(s->peer, sizeof(s->peer), "%s", identity_name(who));
}

bool
session_local(const struct session *s)
{
    return !s->wire.conn;
}

void
session_pause(struct session *s)
{
    s->paused |= PAUSE_OWNER;
    wake(s);
}

void
session_resume(struct session *s)
{
    s->paused &= ~(unsigned)PAUSE_OWNER;
    wake(s);
}
