// SPDX-License-Identifier: Apache-2.0
/*
 * Each value goes in as its length, a colon, its text and a comma (a netstring),
 * NULL as "-,": two different rows never give the same bytes.
 */
#include "agent/state/store_chain.h"

#include "agent/common/buf.h"
#include "agent/common/digest.h"

static void
chain(sqlite3_context *context, int n, sqlite3_value **values)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    char hash[DIGEST_HEX];

    for (int i = 0; i < n; i++) {
        if (sqlite3_value_type(values[i]) == SQLITE_NULL) {
            buf_add_text(&text, "-,");
            continue;
        }
        /* First the text, then its length: sqlite3_value_bytes. */
        const char *value = (const char *)sqlite3_value_text(values[i]);
        int len = sqlite3_value_bytes(values[i]);

        buf_printf(&text, "%d:", len);
        buf_add(&text, value ? value : "", value ? (size_t)len : 0);
        buf_add_text(&text, ",");
    }
    digest_sha256(text.data ? text.data : "", text.len, hash);
    sqlite3_result_text(context, hash, -1, SQLITE_TRANSIENT);
}

int
store_chain_install(sqlite3 *handle)
{
    return sqlite3_create_function_v2(
        handle, "berth_chain", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
        chain, NULL, NULL, NULL);
}
