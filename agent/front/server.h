// SPDX-License-Identifier: Apache-2.0
/*
 * The door: the TLS and the unix listener, the event loop of the I/O thread,
 * connection limits, reload of certificates, stop. I/O thread (which is the
 * main thread of berthd).
 */
#pragma once

#include "agent/plan/env.h"

struct server;

/* Opens the listeners that the settings name and wires outbox, dispatch and
 * notify. Without certificates that can be used it serves the unix socket
 * alone, and says so. SIGPIPE is ignored from now on. Returns owned, NULL +
 * err naming address or path and cause. */
struct server *server_new(struct env *env, struct outbox *outbox,
                          struct err *err);

/* Call fn(ctx) in the loop when a signal comes. */
int server_on_signal(struct server *server, int signum, void (*fn)(void *ctx),
                     void *ctx, struct err *err);

/* Read the certificates again; open connections are not touched. On error
 * the old ones stay in use. The first good ones open the TLS listener. Any
 * thread. */
int server_reload_tls(struct server *server, struct err *err);

/* {subject, issuer, not_after, days_left}, {error} when there is no listener
 * since they cannot be used, or NULL without TLS. Any thread. */
json_t *server_tls_info(struct server *server);

/* tls_examine of the files that the settings name. Any thread. */
json_t *server_tls_examine(const struct conf *conf);

void server_run(struct server *server); /* until server_stop */

/* Listeners close at once; open requests may end until wait_ms has passed;
 * then sessions are drained and server_run returns. From within the loop. */
void server_stop(struct server *server, int64_t wait_ms);

/* The outbox must not be run any more afterwards. */
void server_free(struct server *server);
