// SPDX-License-Identifier: Apache-2.0
/*
 * The audit: one row per grant, release and denial of a privileged attribute,
 * per denied verb, and per change of role or policy, in the table `audit`.
 * Each row holds the hash of the row before it and its own over all that it
 * says (SHA-256); rows are only added. The number of rows and the newest hash
 * also go to the log and to DIR/audit.head, so that a cut tail or a chain
 * made anew is found too. Any thread but where said.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/state/audit_head.h"

enum audit_what {
    AUDIT_GRANT,   /* of a privileged attribute */
    AUDIT_RELEASE, /* it is given back */
    AUDIT_DENIAL,
    AUDIT_POLICY, /* a role, a peer's roles, another setting of policy */
    AUDIT_FAULT,  /* the audit itself was found changed */
    AUDIT_WHATS
};
const char *audit_what_name(enum audit_what what); /* "grant" … */

/* What is written down; all borrowed, NULL: none. */
struct audit_entry {
    enum audit_what what;
    const char *peer; /* who asked: "cn:engine-1", "berthd" */
    const char *verb, *flow_id, *op_id;
    const char *vm, *vm_name, *disk;
    const char *lun;     /* identity of the LUN */
    const char *subject; /* "sgio", an action group, a setting's name */
    const json_t *before, *after;
    const char *result; /* "done", "denied", "failed" … */
    const char *why;    /* a sentence */
};

struct audit;

/* Nothing is read yet. store outlives it, and is closed before it is freed:
 * what was queued ends in audit's memory. Returns owned. */
struct audit *audit_new(struct store *store);
void audit_free(struct audit *audit);

/* The record can be read (again): DIR/audit.head is compared with it; what
 * does not fit is logged and becomes a row of its own. */
void audit_open(struct audit *audit, const char *dir);

/* Add a row to the batch of what it tells of: both are durable or none. */
void audit_append(struct audit *audit, struct store_batch *batch,
                  const struct audit_entry *entry);

/* A denial, in a batch of its own, not waited for. The same one again within a
 * minute is counted, and told by one row with how often. Never blocks. */
void audit_denial(struct audit *audit, const struct audit_entry *entry);

/* Write down what was counted; before the store is closed. */
void audit_flush(struct audit *audit);

/*
 * What the settings say of who may do what, as {name: text}: what differs from
 * what was last written down becomes a row each. by tells who changed it
 * (peer, verb, flow_id, op_id). Not waited for.
 */
void audit_policy(struct audit *audit, const json_t *now,
                  const struct audit_entry *by);

/* --- reading: workers ----------------------------------------------------- */

struct audit_filter { /* NULL: any */
    const char *what, *peer, *vm, *disk;
};

/* {rows: [{seq, time, what, result, peer, …, hash}], next}: rows after since
 * in order. Returns owned, NULL + err. */
json_t *audit_read(struct store *store, int64_t since, int limit,
                   const struct audit_filter *filter, struct err *err);

/*
 * Walk the whole chain and compare it with DIR/audit.head and, if it is given,
 * with a head that was noted elsewhere (the log). {whole, rows, head, faults:
 * [{seq, fault}]}; at most 100 faults are listed. Returns owned, NULL + err
 * (READ_ONLY, INTERNAL: it cannot be read).
 */
json_t *audit_verify(struct store *store, const char *dir,
                     const struct audit_head *noted, struct err *err);
