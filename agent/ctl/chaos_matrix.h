// SPDX-License-Identifier: Apache-2.0
/*
 * The outcome of every death: crash point × case, gathered from several jobs
 * and printed. Any thread adds; one prints at the end.
 */
#pragma once

#include <pthread.h>
#include <stdio.h>

#include "agent/common/lock.h"
#include "agent/ctl/chaos_point.h"
#include "agent/ctl/chaos_verdict.h"

struct chaos_result {
    const char *name; /* of the case; borrowed, static */
    struct chaos_point point;
    enum chaos_verdict verdict;
    char *why; /* owned; "" unless WRONG */
    char *log; /* owned; berthd's last lines where it is WRONG */
};

struct chaos_matrix {
    struct lock lock;
    struct chaos_result *results;
    size_t n;
};

void chaos_matrix_init(struct chaos_matrix *matrix);
void chaos_matrix_clear(struct chaos_matrix *matrix);

/* takes why and log (may be NULL) */
void chaos_matrix_add(struct chaos_matrix *matrix, const char *name,
                      const struct chaos_point *point,
                      enum chaos_verdict verdict, char *why, char *log);

size_t chaos_matrix_count(const struct chaos_matrix *matrix,
                          enum chaos_verdict verdict);

/* A table per kind of step, then each WRONG with its reasons. */
void chaos_matrix_print(const struct chaos_matrix *matrix, FILE *to);

/* [{verb, point, verdict, why, log}]; returns owned. */
json_t *chaos_matrix_json(const struct chaos_matrix *matrix);
