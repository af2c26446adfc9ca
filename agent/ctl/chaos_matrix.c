// SPDX-License-Identifier: Apache-2.0
/*
 * The whole matrix is mostly empty: a case passes the points of its own steps
 * only. So it is printed in blocks, one per kind of step, each with the
 * columns that have something to say.
 */
#include "agent/ctl/chaos_matrix.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/ctl/grid.h"
#include "agent/ctl/term.h"

void
chaos_matrix_init(struct chaos_matrix *matrix)
{
    *matrix = (struct chaos_matrix){.results = NULL};
    lock_init(&matrix->lock, LOCK_LEAF);
}

void
chaos_matrix_clear(struct chaos_matrix *matrix)
{
    for (size_t i = 0; i < matrix->n; i++) {
        free(matrix->results[i].why);
        free(matrix->results[i].log);
    }
    free(matrix->results);
    lock_destroy(&matrix->lock);
}

void
chaos_matrix_add(struct chaos_matrix *matrix, const char *name,
                 const struct chaos_point *point, enum chaos_verdict verdict,
                 char *why, char *log)
{
    LOCK_SCOPE(&matrix->lock);

    matrix->results =
        mem_more(matrix->results, matrix->n, sizeof(*matrix->results));
    matrix->results[matrix->n++] =
        (struct chaos_result){name, *point, verdict, why ? why : mem_dup(""),
                              log ? log : mem_dup("")};
}

size_t
chaos_matrix_count(const struct chaos_matrix *matrix,
                   enum chaos_verdict verdict)
{
    size_t n = 0;

    for (size_t i = 0; i < matrix->n; i++)
        n += matrix->results[i].verdict == verdict;
    return n;
}

/* --- table ---------------------------------------------------------------- */

/* Names in the order in which they first come. */
struct names {
    const char **list;
    size_t n;
};

static void
names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->list[i], name) == 0)
            return;
    names->list = mem_more(names->list, names->n, sizeof(*names->list));
    names->list[names->n++] = name;
}

static bool
is_of_step(const struct chaos_result *result, const char *step)
{
    size_t len = strlen(step);

    return strncmp(result->point.name, step, len) == 0 &&
           result->point.name[len] == '.';
}

/* The worst of what a point brought in a case: it may be tried twice. */
static const char *
verdict_at(const struct chaos_matrix *matrix, const char *point,
           const char *name)
{
    int worst = -1;

    for (size_t i = 0; i < matrix->n; i++) {
        const struct chaos_result *r = &matrix->results[i];

        if (strcmp(r->name, name) == 0 && strcmp(r->point.name, point) == 0 &&
            (int)r->verdict > worst)
            worst = (int)r->verdict;
    }
    return worst < 0 ? NULL : chaos_verdict_name((enum chaos_verdict)worst);
}

static void
print_block(const struct chaos_matrix *matrix, const char *step, FILE *to)
{
    struct names points = {NULL, 0}, titles = {NULL, 0};
    struct grid *grid;

    names_add(&titles, "POINT");
    for (size_t i = 0; i < matrix->n; i++) {
        if (!is_of_step(&matrix->results[i], step))
            continue;
        names_add(&points, matrix->results[i].point.name);
        names_add(&titles, matrix->results[i].name);
    }
    grid = grid_new(titles.list, titles.n);
    for (size_t p = 0; p < points.n; p++) {
        grid_add(grid, points.list[p]);
        for (size_t t = 1; t < titles.n; t++)
            grid_add(grid, verdict_at(matrix, points.list[p], titles.list[t]));
    }
    grid_print(grid, to);
    fputc('\n', to);
    grid_free(grid);
    free(points.list);
    free(titles.list);
}

static void
print_indented(FILE *to, const char *mark, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        CLEANUP_FREE char *line = mem_ndup(text, len);

        fprintf(to, "    %s", mark);
        term_print(to, line, false);
        fputc('\n', to);
        text += len + (text[len] == '\n');
    }
}

static void
print_wrong(const struct chaos_result *result, FILE *to)
{
    char point[112];

    chaos_point_text(&result->point, point);
    fprintf(to, "WRONG: %s, killed at %s\n", result->name, point);
    print_indented(to, "", result->why);
    print_indented(to, "| ", result->log);
    fputc('\n', to);
}

void
chaos_matrix_print(const struct chaos_matrix *matrix, FILE *to)
{
    char(*steps)[64] = mem_zalloc(matrix->n + 1, sizeof(*steps));
    struct names blocks = {NULL, 0};
    const char *rest;

    for (size_t i = 0; i < matrix->n; i++)
        if (chaos_point_split(matrix->results[i].point.name, steps[i], &rest))
            names_add(&blocks, steps[i]);
    for (size_t i = 0; i < blocks.n; i++)
        print_block(matrix, blocks.list[i], to);
    for (size_t i = 0; i < matrix->n; i++)
        if (matrix->results[i].verdict == CHAOS_WRONG)
            print_wrong(&matrix->results[i], to);
    free(blocks.list);
    free(steps);
}

json_t *
chaos_matrix_json(const struct chaos_matrix *matrix)
{
    json_t *list = json_array();

    for (size_t i = 0; i < matrix->n; i++) {
        const struct chaos_result *r = &matrix->results[i];
        json_t *item = json_object();
        char point[112];

        chaos_point_text(&r->point, point);
        json_put_text(item, "verb", r->name);
        json_put_text(item, "point", point);
        json_put_text(item, "verdict", chaos_verdict_name(r->verdict));
        if (r->verdict == CHAOS_WRONG) {
            json_put_text(item, "why", r->why);
            json_put_text(item, "log", r->log);
        }
        json_array_append_new(list, item);
    }
    return list;
}
