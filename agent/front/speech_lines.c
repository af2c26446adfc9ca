// SPDX-License-Identifier: Apache-2.0
/* JSON-RPC in lines: a request or batch per line, an answer per line. */
#include "agent/front/speech.h"

#include <string.h>

#include "agent/common/mem.h"
#include "protocol/jsonrpc.h"
#include "protocol/limits.h"
#include "protocol/lines.h"

struct line_speech {
    struct speech speech;
    struct lines lines;
};

static struct line_speech *
of(struct speech *speech)
{
    return (struct line_speech *)speech;
}

static struct speech *
start(void)
{
    struct line_speech *s = mem_zalloc(1, sizeof(*s));

    return &s->speech;
}

static void
stop(struct speech *speech)
{
    lines_free(&of(speech)->lines);
    free(speech);
}

static void
add(struct speech *speech, const char *bytes, size_t len)
{
    lines_add(&of(speech)->lines, bytes, len);
}

static int
next(struct speech *speech, bool last, struct err *err)
{
    static const struct speech_from nothing = {NULL, NULL};
    struct lines *lines = &of(speech)->lines;
    const char *text;
    size_t len;
    enum lines_state state = last ? lines_last(lines, &text, &len)
                                  : lines_next(lines, &text, &len);

    if (state == LINES_MORE)
        return 0;
    if (state == LINES_OVER)
        return err_set(err, ERR_LIMIT,
                       "A line is longer than %u bytes; the connection ends, "
                       "since where the next line begins is not known.",
                       LIMIT_LINE);
    speech->owner->request(speech->ctx, text, len, &nothing);
    return 1;
}

static void
event(struct speech *speech, const char *text, size_t len)
{
    const struct wire_part parts[] = {{text, len}, {"\n", 1}};

    speech->owner->send(speech->ctx, parts, 2);
}

static void
answer(struct speech *speech, const char *reply_to, const char *text,
       size_t len)
{
    (void)reply_to;
    event(speech, text, len);
}

static void
refuse(struct speech *speech, const struct err *err)
{
    CLEANUP_JSON json_t *reply = jsonrpc_error(NULL, err, NULL);
    size_t len;
    CLEANUP_TEXT char *text = json_text(reply, &len);

    event(speech, text, len);
}

const struct speech_kind speech_lines = {
    .name = "JSON-RPC lines",
    .first = "{[ \t",
    .start = start,
    .stop = stop,
    .add = add,
    .next = next,
    .answer = answer,
    .event = event,
    .refuse = refuse,
};
