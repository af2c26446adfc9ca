// SPDX-License-Identifier: Apache-2.0
/*
 * A conversation in STOMP 1.2 as VDSM's clients hold it: frames in any order,
 * a CONNECT or none, subscriptions of this connection alone. It is no broker:
 * what a client sends is a request, and nobody but itself hears the answer.
 * Every frame goes out whole, LF only, its head below 1,024 bytes.
 */
#include "agent/front/speech.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"
#include "protocol/stomp.h"

#define VERSION "1.2"
#define EVENTS "jms.queue.events"
#define RESPONSES "jms.topic.vdsm_responses"
#define FLOOR_MS 1000
#define BEAT_MAX_MS 86400000L /* a day: what is asked may be any number */
#define MESSAGE_MAX 200 /* bytes of ERROR's header; the body has it all */

static const char *const request_queues[] = {
    "jms.topic.vdsm_requests",
    "jms.topic.vdsm_irs_requests",
};

struct subscription {
    char *id;
    char *destination;
};

struct stomp_speech {
    struct speech speech;
    struct stomp stomp;
    struct subscription subs[LIMIT_STOMP_SUBSCRIPTIONS];
    size_t nsubs;
    size_t events; /* subscriptions to EVENTS */
};

static struct stomp_speech *
of(struct speech *speech)
{
    return (struct stomp_speech *)speech;
}

/* --- out ----------------------------------------------------------------- */

static void
send_frame(struct stomp_speech *s, const char *command,
           const struct stomp_header *headers, size_t n, const char *body,
           size_t len)
{
    char head[LIMIT_STOMP_OUT];
    const struct wire_part parts[] = {
        {head, stomp_head(head, command, headers, n)}, {body, len}, {"", 1}};

    s->speech.owner->send(s->speech.ctx, parts, 3);
}

static void
send_receipt(struct stomp_speech *s, const char *receipt)
{
    const struct stomp_header header = {"receipt-id", receipt};

    if (receipt)
        send_frame(s, "RECEIPT", &header, 1, NULL, 0);
}

/* receipt, version: NULL when they do not stand there. */
static void
send_error(struct stomp_speech *s, const struct err *err, const char *receipt,
           const char *version)
{
    size_t len = strlen(err->message);
    char title[MESSAGE_MAX + 1], size[24];
    const struct stomp_header headers[] = {
        {"message", title},
        {"receipt-id", receipt},
        {"version", version},
        {"content-type", "text/plain"},
        {"content-length", size},
    };

    snprintf(title, sizeof(title), "%.*s", MESSAGE_MAX, err->message);
    utf8_trim(title);
    snprintf(size, sizeof(size), "%zu", len);
    send_frame(s, "ERROR", headers, 5, err->message, len);
}

/* A MESSAGE to each subscription of this connection that has the destination.
 * STOMP's message-id is left out as VDSM does: nothing is acknowledged. */
static void
deliver(struct stomp_speech *s, const char *destination, const char *text,
        size_t len)
{
    char size[24];
    struct stomp_header headers[] = {
        {"destination", destination},
        {"content-type", "application/json"},
        {"subscription", NULL},
        {"content-length", size},
    };
    size_t heard = 0;

    snprintf(size, sizeof(size), "%zu", len);
    for (size_t i = 0; i < s->nsubs; i++) {
        if (strcmp(s->subs[i].destination, destination) != 0)
            continue;
        headers[2].value = s->subs[i].id;
        send_frame(s, "MESSAGE", headers, 4, text, len);
        heard++;
    }
    if (!heard)
        log_debug("nobody has subscribed to \"%s\": a message is dropped",
                  destination);
}

/* --- frames: 0, or -1 + err which is told by an ERROR --------------------- */

/* A name that a peer gave and that comes back in heads of ours. */
static int
check_name(const char *header, const char *value, struct err *err)
{
    if (strlen(value) <= LIMIT_STOMP_NAME)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "The header %s is longer than %u bytes, which is the most.",
                   header, LIMIT_STOMP_NAME);
}

/* The value of a header that must be there; NULL + err. */
static const char *
need(const struct stomp_frame *frame, const char *header, struct err *err)
{
    const char *value = stomp_header(frame, header);

    if (!value || !*value) {
        err_set(err, ERR_INVALID, "A %s frame needs the header %s.",
                frame->command, header);
        return NULL;
    }
    return check_name(header, value, err) < 0 ? NULL : value;
}

static long
raise_beat(long ms, long floor_ms)
{
    if (ms == 0)
        return 0;
    if (ms > BEAT_MAX_MS)
        return BEAT_MAX_MS;
    return ms < floor_ms ? floor_ms : ms;
}

/* The engine names a host ("null" unless told otherwise), asks for one version
 * alone, wants heart-beats and promises none. */
