// SPDX-License-Identifier: Apache-2.0
/*
 * JSON-RPC calls over a connection: one request at a time, notifications
 * that come between handed to a callback. One thread.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/ctl/conn.h"

struct client {
    struct conn *conn; /* borrowed */
    FILE *progress;    /* where a waiting line is drawn, NULL: nowhere */
    int64_t last_id;
    void (*event)(void *ctx, const json_t *params); /* may be NULL */
    void *ctx;
};

/*
 * Call verb with params (borrowed) and wait at most wait_ms (-1: without
 * end). Returns the result, owned; NULL + err. When the daemon itself refused,
 * *refusal is its error object (owned) and err holds the same in our terms;
 * else *refusal is NULL.
 */
json_t *client_call(struct client *client, const char *verb,
                    const json_t *params, int64_t wait_ms, json_t **refusal,
                    struct err *err);

/* Wait for the next notification and hand it to the callback. */
int client_next_event(struct client *client, int64_t deadline_ms,
                      struct err *err);
