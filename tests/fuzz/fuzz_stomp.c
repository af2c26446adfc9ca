// SPDX-License-Identifier: Apache-2.0
/*
 * Frames of a hostile peer. The first byte is the size of the pieces in which
 * the rest arrives: what comes out may not depend on it, and what was read can
 * be written and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/stomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t frames, bytes, headers;
    bool bad;
};

static void
written_again(const struct stomp_frame *frame)
{
    char head[LIMIT_STOMP_OUT];
    struct stomp stomp = {.start = 0};
    struct stomp_header headers[LIMIT_STOMP_HEADERS];
    struct stomp_frame again;
    size_t len;

    for (size_t i = 0; i < frame->nheaders; i++)
        headers[i] = (struct stomp_header){"h", frame->headers[i].value};
    len = stomp_head(head, "SEND", headers, frame->nheaders);
    if (!len)
        return;
    stomp_add(&stomp, head, len);
    stomp_add(&stomp, "", 1);
    if (stomp_next(&stomp, &again, NULL) != STOMP_FRAME ||
        again.nheaders != frame->nheaders)
        abort();
    for (size_t i = 0; i < frame->nheaders; i++)
        if (strcmp(again.headers[i].value, frame->headers[i].value) != 0)
            abort();
    stomp_free(&stomp);
}

static void
take(struct stomp *stomp, struct seen *seen)
{
    struct stomp_frame frame;
    struct err err = ERR_INIT;
    enum stomp_state state;

    while ((state = stomp_next(stomp, &frame, &err)) == STOMP_FRAME) {
        seen->frames++;
        seen->headers += frame.nheaders;
        seen->bytes += frame.len + strlen(frame.command);
        if (frame.body[frame.len])
            abort();
        written_again(&frame);
    }
    seen->bad = state == STOMP_BAD;
    if (seen->bad != (err.kind != ERR_NONE))
        abort();
}

static struct seen
read_in(const char *bytes, size_t size, size_t piece)
{
    struct stomp stomp = {.start = 0};
    struct seen seen = {.bad = false};

    for (size_t at = 0; at < size && !seen.bad; at += piece) {
        stomp_add(&stomp, bytes + at, piece < size - at ? piece : size - at);
        take(&stomp, &seen);
    }
    stomp_free(&stomp);
    return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;
    struct seen whole, pieces;

    if (size < 2)
        return 0;
    whole = read_in(bytes, size - 1, size - 1);
    pieces = read_in(bytes, size - 1, data[0] ? data[0] : 1);
    if (whole.bad != pieces.bad || whole.frames != pieces.frames ||
        whole.bytes != pieces.bytes || whole.headers != pieces.headers)
        abort();
    return 0;
}