static bool
is_engine(const struct stomp_frame *frame, const struct speech_terms *terms)
{
    const char *host = stomp_header(frame, "host");
    const char *accept = stomp_header(frame, "accept-version");

    return host && strcmp(accept, VERSION) == 0 && terms->sends_ms == 0 &&
           (terms->expects_ms > 0 || strcmp(host, "null") == 0);
}

static int
take_connect(struct stomp_speech *s, const struct stomp_frame *frame,
             struct err *err)
{
    const char *accept = stomp_header(frame, "accept-version");
    const char *beat = stomp_header(frame, "heart-beat");
    struct speech_terms terms = {.sends_ms = 0};
    char agreed[48];
    const struct stomp_header headers[] = {{"version", VERSION},
                                           {"heart-beat", agreed}};
    long floor_ms;

    if (!accept || !stomp_speaks(accept, VERSION))
        return err_set(err, ERR_UNSUPPORTED,
                       "STOMP %.32s is not spoken here; expected 1.2 in "
                       "accept-version.",
                       accept ? accept : "1.0");
    if (beat && !stomp_beats(beat, &terms.sends_ms, &terms.expects_ms))
        return err_set(err, ERR_INVALID,
                       "heart-beat is \"%.64s\"; expected two numbers of "
                       "milliseconds, such as 0,15000.",
                       beat);
    terms.engine = is_engine(frame, &terms);
    floor_ms = terms.engine ? s->speech.floor_ms : FLOOR_MS;
    terms.sends_ms = raise_beat(terms.sends_ms, FLOOR_MS);
    terms.expects_ms = raise_beat(terms.expects_ms, floor_ms);
    snprintf(agreed, sizeof(agreed), "%ld,%ld", terms.expects_ms,
             terms.sends_ms);
    s->speech.owner->agreed(s->speech.ctx, &terms);
    send_frame(s, "CONNECTED", headers, 2, NULL, 0);
    return 0;
}

static struct subscription *
find_sub(struct stomp_speech *s, const char *id)
{
    for (size_t i = 0; i < s->nsubs; i++)
        if (strcmp(s->subs[i].id, id) == 0)
            return &s->subs[i];
    return NULL;
}

static void
count_events(struct stomp_speech *s, const char *destination, bool more)
{
    size_t before = s->events;

    if (strcmp(destination, EVENTS) != 0)
        return;
    s->events = more ? before + 1 : before - 1;
    if (!before != !s->events)
        s->speech.owner->events(s->speech.ctx, more);
}

static int
take_subscribe(struct stomp_speech *s, const struct stomp_frame *frame,
               struct err *err)
{
    const char *destination = need(frame, "destination", err);
    const char *id = destination ? need(frame, "id", err) : NULL;

    if (!id)
        return -1;
    if (find_sub(s, id))
        return err_set(err, ERR_EXISTS,
                       "There is a subscription with the id \"%s\" on this "
                       "connection already; choose another.",
                       id);
    if (s->nsubs == LIMIT_STOMP_SUBSCRIPTIONS)
        return err_set(err, ERR_LIMIT,
                       "There are %u subscriptions on this connection, which "
                       "is the most; end one first.",
                       LIMIT_STOMP_SUBSCRIPTIONS);
    s->subs[s->nsubs++] =
        (struct subscription){mem_dup(id), mem_dup(destination)};
    count_events(s, destination, true);
    return 0;
}

static int
take_unsubscribe(struct stomp_speech *s, const struct stomp_frame *frame,
                 struct err *err)
{
    const char *id = need(frame, "id", err);
    struct subscription *sub = id ? find_sub(s, id) : NULL;

    if (!sub)
        return id ? 0 : -1;
    count_events(s, sub->destination, false);
    free(sub->id);
    free(sub->destination);
    *sub = s->subs[--s->nsubs];
    return 0;
}

/* A request queue, or a part ".x" of one. */
static bool
is_request_queue(const char *destination)
{
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(request_queues[i]);

        if (strncmp(destination, request_queues[i], len) == 0 &&
            (!destination[len] || destination[len] == '.'))
            return true;
    }
    return false;
}

static int
take_send(struct stomp_speech *s, const struct stomp_frame *frame,
          struct err *err)
{
    const char *destination = need(frame, "destination", err);
    struct speech_from from = {stomp_header(frame, "reply-to"),
                               stomp_header(frame, "ovirtCorrelationId")};

