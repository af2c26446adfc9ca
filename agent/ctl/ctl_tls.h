// SPDX-License-Identifier: Apache-2.0
/*
 * The client's end of TLS, on a non-blocking socket that the caller polls:
 * the server must have a certificate of our CA for the name we called.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "agent/common/err.h"

struct ctl_tls;

/* Files in PEM; host is a DNS name or an IP address. fd is borrowed.
 * Returns owned, NULL + err (INVALID: a file cannot be used). */
struct ctl_tls *ctl_tls_new(int fd, const char *host, const char *ca,
                            const char *cert, const char *key, struct err *err);
void ctl_tls_free(struct ctl_tls *tls); /* says goodbye, if it can */

/*
 * One step each: > 0 done (bytes), 0 the peer closed, -1 poll for *events
 * and come again, -2 failed + err.
 */
int ctl_tls_handshake(struct ctl_tls *tls, short *events, struct err *err);
ssize_t ctl_tls_read(struct ctl_tls *tls, void *data, size_t len, short *events,
                     struct err *err);
ssize_t ctl_tls_write(struct ctl_tls *tls, const void *data, size_t len,
                      short *events, struct err *err);
