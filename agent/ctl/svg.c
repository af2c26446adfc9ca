// SPDX-License-Identifier: Apache-2.0
/*
 * Widths are reckoned: a letter of a font is taken for as wide as its widest
 * common ones, so that what fits here fits in any viewer.
 */
#include "agent/ctl/svg.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/ctl/term.h"

/* Width of a letter in tenths of a pixel, by the first word of a style. */
static const struct font {
    const char *name;
    int letter;
} fonts[] = {{"title", 130}, {"head", 80}, {"word", 68}, {"mono", 67}};

static const char sheet[] =
    "<style>\n"
    "text{font-family:'DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif;"
    "fill:#1f2933}\n"
    ".title{font-size:22px;font-weight:700}\n"
    ".head{font-size:13px;font-weight:700}\n"
    ".word{font-size:11px}\n"
    ".mono{font-size:11px;font-family:'DejaVu Sans Mono',Menlo,Consolas,"
    "monospace}\n"
    ".dim{fill:#66727f}.light{fill:#ffffff}.strong{font-weight:700}\n"
    ".page{fill:#f5f7fa}.card{fill:#ffffff;stroke:#cbd5df}\n"
    ".unit{fill:#fbfcfd;stroke:#d9e1e8}.port{fill:#e8eef4;stroke:#b9c6d2}\n"
    ".free{fill:none;stroke:#9fb0bf;stroke-dasharray:4 3}\n"
    ".bar{fill:#2f6690}.bar.plain{fill:#7b8794}.bar.nic{fill:#5b5f97}\n"
    ".image{fill:#3a7d44}.lun{fill:#d1495b}.cdrom{fill:#8f5db7}\n"
    ".badge{fill:#edae49}.off{fill:#9aa5b1}\n"
    "line{stroke:#9fb0bf;stroke-width:2;stroke-linecap:round}\n"
    "</style>\n";

static void
add_escaped(struct buf *out, const char *text)
{
    static const struct {
        char letter;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"},
                    {'"', "&quot;"}};
    CLEANUP_BUF struct buf clean = BUF_INIT;

    term_add(&clean, text, false);
    for (size_t i = 0; i < clean.len; i++) {
        const char *entity = NULL;

        for (size_t e = 0; e < sizeof(entities) / sizeof(*entities); e++)
            if (entities[e].letter == clean.data[i])
                entity = entities[e].entity;
        if (entity)
            buf_add_text(out, entity);
        else
            buf_add(out, &clean.data[i], 1);
    }
}

void
svg_box(struct buf *out, int x, int y, int width, int height, int round,
        const char *style)
{
    buf_printf(out,
               "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" "
               "class=\"%s\"/>\n",
               x, y, width, height, round, style);
}

void
svg_line(struct buf *out, int x1, int y1, int x2, int y2)
{
    buf_printf(out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", x1, y1,
               x2, y2);
}

static int
letter_width(const char *style)
{
    for (size_t i = 0; i < sizeof(fonts) / sizeof(*fonts); i++)
        if (strncmp(style, fonts[i].name, strlen(fonts[i].name)) == 0)
            return fonts[i].letter;
    return fonts[0].letter;
}

/* The place of the nth character. */
static const char *
skip(const char *text, size_t n)
{
    for (; *text && n; n--)
        for (text++; (*text & 0xc0) == 0x80;)
            text++;
    return text;
}

static void
add_cut(struct buf *out, const char *text, size_t room, enum svg_cut cut)
{
    size_t width = term_width(text);

    if (!room || width <= room) {
        buf_add_text(out, text);
    } else if (cut == SVG_CUT_START) {
        buf_add_text(out, "…");
        buf_add_text(out, skip(text, width - room + 1));
    } else {
        buf_add(out, text, (size_t)(skip(text, room - 1) - text));
        buf_add_text(out, "…");
    }
}

void
svg_text(struct buf *out, int x, int y, int width, enum svg_cut cut,
         const char *style, const char *text)
{
    CLEANUP_BUF struct buf shown = BUF_INIT;

    if (!text || !*text)
        return;
    add_cut(&shown, text, (size_t)(width * 10 / letter_width(style)), cut);
    buf_printf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
    add_escaped(out, shown.data);
    buf_add_text(out, "</text>\n");
}

void
svg_begin(struct buf *out, const char *tip)
{
    buf_add_text(out, "<g><title>");
    add_escaped(out, tip);
    buf_add_text(out, "</title>\n");
}

void
svg_end(struct buf *out)
{
    buf_add_text(out, "</g>\n");
}

void
svg_document(struct buf *out, int width, int height, const char *name,
             const struct buf *body)
{
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
               "height=\"%d\" viewBox=\"0 0 %d %d\">\n",
               width, height, width, height);
    svg_begin(out, name);
    buf_add_text(out, sheet);
    svg_box(out, 0, 0, width, height, 0, "page");
    if (body->data)
        buf_add(out, body->data, body->len);
    svg_end(out);
    buf_add_text(out, "</svg>\n");
}
