// SPDX-License-Identifier: Apache-2.0
/*
 * The file lags behind the database by what a death in between leaves: rows
 * behind the noted one are no fault, a noted row that is not there is.
 */
#include "agent/state/audit_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/file.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

#define MAX_FILE 256
#define HASH_DIGITS 64

static int
keep_head(void *ctx, const struct store_row *row)
{
    struct audit_head *head = ctx;
    const char *hash = store_row_text(row, 1);

    head->count = store_row_int(row, 0);
    snprintf(head->hash, sizeof(head->hash), "%s", hash ? hash : "");
    return 1;
}

int
audit_head_last(struct store *store, struct audit_head *out, struct err *err)
{
    *out = (struct audit_head){.count = 0};
    if (store_has_record(store, err) < 0)
        return -1;
    return store_read(store, err, keep_head, out,
                      "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1",
                      "");
}

void
audit_head_note(const char *dir, const struct audit_head *head)
{
    CLEANUP_FREE char *path = dir ? mem_printf("%s/audit.head", dir) : NULL;
    CLEANUP_FREE char *text = NULL;
    struct err err = ERR_INIT;
    char stamp[CLOCK_STAMP];

    clock_stamp(clock_wall_ms(), stamp);
    text = mem_printf("%" PRId64 ":%s %s\n", head->count, head->hash, stamp);
    log_info("AUDIT head=%" PRId64 ":%s", head->count, head->hash);
    if (path && file_write(path, text, strlen(text), 0600, &err) < 0)
        log_error("The end of the audit is not noted beside it: %s",
                  err.message);
}

int
audit_head_parse(const char *text, struct audit_head *out, struct err *err)
{
    size_t digits = strspn(text, "0123456789");
    const char *hash = text + digits + 1;

    if (!digits || digits > 18 || text[digits] != ':' ||
        strspn(hash, "0123456789abcdef") != HASH_DIGITS || hash[HASH_DIGITS])
        return err_set(err, ERR_INVALID,
                       "\"%.200s\" is no head of an audit; expected "
                       "ROWS:HASH with 64 hex digits, as the log has it",
                       text);
    out->count = strtoll(text, NULL, 10);
    snprintf(out->hash, sizeof(out->hash), "%s", hash);
    return 0;
}

int
audit_head_read(const char *dir, struct audit_head *out, struct err *err)
{
    CLEANUP_FREE char *path = mem_printf("%s/audit.head", dir);
    CLEANUP_FREE char *text = file_read(path, MAX_FILE, NULL, err);

    if (!text)
        return -1;
    text[strcspn(text, " \n")] = '\0';
    if (audit_head_parse(text, out, err) < 0)
        return err_wrap(err, "%s", path);
    return 0;
}

char *
audit_head_compare(struct store *store, const char *whose,
                   const struct audit_head *head)
{
    struct audit_head found = {.count = 0};

    if (head->count == 0)
        return NULL;
    if (store_read(store, NULL, keep_head, &found,
                   "SELECT seq, hash FROM audit WHERE seq = ?", "i",
                   head->count) < 0)
        return NULL;
    if (!found.count)
        return mem_printf("%s says that there were %" PRId64 " rows: the last "
                          "of them is not there",
                          whose, head->count);
    if (strcmp(found.hash, head->hash) != 0)
        return mem_printf("%s has another hash for row %" PRId64
                          ": the chain was made anew (%.12s.., was %.12s..)",
                          whose, head->count, found.hash, head->hash);
    return NULL;
}

char *
audit_head_fault(struct store *store, const char *dir, struct audit_head *out)
{
    struct audit_head last;
    struct err err = ERR_INIT;

    *out = (struct audit_head){.count = 0};
    if (audit_head_read(dir, out, &err) == 0)
        return audit_head_compare(store, "audit.head", out);
    if (audit_head_last(store, &last, NULL) < 0 || last.count == 0)
        return err.kind == ERR_NOT_FOUND ? NULL : mem_dup(err.message);
    return mem_printf("audit.head cannot be read: %s", err.message);
}