    if (!destination)
        return -1;
    if (stomp_header(frame, "transaction"))
        return err_set(err, ERR_UNSUPPORTED,
                       "Transactions are not spoken here; send the request "
                       "without one.");
    if (!is_request_queue(destination))
        return err_set(err, ERR_NOT_FOUND,
                       "Nothing is sent on to \"%s\": requests go to %s, and "
                       "their answers to who asked.",
                       destination, request_queues[0]);
    if (!from.reply_to || !*from.reply_to)
        from.reply_to = RESPONSES;
    if (check_name("reply-to", from.reply_to, err) < 0)
        return -1;
    s->speech.owner->request(s->speech.ctx, frame->body, frame->len, &from);
    return 0;
}

/* Every subscription is acknowledged by its delivery: nothing is to be done. */
static int
take_ack(struct stomp_speech *s, const struct stomp_frame *frame,
         struct err *err)
{
    (void)s;
    (void)frame;
    (void)err;
    return 0;
}

static int
take_transaction(struct stomp_speech *s, const struct stomp_frame *frame,
                 struct err *err)
{
    (void)s;
    return err_set(err, ERR_UNSUPPORTED,
                   "Transactions are not spoken here, so %s means nothing.",
                   frame->command);
}

static const struct frame_kind {
    const char *command;
    int (*take)(struct stomp_speech *s, const struct stomp_frame *frame,
                struct err *err);
    bool first; /* a wrong version is told with the right one */
    bool last;  /* nothing follows it */
} frame_kinds[] = {
    {"SEND", take_send, false, false},
    {"SUBSCRIBE", take_subscribe, false, false},
    {"UNSUBSCRIBE", take_unsubscribe, false, false},
    {"CONNECT", take_connect, true, false},
    {"STOMP", take_connect, true, false},
    {"DISCONNECT", take_ack, false, true},
    {"ACK", take_ack, false, false},
    {"NACK", take_ack, false, false},
    {"BEGIN", take_transaction, false, false},
    {"COMMIT", take_transaction, false, false},
    {"ABORT", take_transaction, false, false},
};

static const struct frame_kind *
find_kind(const char *command)
{
    for (size_t i = 0; i < sizeof(frame_kinds) / sizeof(frame_kinds[0]); i++)
        if (strcmp(frame_kinds[i].command, command) == 0)
            return &frame_kinds[i];
    return NULL;
}

static void
take_frame(struct stomp_speech *s, const struct frame_kind *kind,
           const struct stomp_frame *frame)
{
    const char *receipt = stomp_header(frame, "receipt");
    struct err err = ERR_INIT;

    if (receipt && check_name("receipt", receipt, &err) < 0)
        receipt = NULL;
    else
        kind->take(s, frame, &err);
    if (err.kind == ERR_NONE)
        send_receipt(s, receipt);
    else
        send_error(s, &err, receipt, kind->first ? VERSION : NULL);
    if (kind->last)
        s->speech.owner->ended(s->speech.ctx);
}

/* --- the language -------------------------------------------------------- */

static struct speech *
start(void)
{
    struct stomp_speech *s = mem_zalloc(1, sizeof(*s));

    return &s->speech;
}

static void
stop(struct speech *speech)
{
    struct stomp_speech *s = of(speech);

    for (size_t i = 0; i < s->nsubs; i++) {
        free(s->subs[i].id);
        free(s->subs[i].destination);
    }
    stomp_free(&s->stomp);
    free(s);
}

static void
add(struct speech *speech, const char *bytes, size_t len)
{
    stomp_add(&of(speech)->stomp, bytes, len);
}

/* A frame that the end of the stream cut off is nothing. */
static int
next(struct speech *speech, bool last, struct err *err)
{
    struct stomp_speech *s = of(speech);
    const struct frame_kind *kind;
    struct stomp_frame frame;
    enum stomp_state state = stomp_next(&s->stomp, &frame, err);

    (void)last;
    if (state != STOMP_FRAME)
        return state == STOMP_MORE ? 0 : -1;
    kind = find_kind(frame.command);
    if (!kind)
        return err_set(err, ERR_PARSE,
                       "\"%.32s\" is no command of a STOMP 1.2 client; the "
                       "connection ends.",
                       frame.command);
    take_frame(s, kind, &frame);
    return 1;
}

static void
answer(struct speech *speech, const char *reply_to, const char *text,
       size_t len)
{
    deliver(of(speech), reply_to ? reply_to : RESPONSES, text, len);
}

static void
event(struct speech *speech, const char *text, size_t len)
{
    deliver(of(speech), EVENTS, text, len);
}

static void
refuse(struct speech *speech, const struct err *err)
{
    send_error(of(speech), err, NULL, NULL);
}

const struct speech_kind speech_stomp = {
    .name = "STOMP",
    .first = "CSUDANB",
    .vdsm = true,
    .start = start,
    .stop = stop,
    .add = add,
    .next = next,
    .answer = answer,
    .event = event,
    .refuse = refuse,
};
