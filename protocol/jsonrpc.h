// SPDX-License-Identifier: Apache-2.0
/*
 * JSON-RPC 2.0: values ⇄ requests and responses (lines.h cuts the lines).
 * Pure: no socket, no verb. One line holds one object or one batch.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"

/* One request of a line. */
struct jsonrpc_request {
    json_t *id;     /* owned; NULL for a notification */
    char *method;   /* owned; NULL when the item is no valid request */
    json_t *params; /* owned object or array, NULL when absent */
    struct err err; /* why method is NULL */
};

struct jsonrpc_message {
    bool batch; /* answer with an array */
    struct jsonrpc_request *requests;
    size_t count;
};

/*
 * Parse one line (length without its LF; a CR is white space). An item
 * that is no request becomes one with method NULL and its error; the message
 * as a whole fails (-1 + err: PARSE, INVALID_REQUEST for an empty batch or a
 * value that is neither object nor array, LIMIT) when nothing can be answered
 * item by item: the answer then has id null.
 */
int jsonrpc_parse(const char *line, size_t len, struct jsonrpc_message *out,
                  struct err *err);
void jsonrpc_message_free(struct jsonrpc_message *message);

/* Responses; id may be NULL (JSON null). Return owned. */
json_t *jsonrpc_result(const json_t *id, json_t *result); /* takes result */

/* The response that body, {"result": …} or {"error": …}, is the end of;
 * shares its value, so that one end may answer several ids. */
json_t *jsonrpc_response(const json_t *id, const json_t *body);

/* {code, message, data: {kind, class, param, value, expected, step, op_id,
 * retry_after_ms, queue_depth, libvirt: {code, domain, message}}}; what is
 * not set is left out. op_id may be NULL. */
json_t *jsonrpc_error(const json_t *id, const struct err *err,
                      const char *op_id);
json_t *jsonrpc_error_object(const struct err *err, const char *op_id);

/* {code, message} alone, as VDSM's clients expect it. */
json_t *jsonrpc_error_plain(const struct err *err, int code);

/* The response with such an object; takes error. */
json_t *jsonrpc_failure(const json_t *id, json_t *error);

/* {"jsonrpc": "2.0", "method": method, "params": params}; takes params. */
json_t *jsonrpc_notification(const char *method, json_t *params);
