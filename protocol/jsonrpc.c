// SPDX-License-Identifier: Apache-2.0
/*
 * JSON-RPC 2.0, section 4 (request), 5 (response) and 6 (batch). An id may be
 * any JSON value and comes back as it was; members that the specification
 * does not name are ignored. What is wrong with one item of a batch is that
 * item's own error.
 */
#include "protocol/jsonrpc.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/utf8.h"
#include "protocol/codes.h"
#include "protocol/limits.h"

#define METHOD_MAX 128

/* A value in an error: text as it is, another type by its name. */
static const char *
shown(const json_t *value)
{
    static const char *const types[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
        [JSON_STRING] = "",          [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };

    if (!value || json_is_string(value))
        return json_string_value(value);
    return types[json_typeof(value)];
}

static int
check_request(const json_t *item, struct err *err)
{
    const json_t *version = json_object_get(item, "jsonrpc");
    const json_t *method = json_object_get(item, "method");
    const json_t *params = json_object_get(item, "params");

    if (!json_is_object(item))
        return err_param(err, ERR_INVALID_REQUEST, "request", shown(item),
                         "an object with jsonrpc, method and id");
    if (!json_is_string(version) ||
        strcmp(json_string_value(version), "2.0") != 0)
        return err_param(err, ERR_INVALID_REQUEST, "jsonrpc", shown(version),
                         "the string \"2.0\"");
    if (!json_is_string(method) || json_string_length(method) == 0 ||
        json_string_length(method) > METHOD_MAX)
        return err_param(err, ERR_INVALID_REQUEST, "method", shown(method),
                         "the name of a verb, 1 to 128 bytes");
    if (params && !json_is_object(params) && !json_is_array(params))
        return err_param(err, ERR_INVALID_REQUEST, "params", shown(params),
                         "an object or an array, or no params at all");
    return 0;
}

static void
read_request(json_t *item, struct jsonrpc_request *out)
{
    json_t *id = json_object_get(item, "id");

    if (check_request(item, &out->err) < 0) {
        /* Always answered: a broken request cannot be told from a broken
         * notification (JSON-RPC 2.0 section 5, "id"). */
        out->id = id ? json_incref(id) : json_null();
        return;
    }
    out->id = json_incref(id);
    out->method = mem_dup(json_string_value(json_object_get(item, "method")));
    out->params = json_incref(json_object_get(item, "params"));
}

int
jsonrpc_parse(const char *line, size_t len, struct jsonrpc_message *out,
              struct err *err)
{
    const struct json_limits limits = {
        .depth = LIMIT_DEPTH,
        .memory = len * LIMIT_PARSE_FACTOR + (1u << 20),
    };
    CLEANUP_JSON json_t *root = json_parse(line, len, &limits, err);
    bool batch = json_is_array(root);
    size_t count = batch ? json_array_size(root) : 1;

    if (!root)
        return -1;
    if (!batch && !json_is_object(root))
        return err_set(err, ERR_INVALID_REQUEST,
                       "A line holds one request object or an array of them, "
                       "not another JSON value.");
    if (count == 0)
        return err_set(err, ERR_INVALID_REQUEST, "A batch may not be empty.");
    if (count > LIMIT_BATCH)
        return err_set(err, ERR_LIMIT,
                       "A batch of %zu requests is too long; expected at most "
                       "%u.",
                       count, LIMIT_BATCH);
    out->batch = batch;
    out->count = count;
    out->requests = mem_zalloc(count, sizeof(*out->requests));
    for (size_t i = 0; i < count; i++)
        read_request(batch ? json_array_get(root, i) : root, &out->requests[i]);
    return 0;
}

void
jsonrpc_message_free(struct jsonrpc_message *message)
{
    for (size_t i = 0; i < message->count; i++) {
        json_decref(message->requests[i].id);
        free(message->requests[i].method);
        json_decref(message->requests[i].params);
    }
    free(message->requests);
    *message = (struct jsonrpc_message){.count = 0};
}

static json_t *
response(const json_t *id, const char *key, json_t *value)
{
    json_t *out = json_object();

    json_put_text(out, "jsonrpc", "2.0");
    /* jansson counts references in the value: an id is shared, not changed. */
    json_put(out, "id", id ? json_incref((json_t *)(uintptr_t)id) : NULL);
    json_put(out, key, value);
    return out;
}

json_t *
jsonrpc_result(const json_t *id, json_t *result)
{
    return response(id, "result", result);
}

json_t *
jsonrpc_response(const json_t *id, const json_t *body)
{
    json_t *result = json_object_get(body, "result");
    json_t *error = json_object_get(body, "error");

    return response(id, result ? "result" : "error",
                    json_incref(result ? result : error));
}

/* Texts that come from elsewhere (libvirt, a peer) may be no UTF-8. */
static void
put_known(json_t *obj, const char *key, const char *text)
{
    CLEANUP_FREE char *clean = NULL;

    if (!text || !text[0])
        return;
    clean = utf8_clean(text);
    json_put_text(obj, key, clean);
}

static json_t *
libvirt_object(const struct err *err)
{
    json_t *out = json_object();

    json_put_int(out, "code", err->virt_code);
    json_put_int(out, "domain", err->virt_domain);
    put_known(out, "message", err->virt_message);
    return out;
}

static json_t *
error_data(const struct err *err, const char *op_id)
{
    json_t *out = json_object();

    json_put_text(out, "kind", err_kind_name(err->kind));
    json_put_text(out, "class", codes_class(err->kind));
    put_known(out, "param", err->param);
    put_known(out, "value", err->value);
    put_known(out, "expected", err->expected);
    put_known(out, "step", err->step);
    put_known(out, "op_id", op_id);
    if (err->retry_after_ms)
        json_put_int(out, "retry_after_ms", err->retry_after_ms);
    if (err->queue_depth)
        json_put_int(out, "queue_depth", err->queue_depth);
    if (err->virt_code)
        json_put(out, "libvirt", libvirt_object(err));
    return out;
}

json_t *
jsonrpc_error_plain(const struct err *err, int code)
{
    json_t *out = json_object();

    json_put_int(out, "code", code);
    put_known(out, "message",
              err->message[0] ? err->message : codes_text(err->kind));
    return out;
}

json_t *
jsonrpc_error_object(const struct err *err, const char *op_id)
{
    json_t *out = jsonrpc_error_plain(err, codes_number(err->kind));

    json_put(out, "data", error_data(err, op_id));
    return out;
}

json_t *
jsonrpc_failure(const json_t *id, json_t *error)
{
    return response(id, "error", error);
}

json_t *
jsonrpc_error(const json_t *id, const struct err *err, const char *op_id)
{
    return jsonrpc_failure(id, jsonrpc_error_object(err, op_id));
}

json_t *
jsonrpc_notification(const char *method, json_t *params)
{
    json_t *out = json_object();

    json_put_text(out, "jsonrpc", "2.0");
    json_put_text(out, "method", method);
    json_put(out, "params", params);
    return out;
}
