// SPDX-License-Identifier: Apache-2.0
/*
 * A line stays where it was received until the next call, so nothing is
 * copied per line. What has been handed out is dropped from the front only
 * when it is most of the buffer, which keeps the work linear; an empty buffer
 * gives its memory back, since most connections are idle.
 */
#include "protocol/lines.h"

#include <string.h>

#include "protocol/limits.h"

#define KEEP_IDLE 4096 /* bytes that an empty buffer may keep */

void
lines_add(struct lines *lines, const char *bytes, size_t len)
{
    struct buf *buf = &lines->buf;

    if (lines->start == buf->len) {
        buf_clear(buf);
        lines->start = lines->scanned = 0;
    } else if (lines->start > buf->len / 2) {
        buf_consume(buf, lines->start);
        lines->scanned -= lines->start;
        lines->start = 0;
    }
    buf_add(buf, bytes, len);
}

static bool
blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

static enum lines_state
more(struct lines *lines)
{
    size_t waiting = lines->buf.len - lines->start;

    lines->scanned = lines->buf.len;
    if (waiting > LIMIT_LINE)
        return LINES_OVER;
    if (waiting == 0 && lines->buf.cap > KEEP_IDLE)
        lines_free(lines);
    return LINES_MORE;
}

enum lines_state
lines_next(struct lines *lines, const char **text, size_t *len)
{
    const struct buf *buf = &lines->buf;

    while (lines->scanned < buf->len) {
        const char *line = buf->data + lines->start;
        const char *lf =
            memchr(buf->data + lines->scanned, '\n', buf->len - lines->scanned);
        size_t size;

        if (!lf)
            break;
        size = (size_t)(lf - line);
        if (size > LIMIT_LINE)
            return LINES_OVER;
        lines->start = lines->scanned = (size_t)(lf + 1 - buf->data);
        if (blank(line, size))
            continue;
        *text = line;
        *len = size;
        return LINES_LINE;
    }
    return more(lines);
}

enum lines_state
lines_last(struct lines *lines, const char **text, size_t *len)
{
    enum lines_state state = lines_next(lines, text, len);
    size_t left = lines->buf.len - lines->start;

    if (state != LINES_MORE || left == 0)
        return state;
    *text = lines->buf.data + lines->start;
    *len = left;
    lines->start = lines->scanned = lines->buf.len;
    return blank(*text, *len) ? LINES_MORE : LINES_LINE;
}

void
lines_free(struct lines *lines)
{
    buf_free(&lines->buf);
    lines->start = lines->scanned = 0;
}
