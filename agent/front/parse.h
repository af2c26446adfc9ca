// SPDX-License-Identifier: Apache-2.0
/*
 * Big texts, parsed by a worker: copied out in the I/O thread, handed back to
 * it through the outbox.
 */
#pragma once

#include <stdint.h>

#include "agent/post/outbox.h"
#include "agent/work/pool.h"
#include "protocol/jsonrpc.h"

struct parse_owner {
    struct pool *pool;
    struct outbox *outbox;
    /* I/O thread: rc, message and err as jsonrpc_parse gave them (message is
     * borrowed); also called when the pool stops before (STOPPING). */
    void (*done)(void *ctx, uint64_t session, uint64_t number, int rc,
                 struct jsonrpc_message *message, const struct err *err);
    void *ctx; /* not touched by the worker */
};

/* Copies text. Returns -1 + err (BUSY, STOPPING) when no worker takes it; done
 * is then not called. number comes back. I/O thread. */
int parse_start(const struct parse_owner *owner, uint64_t session,
                uint64_t number, const char *text, size_t len,
                struct err *err);
