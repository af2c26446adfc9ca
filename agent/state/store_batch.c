// SPDX-License-Identifier: Apache-2.0
/*
 * Filling and releasing batches: copies of values, and hooks that are called
 * exactly once, whatever becomes of the batch. No SQLite and no lock here.
 */
#include "agent/state/store_batch.h"

#include <string.h>

#include "agent/common/mem.h"

struct store_batch *
store_batch_new(void)
{
    return mem_zalloc(1, sizeof(struct store_batch));
}

void
store_batch_finish(struct store_batch *batch)
{
    for (size_t i = 0; i < batch->hook_count; i++) {
        const struct store_hook *hook = &batch->hooks[i];

        hook->fn(hook->arg, batch->failed ? -1 : hook->rowid);
    }
    batch->hook_count = 0;
}

void
store_batch_free(struct store_batch *batch)
{
    if (!batch)
        return;
    batch->failed = true;
    store_batch_finish(batch);
    for (size_t i = 0; i < batch->count; i++) {
        struct store_stmt *stmt = &batch->stmts[i];

        for (size_t v = 0; v < stmt->count; v++)
            free(stmt->values[v].text);
        free(stmt->values);
    }
    free(batch->stmts);
    free(batch->hooks);
    free(batch);
}

void
store_batch_addv(struct store_batch *batch, const char *sql, const char *types,
                 va_list values)
{
    struct store_stmt *stmt;

    batch->stmts = mem_more(batch->stmts, batch->count, sizeof(*stmt));
    stmt = &batch->stmts[batch->count++];
    stmt->sql = sql;
    stmt->count = strlen(types);
    stmt->values = mem_zalloc(stmt->count, sizeof(*stmt->values));
    for (size_t i = 0; i < stmt->count; i++) {
        struct store_value *value = &stmt->values[i];

        value->type = types[i];
        if (types[i] == 'i')
            value->number = va_arg(values, int64_t);
        else
            value->text = mem_dup(va_arg(values, const char *));
    }
}

void
store_batch_add(struct store_batch *batch, const char *sql, const char *types,
                ...)
{
    va_list values;

    va_start(values, types);
    store_batch_addv(batch, sql, types, values);
    va_end(values);
}

void
store_batch_on_commit(struct store_batch *batch,
                      void (*fn)(void *arg, int64_t rowid), void *arg)
{
    struct store_hook *hook;

    batch->hooks = mem_more(batch->hooks, batch->hook_count, sizeof(*hook));
    hook = &batch->hooks[batch->hook_count++];
    hook->fn = fn;
    hook->arg = arg;
    hook->after = batch->count;
}

void
store_batch_begins_work(struct store_batch *batch)
{
    batch->begins_work = true;
}
