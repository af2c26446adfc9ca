// SPDX-License-Identifier: Apache-2.0
/*
 * A connection to berthd: lines of bytes over a unix socket or TLS, each call
 * with a deadline (CLOCK_MONOTONIC ms, -1: none). One thread, one owner.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/common/cleanup.h"
#include "agent/common/err.h"
#include "agent/ctl/ctl.h"

struct conn;

/* As ctl says. Returns owned; NULL + err (UNREACHABLE, DENIED for a socket
 * one may not open, TLS_UNTRUSTED, INVALID: a bad address or file). */
struct conn *conn_open(const struct ctl *ctl, struct err *err);

/* A connection over a stream socket that is already open; takes fd. */
struct conn *conn_new(int fd);
void conn_close(struct conn *conn); /* takes */

int conn_send(struct conn *conn, const char *text, size_t len,
              int64_t deadline_ms, struct err *err);

/*
 * The next line without its LF; returns owned, NUL-terminated. NULL + err:
 * TIMEOUT (may be called again: nothing is lost), UNREACHABLE (the peer
 * closed), LIMIT (longer than a connection may hold).
 */
char *conn_line(struct conn *conn, size_t *len, int64_t deadline_ms,
                struct err *err);

CLEANUP_DEFINE(conn_cleanup_, struct conn, conn_close)
#define CLEANUP_CONN CLEANUP(conn_cleanup_)
