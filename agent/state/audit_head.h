// SPDX-License-Identifier: Apache-2.0
/*
 * The end of the audit's chain, and what is noted of it outside the database:
 * "ROWS:HASH" in the log, and with a time in DIR/audit.head. Any thread.
 */
#pragma once

#include "agent/state/store.h"

struct audit_head {
    int64_t count; /* rows: the number of the newest */
    char hash[65]; /* of the newest; "" with count 0 */
};

/* "ROWS:HASH"; 0, -1 + err (INVALID). */
int audit_head_parse(const char *text, struct audit_head *out,
                     struct err *err);

/* The newest row; count 0 when there is none. 0, -1 + err. */
int audit_head_last(struct store *store, struct audit_head *out,
                    struct err *err);

/* To the log, and (dir not NULL) to DIR/audit.head; a failure is logged. */
void audit_head_note(const char *dir, const struct audit_head *head);

/* What DIR/audit.head says; 0, -1 + err (NOT_FOUND, INVALID). */
int audit_head_read(const char *dir, struct audit_head *out, struct err *err);

/* Why the chain is not what a head says: a sentence (owned); NULL: it has that
 * row with that hash, or cannot be read. */
char *audit_head_compare(struct store *store, const char *whose,
                         const struct audit_head *head);

/* The same for DIR/audit.head, which must be there once there are rows; *out
 * is what it says. */
char *audit_head_fault(struct store *store, const char *dir,
                       struct audit_head *out);
