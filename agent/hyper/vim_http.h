// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to libcurl: HTTP POSTs to vSphere servers. One thread carries
 * every transfer of every host (curl_multi), so a host costs no thread, and
 * the caller waits for its own answer alone: a mute server delays nobody
 * else. Callers are worker threads and block until the answer, the deadline
 * or the stop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/common/err.h"

/* curl must be initialised before threads and before libvirt: main. */
void vim_http_init(void);
void vim_http_cleanup(void);

struct vim_http;

struct vim_http *vim_http_new(struct err *err);

/* Calls under way, and all that come, end with STOPPING. Any thread. */
void vim_http_stop(struct vim_http *http);
void vim_http_free(struct vim_http *http); /* no call may be under way */

struct vim_target { /* how to reach one server; texts are borrowed */
    const char *url;
    const char *ca_file;     /* PEM; NULL: the system's store */
    const char *fingerprint; /* SHA-256 of the server's certificate as hex
                                digits; NULL: the chain is verified */
    bool no_verify;          /* the administrator's URI says so */
    const char *proxy;       /* NULL: none, the environment's neither */
    int64_t connect_ms;
};

struct vim_request {
    const struct vim_target *target;
    const char *action; /* SOAPAction, NULL: no such header */
    const char *cookie; /* "name=value", NULL: none */
    const char *body;
    size_t len;
    bool change; /* on a fresh connection: libcurl would send a POST again
                    when a kept connection dies before the first answer */
    int64_t deadline_ms; /* CLOCK_MONOTONIC */
};

struct vim_reply {
    long status;
    char *body; /* owned, NUL-terminated, at most VIM_MAX_REPLY bytes */
    size_t len;
    char cookie[512]; /* "vmware_soap_session=…" that the server set, or "" */
};
#define VIM_MAX_REPLY (16u << 20)

/*
 * 0 with *reply (any status), or -1 + err: UNREACHABLE (no connection, or it
 * was lost: *sent tells whether the request may have been carried out),
 * TIMEOUT, TLS_UNTRUSTED, LIMIT, STOPPING.
 */
int vim_http_post(struct vim_http *http, const struct vim_request *request,
              struct vim_reply *reply, bool *sent, struct err *err);
void vim_http_reply_clear(struct vim_reply *reply);

/* A URL of any scheme in its parts, decoded but for the query; owned texts,
 * NULL where absent (port 0). -1 + err (INVALID) when it is none, or holds a
 * password. */
struct vim_url {
    char *scheme, *user, *host, *path, *query;
    int port;
};
int vim_http_url(const char *text, struct vim_url *url, struct err *err);
void vim_http_url_clear(struct vim_url *url);
