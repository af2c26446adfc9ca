// SPDX-License-Identifier: Apache-2.0
/*
 * What may be shown: text from a peer made harmless, its width, and the line
 * that shows that work goes on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/common/buf.h"

/*
 * Add text with everything that could steer a terminal written as \uXXXX:
 * control characters (tab and line feed too, unless lines is set),
 * directional overrides, and bytes that are not UTF-8 as \xNN.
 */
void term_add(struct buf *out, const char *text, bool lines);

/* As term_add, to a stream. */
void term_print(FILE *to, const char *text, bool lines);

/* Columns that text takes: its characters. */
size_t term_width(const char *text);

bool term_is_tty(FILE *stream);

/* "⠋ HotPlugDisk 3 s" on one line of a terminal, from one second on. */
struct term_progress {
    FILE *to; /* NULL: show nothing */
    const char *what;
    int64_t started_ms;
    unsigned ticks;
};
void term_progress_tick(struct term_progress *progress);
void term_progress_end(struct term_progress *progress); /* wipes the line */
