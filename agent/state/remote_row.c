// SPDX-License-Identifier: Apache-2.0
/* Rows of the table remote_disk. */
#include "agent/state/remote_row.h"

#include <string.h>

void
remote_row_put(struct store_batch *batch, const char *hypervisor,
                const char *vm, const char *disk_id, const json_t *doc)
{
    CLEANUP_TEXT char *text = doc ? json_text(doc, NULL) : NULL;

    if (doc)
        store_batch_add(batch,
                        "INSERT OR REPLACE INTO remote_disk (hypervisor,"
                        " vm_id, disk_id, doc) VALUES (?, ?, ?, ?)",
                        "tttt", hypervisor, vm, disk_id, text);
    else
        store_batch_add(batch,
                        "DELETE FROM remote_disk WHERE hypervisor = ?"
                        " AND vm_id = ? AND disk_id = ?",
                        "ttt", hypervisor, vm, disk_id);
}

static int
keep(void *ctx, const struct store_row *row)
{
    const char *text = store_row_text(row, 0);
    json_t *doc = json_parse(text, strlen(text), NULL, NULL);

    if (doc)
        json_array_append_new(ctx, doc);
    return 0;
}

int
remote_row_list(struct store *store, const char *hypervisor, const char *vm,
                 json_t **out, struct err *err)
{
    *out = json_array();
    if (store_read(store, err, keep, *out,
                   "SELECT doc FROM remote_disk WHERE hypervisor = ?"
                   " AND vm_id = ? ORDER BY rowid",
                   "tt", hypervisor, vm) == 0)
        return 0;
    json_decref(STEAL(*out));
    return -1;
}
