// SPDX-License-Identifier: Apache-2.0
/*
 * Frames stay where they were received until the next call: a whole head is
 * cut into its headers in place. What has been handed out is dropped from the
 * front only when it is most of the buffer, which keeps the work linear; an
 * empty buffer gives its memory back, since most connections are idle.
 */
#include "protocol/stomp.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_IDLE 4096 /* bytes that an empty buffer may keep */

/* --- bytes --------------------------------------------------------------- */

void
stomp_add(struct stomp *s, const char *bytes, size_t len)
{
    if (s->start == s->buf.len) {
        buf_clear(&s->buf);
        s->start = s->scanned = 0;
    } else if (s->start > s->buf.len / 2) {
        buf_consume(&s->buf, s->start);
        s->scanned -= s->start;
        s->start = 0;
    }
    buf_add(&s->buf, bytes, len);
}

static void
skip_line_ends(struct stomp *s)
{
    while (s->start < s->buf.len && (s->buf.data[s->start] == '\n' ||
                                     s->buf.data[s->start] == '\r'))
        s->start++;
    if (s->scanned < s->start)
        s->scanned = s->start;
}

bool
stomp_pending(const struct stomp *s)
{
    return s->start < s->buf.len;
}

void
stomp_free(struct stomp *s)
{
    buf_free(&s->buf);
    s->start = s->scanned = s->head = 0;
}

static enum stomp_state
more(struct stomp *s)
{
    if (!stomp_pending(s) && s->buf.cap > KEEP_IDLE)
        stomp_free(s);
    return STOMP_MORE;
}

/* --- the head ------------------------------------------------------------ */

/* The length of the line at text without its line end, which is there; *whole
 * is the length with it. */
static size_t
line_length(const char *text, size_t *whole)
{
    size_t len = (size_t)(strchr(text, '\n') - text);

    *whole = len + 1;
    return len && text[len - 1] == '\r' ? len - 1 : len;
}

/* Digits, with white space around them let pass. */
static int
read_length(const char *text, size_t len, size_t *out, struct err *err)
{
    const char *end = text + len;
    size_t n = 0;

    while (text < end && *text == ' ')
        text++;
    while (end > text && end[-1] == ' ')
        end--;
    if (text == end)
        return err_set(err, ERR_PARSE, "content-length is empty.");
    for (; text < end; text++) {
        if (*text < '0' || *text > '9')
            return err_set(err, ERR_PARSE,
                           "content-length is not a number of bytes.");
        n = n * 10 + (size_t)(*text - '0');
        if (n > LIMIT_LINE)
            return err_set(err, ERR_LIMIT,
                           "A body is longer than %u bytes.", LIMIT_LINE);
    }
    *out = n;
    return 0;
}

/* The first content-length of a whole head. */
static int
find_length(struct stomp *s, struct err *err)
{
    static const char name[] = "content-length:";
    const char *line = s->buf.data + s->start;
    const char *end = line + s->head;
    size_t whole;

    s->body = STOMP_UNTIL_NUL;
    for (; line < end; line += whole) {
        size_t len = line_length(line, &whole);

        if (len >= strlen(name) && memcmp(line, name, strlen(name)) == 0)
            return read_length(line + strlen(name), len - strlen(name),
                               &s->body, err);
    }
    return 0;
}

/* Whether the line that ends at lf is empty: LF or CR LF. */
static bool
ends_head(const struct stomp *s, const char *lf)
{
    const char *first = s->buf.data + s->start;
    const char *before = lf - 1;

    if (before > first && *before == '\r')
        before--;
    return before >= first && *before == '\n';
}

/* Look for the blank line: 1 when the head is whole, 0 when not, -1 + err. */
static int
find_head(struct stomp *s, struct err *err)
{
    const char *fresh = s->buf.data + s->scanned;
    const char *end = s->buf.data + s->buf.len;
    const char *at = fresh;
    const char *lf = NULL;

    while ((lf = memchr(at, '\n', (size_t)(end - at))) && !ends_head(s, lf))
        at = lf + 1;
    s->scanned = (size_t)((lf ? lf + 1 : end) - s->buf.data);
    if (s->scanned - s->start > LIMIT_STOMP_HEAD)
        return err_set(err, ERR_LIMIT,
                       "The head of a frame is longer than %u bytes.",
                       LIMIT_STOMP_HEAD);
    if (memchr(fresh, '\0', (size_t)((lf ? lf : end) - fresh)))
        return err_set(err, ERR_PARSE,
                       "A NUL stands before the blank line that ends the "
                       "headers of a frame.");
    if (!lf)
        return 0;
    s->head = s->scanned - s->start;
    return find_length(s, err) < 0 ? -1 : 1;
}

/* \r \n \c \\ in place; others stay as they are. */
static void
unescape(char *text)
{
    static const char from[] = "rnc\\";
    static const char to[] = "\r\n:\\";
    char *out = strchr(text, '\\');

    if (!out)
        return;
    for (const char *in = out; *in; in++) {
        const char *known =
            in[0] == '\\' && in[1] ? strchr(from, in[1]) : NULL;

        *out++ = known ? to[known - from] : *in;
        in += known != NULL;
    }
    *out = '\0';
}

