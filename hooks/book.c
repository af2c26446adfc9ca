// SPDX-License-Identifier: Apache-2.0
/* A vector of entries; there are as many as scripts, and it is bounded. */
#include "hooks/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

#define ENTRIES_MAX 4096 /* scripts come and go under new names */

struct entry {
    char *point, *path;
    int64_t runs, failures, total_us, max_us;
    int64_t last_ms, last_us; /* wall time of its end; how long it took */
    char result[128];
};

struct book {
    struct lock lock;
    struct entry *entries;
    size_t n;
};

struct book *
book_new(void)
{
    struct book *book = mem_zalloc(1, sizeof(*book));

    lock_init(&book->lock, LOCK_LEAF);
    return book;
}

void
book_free(struct book *book)
{
    for (size_t i = 0; i < book->n; i++) {
        free(book->entries[i].point);
        free(book->entries[i].path);
    }
    free(book->entries);
    lock_destroy(&book->lock);
    free(book);
}

static struct entry *
find(struct book *book, const char *point, const char *path)
{
    for (size_t i = 0; i < book->n; i++)
        if (strcmp(book->entries[i].path, path) == 0 &&
            strcmp(book->entries[i].point, point) == 0)
            return &book->entries[i];
    return NULL;
}

static struct entry *
add(struct book *book, const char *point, const char *path)
{
    struct entry *entry;

    if (book->n == ENTRIES_MAX)
        return NULL;
    book->entries = mem_more(book->entries, book->n, sizeof(*book->entries));
    entry = &book->entries[book->n++];
    entry->point = mem_dup(point);
    entry->path = mem_dup(path);
    return entry;
}

void
book_note(struct book *book, const char *point, const char *path,
          const char *result, bool failed, int64_t us)
{
    struct entry *entry;

    LOCK_SCOPE(&book->lock);
    entry = find(book, point, path);
    if (!entry)
        entry = add(book, point, path);
    if (!entry)
        return;
    entry->runs++;
    entry->failures += failed;
    entry->total_us += us;
    if (us > entry->max_us)
        entry->max_us = us;
    entry->last_ms = clock_wall_ms();
    entry->last_us = us;
    snprintf(entry->result, sizeof(entry->result), "%s", result);
}

static json_t *
last_json(const struct entry *entry)
{
    json_t *last = json_object();
    char stamp[CLOCK_STAMP];

    clock_stamp(entry->last_ms, stamp);
    json_put_text(last, "time", stamp);
    json_put_text(last, "result", entry->result);
    json_put_int(last, "us", entry->last_us);
    return last;
}

json_t *
book_json(struct book *book, const char *point, const char *path)
{
    static const struct entry none;
    json_t *obj = json_object();
    const struct entry *entry;

    LOCK_SCOPE(&book->lock);
    entry = find(book, point, path);
    if (!entry)
        entry = &none;
    json_put_int(obj, "runs", entry->runs);
    json_put_int(obj, "failures", entry->failures);
    json_put_int(obj, "total_us", entry->total_us);
    json_put_int(obj, "max_us", entry->max_us);
    json_put(obj, "last", entry->runs ? last_json(entry) : NULL);
    return obj;
}

json_t *
book_counts(struct book *book)
{
    json_t *list = json_array();

    LOCK_SCOPE(&book->lock);
    for (size_t i = 0; i < book->n; i++) {
        const struct entry *entry = &book->entries[i];
        json_t *row = json_object();

        json_put_text(row, "point", entry->point);
        json_put_text(row, "path", entry->path);
        json_put_int(row, "runs", entry->runs);
        json_put_int(row, "failures", entry->failures);
        json_put_int(row, "total_us", entry->total_us);
        json_array_append_new(list, row);
    }
    return list;
}
