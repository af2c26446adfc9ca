// SPDX-License-Identifier: Apache-2.0
/*
 * A table is collected whole, since a column is as wide as its widest cell.
 * The last column is never padded, so that lines can be cut and compared.
 */
#include "agent/ctl/grid.h"

#include "agent/common/mem.h"
#include "agent/ctl/term.h"

struct grid {
    const char *const *titles;
    size_t columns;
    char **cells;
    size_t ncells;
};

struct grid *
grid_new(const char *const *titles, size_t columns)
{
    struct grid *grid = mem_zalloc(1, sizeof(*grid));

    grid->titles = titles;
    grid->columns = columns;
    return grid;
}

void
grid_free(struct grid *grid)
{
    for (size_t i = 0; i < grid->ncells; i++)
        free(grid->cells[i]);
    free(grid->cells);
    free(grid);
}

void
grid_add(struct grid *grid, const char *text)
{
    struct buf b = BUF_INIT;

    term_add(&b, text && *text ? text : "-", false);
    grid->cells = mem_more(grid->cells, grid->ncells, sizeof(*grid->cells));
    grid->cells[grid->ncells++] = buf_steal(&b);
}

static const char *
title(const struct grid *grid, size_t column)
{
    const char *text = grid->titles[column];

    return *text == '>' ? text + 1 : text;
}

static size_t
column_width(const struct grid *grid, size_t column)
{
    size_t width = term_width(title(grid, column));

    for (size_t i = column; i < grid->ncells; i += grid->columns) {
        size_t w = term_width(grid->cells[i]);

        if (w > width)
            width = w;
    }
    return width;
}

static void
print_cell(const struct grid *grid, size_t column, const char *text,
           size_t width, FILE *to)
{
    int pad = (int)(width - term_width(text));

    if (column)
        fputs("  ", to);
    if (*grid->titles[column] == '>')
        fprintf(to, "%*s%s", pad, "", text);
    else if (column + 1 < grid->columns)
        fprintf(to, "%s%*s", text, pad, "");
    else
        fputs(text, to);
    if (column + 1 == grid->columns)
        fputc('\n', to);
}

void
grid_print(const struct grid *grid, FILE *to)
{
    CLEANUP_FREE size_t *widths = mem_zalloc(grid->columns, sizeof(*widths));

    for (size_t c = 0; c < grid->columns; c++)
        widths[c] = column_width(grid, c);
    for (size_t c = 0; c < grid->columns; c++)
        print_cell(grid, c, title(grid, c), widths[c], to);
    for (size_t i = 0; i < grid->ncells; i++) {
        size_t c = i % grid->columns;

        print_cell(grid, c, grid->cells[i], widths[c], to);
    }
}