static int
cut_header(struct stomp_frame *frame, char *line, bool escaped, struct err *err)
{
    char *colon = strchr(line, ':');

    if (!colon || colon == line)
        return err_set(err, ERR_PARSE,
                       "A header of a frame %.32s is not NAME:VALUE.",
                       frame->command);
    if (frame->nheaders == LIMIT_STOMP_HEADERS)
        return err_set(err, ERR_LIMIT, "A frame has more than %u headers.",
                       LIMIT_STOMP_HEADERS);
    *colon = '\0';
    if (escaped) {
        unescape(line);
        unescape(colon + 1);
    }
    frame->headers[frame->nheaders++] =
        (struct stomp_header){line, colon + 1};
    return 0;
}

/* STOMP 1.2 section "Value Encoding": not in CONNECT, as older ones have it. */
static bool
has_escapes(const char *command)
{
    return strcmp(command, "CONNECT") != 0 && strcmp(command, "STOMP") != 0;
}

static int
cut_head(struct stomp *s, struct stomp_frame *frame, struct err *err)
{
    char *line = s->buf.data + s->start;
    size_t whole;
    size_t len = line_length(line, &whole);
    bool escaped;

    line[len] = '\0';
    frame->command = line;
    frame->nheaders = 0;
    escaped = has_escapes(line);
    for (;;) {
        line += whole;
        len = line_length(line, &whole);
        if (len == 0)
            return 0;
        line[len] = '\0';
        if (cut_header(frame, line, escaped, err) < 0)
            return -1;
    }
}

/* --- the body ------------------------------------------------------------ */

/* 1 when it is all there, its length in *len; 0 when not, -1 + err. */
static int
find_body(struct stomp *s, size_t *len, struct err *err)
{
    const char *body = s->buf.data + s->start + s->head;
    size_t there = s->buf.len - s->start - s->head;
    const char *nul;

    if (s->body != STOMP_UNTIL_NUL) {
        *len = s->body;
        if (there <= s->body)
            return 0;
        return body[s->body] == '\0'
                   ? 1
                   : err_set(err, ERR_PARSE,
                             "The body of a frame is longer than its "
                             "content-length, %zu bytes.",
                             s->body);
    }
    nul = memchr(s->buf.data + s->scanned, '\0', s->buf.len - s->scanned);
    s->scanned = s->buf.len;
    *len = nul ? (size_t)(nul - body) : there;
    if (*len > LIMIT_LINE)
        return err_set(err, ERR_LIMIT, "A body is longer than %u bytes.",
                       LIMIT_LINE);
    return nul != NULL;
}

enum stomp_state
stomp_next(struct stomp *s, struct stomp_frame *frame, struct err *err)
{
    int rc = 1;

    if (!s->head)
        skip_line_ends(s);
    if (!stomp_pending(s))
        return more(s);
    if (!s->head)
        rc = find_head(s, err);
    if (rc == 1)
        rc = find_body(s, &frame->len, err);
    if (rc == 1 && cut_head(s, frame, err) < 0)
        rc = -1;
    if (rc < 1)
        return rc < 0 ? STOMP_BAD : STOMP_MORE;
    frame->body = s->buf.data + s->start + s->head;
    s->start += s->head + frame->len + 1;
    s->scanned = s->start;
    s->head = 0;
    return STOMP_FRAME;
}

/* --- what headers say ---------------------------------------------------- */

const char *
stomp_header(const struct stomp_frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->nheaders; i++)
        if (strcmp(frame->headers[i].name, name) == 0)
            return frame->headers[i].value;
    return NULL;
}

bool
stomp_beats(const char *text, long *cx, long *cy)
{
    static const char digits[] = "0123456789";
    size_t first = strspn(text, digits);
    const char *comma = text + first;
    size_t second;

    if (!first || *comma != ',')
        return false;
    second = strspn(comma + 1, digits);
    if (!second || comma[1 + second])
        return false;
    *cx = strtol(text, NULL, 10);
    *cy = strtol(comma + 1, NULL, 10);
    return true;
}

bool
stomp_speaks(const char *accept, const char *version)
{
    size_t len = strlen(version);

    for (const char *p = accept; *p; p += strcspn(p, ",")) {
        p += strspn(p, ", ");
        if (strncmp(p, version, len) == 0 && strchr(", ", p[len]))
            return true;
    }
    return false;
}

/* --- out ----------------------------------------------------------------- */

struct out {
    char *text;
    size_t len;
    bool over;
};

static void
put(struct out *out, const char *bytes, size_t len)
{
    if (out->over || len > LIMIT_STOMP_OUT - out->len) {
        out->over = true;
        return;
    }
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
}

static void
put_escaped(struct out *out, const char *text)
{
    static const char from[] = "\r\n:\\";
    static const char to[] = "rnc\\";

    for (;;) {
        size_t plain = strcspn(text, from);
        char escape[2] = "\\";

        put(out, text, plain);
        if (!text[plain])
            return;
        escape[1] = to[strchr(from, text[plain]) - from];
        put(out, escape, sizeof(escape));
        text += plain + 1;
    }
}

size_t
stomp_head(char to[LIMIT_STOMP_OUT], const char *command,
           const struct stomp_header *headers, size_t n)
{
    struct out out = {.text = to};

    put(&out, command, strlen(command));
    put(&out, "\n", 1);
    for (size_t i = 0; i < n; i++) {
        if (!headers[i].value)
            continue;
        put(&out, headers[i].name, strlen(headers[i].name));
        put(&out, ":", 1);
        put_escaped(&out, headers[i].value);
        put(&out, "\n", 1);
    }
    put(&out, "\n", 1);
    return out.over ? 0 : out.len;
}
