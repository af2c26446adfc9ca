// SPDX-License-Identifier: Apache-2.0
/*
 * SVG, as much of it as a picture of boxes, lines and words needs. Text comes
 * from elsewhere and is escaped; what would be too wide is cut. Lengths are
 * pixels. Pure.
 */
#pragma once

#include "agent/common/buf.h"

/* Words of a style are classes of the style sheet, such as "box lun". */
void svg_box(struct buf *out, int x, int y, int width, int height, int round,
             const char *style);
void svg_line(struct buf *out, int x1, int y1, int x2, int y2);

enum svg_cut { SVG_CUT_END, SVG_CUT_START }; /* what of a long text goes */

/* Text on a base line, cut to width where that is not 0. Fonts by style:
 * "title", "head", "word", "mono" and what is added to them. */
void svg_text(struct buf *out, int x, int y, int width, enum svg_cut cut,
              const char *style, const char *text);

/* What follows up to svg_end has a tooltip. */
void svg_begin(struct buf *out, const char *tip);
void svg_end(struct buf *out);

/* A whole document of that size around body, with the style sheet. */
void svg_document(struct buf *out, int width, int height, const char *name,
                  const struct buf *body);
