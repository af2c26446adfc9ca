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
#include "agent/front/pulse.h"
#include "agent/front/wakeup.h"
#include "protocol/limits.h"

#define READ_CHUNK (16 * 1024) /* one TLS record */
#define READ_ROUNDS 4          /* chunks per wake-up: others wait as well */
#define UNSENT_US 5000         /* until it is looked again what is unsent */

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
    struct speech *speech; /* NULL until it is known */
    struct pulse *pulse;   /* NULL: no heart-beats */
    enum phase phase;
    unsigned paused; /* bits of enum pause */
    short wants;     /* EV_READ, EV_WRITE: what the wire waits for */
    bool inside;     /* in on_ready, which settles at its end */
    bool ended;      /* the peer sends no more */
    bool behind;     /* an event was left out; the owner waits for room */
    bool linger;     /* the peer is still sending when we close */
    bool local;
    long pacing_us; /* of a peer that speaks as the engine does */
    long floor_ms;
    uint64_t id;
    char peer[SESSION_PEER];
    struct identity *who; /* owned; NULL until it is known */
    const struct session_owner *owner;
    void *ctx;
    struct wakeup wakeup; /* runs on_ready */
    struct event *timer;
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

/* Something changed, and on_ready is not under way. */
static void
wake(struct session *s)
{
    if (!s->inside)
        wakeup_soon(&s->wakeup);
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
        wakeup_soon(&s->wakeup);
    }
}

static void
put_out(struct session *s)
{
    size_t before = s->wire.waiting;
    int64_t pause_us = 0;

    if (s->phase == PHASE_DEAD)
        return;
    if (wire_busy(&s->wire) && note(s, wire_flush(&s->wire, &pause_us)))
        balance(s, s->wire.waiting < before);
    if (pause_us)
        wakeup_rest(&s->wakeup, pause_us);
    if (s->wire.waiting < before)
        pulse_sent(s->pulse);
    if (s->behind && s->phase == PHASE_OPEN &&
        s->wire.waiting < LIMIT_OUTPUT_EVENTS / 2) {
        s->behind = false;
        s->owner->drained(s->ctx, s);
    }
}

/* --- what the language asks for ------------------------------------------ */

static void
queue_frame(void *ctx, const struct wire_part *parts, size_t n)
{
    struct session *s = ctx;
    bool idle = !wire_busy(&s->wire);

    if (s->phase != PHASE_DETECT && s->phase != PHASE_OPEN)
        return;
    wire_add(&s->wire, parts, n);
    if (s->wire.waiting > LIMIT_OUTPUT) {
        log_warning("%s is disconnected: it does not read, %zu bytes wait",
                    s->peer, s->wire.waiting);
        die(s);
        return;
    }
    if (idle && !s->inside)
        put_out(s);
    else
        balance(s, false);
    if (wire_busy(&s->wire))
        wake(s);
}

static void
take_request(void *ctx, const char *text, size_t len,
             const struct speech_from *from)
{
    struct session *s = ctx;

    s->owner->request(s->ctx, s, text, len, from);
}

static void
take_events(void *ctx, bool wanted)
{
    struct session *s = ctx;

    s->owner->events(s->ctx, s, wanted);
}

static void
take_end(void *ctx)
{
    struct session *s = ctx;

    if (s->ended)
        return;
    s->ended = true;
    s->owner->ended(s->ctx, s);
}

static void
beat(void *ctx)
{
    struct session *s = ctx;
    const struct wire_part lf = {"\n", 1};

    /* What waits to be written is a sign of life as well. */
    if (!wire_busy(&s->wire))
        queue_frame(s, &lf, 1);
}

static void
silent(void *ctx)
{
    struct session *s = ctx;

    if (s->paused) { /* it may well have sent something */
        pulse_heard(s->pulse);
        return;
    }
    log_warning("%s is disconnected: it has not sent the heart-beats that it "
                "promised",
                s->peer);
    die(s);
}

static void
agree(void *ctx, const struct speech_terms *terms)
{
    static const struct pulse_owner pulse_owner = {beat, silent};
    struct session *s = ctx;

    pulse_free(s->pulse);
    s->pulse =
        pulse_new(event_get_base(s->timer), terms, &pulse_owner, s);
    if (!terms->engine)
        return;
    log_debug("%s speaks as the engine does", s->peer);
    s->wire.pacing_us = s->pacing_us;
    wire_reset_at_end(&s->wire);
}

static void
speak(struct session *s, const struct speech_kind *kind)
{
    static const struct speech_owner speech_owner = {
        queue_frame, take_request, agree, take_events, take_end};

    log_debug("%s speaks %s", s->peer, kind->name);
    s->speech = speech_new(kind, &speech_owner, s);
    s->speech->floor_ms = s->floor_ms;
}

