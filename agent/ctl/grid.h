// SPDX-License-Identifier: Apache-2.0
/* Aligned columns of text. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "agent/common/cleanup.h"

struct grid;

/* columns titles, borrowed; a title that starts with '>' aligns right. */
struct grid *grid_new(const char *const *titles, size_t columns);
void grid_free(struct grid *grid);

/* The next cell, row by row; text is made harmless, NULL or "" shows "-". */
void grid_add(struct grid *grid, const char *text);

/* Titles in capitals, rows, no blanks at line ends. */
void grid_print(const struct grid *grid, FILE *to);

CLEANUP_DEFINE(grid_cleanup_, struct grid, grid_free)
#define CLEANUP_GRID CLEANUP(grid_cleanup_)
