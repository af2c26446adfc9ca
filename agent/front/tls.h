// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to OpenSSL: the server's context (TLS 1.2 and 1.3, client
 * certificate required and verified, no session resumption of any kind, no
 * renegotiation) and non-blocking connections. I/O thread only, but for
 * tls_info.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/common/json.h"
#include "agent/policy/identity.h"

struct tls;      /* a context: certificates as read at one moment */
struct tls_conn; /* one connection */

struct tls_files {
    const char *cert, *key, *ca, *crl; /* crl may be "" */
};

/* Read the files and check that they fit together. Returns owned,
 * NULL + err (INVALID: a file that cannot be used, by its setting;
 * TLS_UNTRUSTED: key and certificate do not belong together). */
struct tls *tls_new(const struct tls_files *files, struct err *err);
void tls_free(struct tls *tls); /* connections keep what they need */

/* {subject, issuer, not_after, days_left} of the certificate or of a CA:
 * whichever ends first counts. Returns owned. Any thread. */
json_t *tls_info(const struct tls *tls);

/*
 * Look at the files as tls_new would, and further: {error (null: they can be
 * used), chain (why the own certificate does not come from the CA, null: it
 * does), subject, issuer, not_after, days_left}. Returns owned. Any thread.
 */
json_t *tls_examine(const struct tls_files *files);

enum tls_io { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED, TLS_FAILED };

struct tls_conn *tls_accept(struct tls *tls, int fd); /* borrows fd */
void tls_conn_free(struct tls_conn *conn);            /* does not close fd */

/* why is filled (escaped text) when the handshake failed. */
enum tls_io tls_handshake(struct tls_conn *conn, char *why, size_t size);

/*
 * Who the verified peer is: its certificate's last CN, the DNS names and URIs
 * of its subjectAltName, its fingerprint. Known as "cn:NAME", or "sha256:HEX"
 * when it has no CN that is plain text and fits (a name that is cut or cleaned
 * could be another's). Returns owned.
 */
struct identity *tls_identity(struct tls_conn *conn);

/* *done is the number of bytes moved with TLS_DONE. One call of tls_write is
 * one record for up to 16 KiB. Records are gathered and leave together by
 * tls_flush, or when there are many: a system call costs more than a record. */
enum tls_io tls_read(struct tls_conn *conn, void *to, size_t size,
                     size_t *done);
enum tls_io tls_write(struct tls_conn *conn, const void *from, size_t size,
                      size_t *done);
enum tls_io tls_flush(struct tls_conn *conn);
bool tls_unsent(const struct tls_conn *conn); /* gathered, and not sent */
bool tls_has_pending(struct tls_conn *conn); /* bytes read but not returned */
void tls_shutdown(struct tls_conn *conn);    /* one try at close_notify */