void
session_send(struct session *s, const char *reply_to, const char *text,
             size_t len)
{
    if (s->speech)
        s->speech->kind->answer(s->speech, reply_to, text, len);
}

bool
session_send_event(struct session *s, const char *text, size_t len)
{
    if (s->behind || s->wire.waiting + len > LIMIT_OUTPUT_EVENTS)
        s->behind = true;
    else if (s->speech)
        s->speech->kind->event(s->speech, text, len);
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
    log_warning("%s is disconnected: %s", s->peer, err->message);
    s->speech->kind->refuse(s->speech, err);
    s->linger = true;
    session_close(s);
}

/* --- in ------------------------------------------------------------------ */

static void
detect(struct session *s, const char *bytes, size_t len)
{
    const struct speech_kind *kind;
    struct err err = ERR_INIT;

    if (speech_detect(bytes, len, &kind, &err) == 0) {
        if (!kind)
            return;
        speak(s, kind);
        s->phase = PHASE_OPEN;
        set_timer(s, 0);
    } else {
        speak(s, &speech_lines);
        refuse(s, &err);
    }
}

/* All messages that are there. */
static void
deliver(struct session *s, bool last)
{
    struct err err = ERR_INIT;
    int rc = 1;

    while (rc == 1 && s->speech && may_read(s))
        rc = s->speech->kind->next(s->speech, last, &err);
    if (rc < 0)
        refuse(s, &err);
}

static void
end_of_input(struct session *s)
{
    deliver(s, true);
    if (wire_gone(&s->wire))
        die(s);
    else if (s->phase < PHASE_CLOSING)
        take_end(s);
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
    pulse_heard(s->pulse);
    if (s->phase == PHASE_DETECT)
        detect(s, chunk, n);
    if (s->phase == PHASE_OPEN) {
        s->speech->kind->add(s->speech, chunk, n);
        deliver(s, false);
    }
    /* A full chunk, or TLS bytes already off the socket: no event would tell
     * of what is left. */
    return n == sizeof(chunk) ||
           (s->wire.conn && tls_has_pending(s->wire.conn));
}

static void
take_in(struct session *s)
{
    int rounds = 0;

    deliver(s, false);
    while (may_read(s) && read_chunk(s))
        if (++rounds == READ_ROUNDS) {
            wakeup_soon(&s->wakeup);
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
settle(struct session *s)
{
    bool written = !wire_busy(&s->wire);

    if (s->phase == PHASE_CLOSING && written && s->wire.reset &&
        wire_unsent(&s->wire)) {
        wakeup_rest(&s->wakeup, UNSENT_US); /* a reset would drop it */
    } else if (s->phase == PHASE_CLOSING && written) {
        s->phase = s->linger ? PHASE_LINGER : PHASE_DEAD;
        s->wants = EV_READ;
        wire_end_output(&s->wire);
    }
    if (s->phase == PHASE_DEAD) {
        session_free(s);
        return;
    }
    wakeup_want(&s->wakeup, may_read(s) || (s->wants & EV_READ),
                wire_stuck(&s->wire) || (s->wants & EV_WRITE) ||
                    (s->wire.first && !s->wakeup.resting));
}

static void
on_ready(void *ctx)
{
    struct session *s = ctx;

    s->inside = true;
    s->wants = 0;
    if (s->phase == PHASE_HANDSHAKE)
        shake(s);
    if (s->phase == PHASE_LINGER)
        discard(s);
    put_out(s);
    take_in(s);
    put_out(s);
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
session_new(struct event_base *base, const struct session_setup *setup,
            const struct session_owner *owner, void *ctx)
{
    struct session *s = mem_zalloc(1, sizeof(*s));
    int fd = setup->fd;

    wire_init(&s->wire, fd, setup->conn);
    s->phase = setup->conn ? PHASE_HANDSHAKE : PHASE_DETECT;
    s->id = setup->id;
    s->local = setup->local;
    s->pacing_us = setup->pacing_us;
    s->floor_ms = setup->floor_ms;
    snprintf(s->peer, sizeof(s->peer), "%s", setup->peer);
    s->owner = owner;
    s->ctx = ctx;
    wakeup_init(&s->wakeup, base, fd, on_ready, s);
    s->timer = event_new(base, -1, 0, on_timer, s);
    set_timer(s, LIMIT_HANDSHAKE_MS);
    wakeup_want(&s->wakeup, true, false);
    return s;
}

void
session_free(struct session *s)
{
    s->phase = PHASE_DEAD;
    s->inside = true; /* no wake-up for what is being freed */
    s->owner->gone(s->ctx, s);
    wakeup_end(&s->wakeup);
    event_free(s->timer);
    pulse_free(s->pulse);
    if (s->speech)
        s->speech->kind->stop(s->speech);
    wire_close(&s->wire);
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
    return s->local;
}

bool
session_vdsm(const struct session *s)
{
    return s->speech && s->speech->kind->vdsm;
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
