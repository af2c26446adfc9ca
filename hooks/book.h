// SPDX-License-Identifier: Apache-2.0
/*
 * What has become of each script since the start: counts, times, the last
 * result. In memory. Any thread (locks itself, LOCK_LEAF).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/json.h"

struct book;

struct book *book_new(void);
void book_free(struct book *book);

/* A run of a script of the point has ended: result in words, "ok" … */
void book_note(struct book *book, const char *point, const char *path,
               const char *result, bool failed, int64_t us);

/* {runs, failures, total_us, max_us, last: {time, result, us} or null};
 * returns owned. */
json_t *book_json(struct book *book, const char *point, const char *path);

/* Of every script that has run: [{point, path, runs, failures, total_us}];
 * returns owned. Memory only. */
json_t *book_counts(struct book *book);

CLEANUP_DEFINE(book_cleanup_, struct book, book_free)
