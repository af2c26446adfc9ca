// SPDX-License-Identifier: Apache-2.0
/*
 * Who a peer is, as verified when it connected: what stands in its
 * certificate, or what the kernel says of the process behind a unix socket.
 * Filled by one thread, immutable and counted from then on: requests keep it
 * beyond their connection. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/common/cleanup.h"

#define IDENTITY_NAME 128 /* bytes, with the NUL */

enum identity_kind {
    IDENTITY_CN,     /* the subject's last common name */
    IDENTITY_DNS,    /* a subjectAltName; compared without case */
    IDENTITY_URI,    /* a subjectAltName */
    IDENTITY_SHA256, /* of the whole certificate: 64 digits */
    IDENTITY_UID,
    IDENTITY_GID, /* its own, and supplementary ones */
    IDENTITY_KINDS
};
const char *identity_kind_name(enum identity_kind kind); /* "cn" … */
int identity_kind_parse(const char *name, size_t len);   /* -1: none */

struct identity;

/* name is the stable text that operations, log and audit know the peer by:
 * "cn:engine-1", "uid:0". Returns owned, with no fact. */
struct identity *identity_new(const char *name);

/* Facts are added before the identity is shared. value is kept as
 * identity_canon writes it; one that it refuses is left out. */
void identity_add(struct identity *identity, enum identity_kind kind,
                  const char *value);
void identity_add_number(struct identity *identity, enum identity_kind kind,
                         unsigned long value);

struct identity *identity_ref(const struct identity *identity); /* NULL: NULL */
void identity_unref(struct identity *identity);

const char *identity_name(const struct identity *identity);
bool identity_has(const struct identity *identity, enum identity_kind kind,
                  const char *canonical);
bool identity_has_uid(const struct identity *identity, uid_t uid);
bool identity_has_certificate(const struct identity *identity);

/* Nothing is known of it but its name: it came over TCP without TLS. */
bool identity_is_plain(const struct identity *identity);

/*
 * The one form of a value: lower case for dns and sha256, the latter without
 * colons; a plain decimal number for uid and gid. Returns owned, NULL when it
 * cannot be such a value.
 */
char *identity_canon(enum identity_kind kind, const char *value);

CLEANUP_DEFINE(identity_cleanup_, struct identity, identity_unref)
#define CLEANUP_IDENTITY CLEANUP(identity_cleanup_)
