// SPDX-License-Identifier: Apache-2.0
/*
 * Terminal hygiene. A VM's name or a hypervisor's message may come from
 * somebody hostile; here it loses the power to move the cursor, to forge a
 * line or to turn the reading direction around.
 */
#include "agent/ctl/term.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/common/utf8.h"

#define PROGRESS_FROM_MS 1000

static bool
harmful(uint32_t c, bool lines)
{
    if (lines && (c == '\n' || c == '\t'))
        return false;
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c ||
           (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void
term_add(struct buf *out, const char *text, bool lines)
{
    size_t left = strlen(text);

    while (left) {
        uint32_t c;
        size_t len = utf8_next(text, left, &c);

        if (!len) {
            buf_printf(out, "\\x%02x", (unsigned char)*text);
            len = 1;
        } else if (harmful(c, lines)) {
            buf_printf(out, "\\u%04" PRIx32, c);
        } else {
            buf_add(out, text, len);
        }
        text += len;
        left -= len;
    }
}

void
term_print(FILE *to, const char *text, bool lines)
{
    CLEANUP_BUF struct buf b = BUF_INIT;

    term_add(&b, text, lines);
    fwrite(b.data ? b.data : "", 1, b.len, to);
}

size_t
term_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        if (((unsigned char)*text & 0xc0) != 0x80)
            width++;
    return width;
}

bool
term_is_tty(FILE *stream)
{
    int fd = fileno(stream); /* a stream in memory has none */

    return fd >= 0 && isatty(fd);
}

void
term_progress_tick(struct term_progress *progress)
{
    static const char *const frames[] = {"⠋", "⠙", "⠸", "⠴", "⠦", "⠇"};
    int64_t ms = clock_mono_ms() - progress->started_ms;

    if (!progress->to || ms < PROGRESS_FROM_MS)
        return;
    fprintf(progress->to, "\r%s %s %" PRId64 " s",
            frames[progress->ticks++ % (sizeof(frames) / sizeof(*frames))],
            progress->what, ms / 1000);
    fflush(progress->to);
}

void
term_progress_end(struct term_progress *progress)
{
    if (progress->to && progress->ticks)
        fputs("\r\033[K", progress->to);
}
