// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon is trusted more than a peer of the daemon is: its answers may be
 * large, but they stay bounded in length (conn.c), depth and memory.
 */
#include "agent/ctl/client.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/ctl/term.h"
#include "protocol/limits.h"

#define TICK_MS 200
#define PARSE_FACTOR 64 /* jansson's need for a list of small values */

static int
send_request(struct client *client, const char *verb, const json_t *params,
             int64_t deadline_ms, struct err *err)
{
    CLEANUP_JSON json_t *request = json_object();
    CLEANUP_FREE char *text = NULL;
    size_t len;

    json_put_text(request, "jsonrpc", "2.0");
    json_put_int(request, "id", ++client->last_id);
    json_put_text(request, "method", verb);
    if (params && (!json_is_object(params) || json_object_size(params)))
        json_put(request, "params", json_deep_copy(params));
    text = json_text(request, &len);
    text[len++] = '\n'; /* where its NUL was */
    return conn_send(client->conn, text, len, deadline_ms, err);
}

/* The next message; owned. Waits in ticks, to show that it waits. */
static json_t *
next_message(struct client *client, struct term_progress *progress,
             int64_t deadline_ms, struct err *err)
{
    CLEANUP_FREE char *line = NULL;
    size_t len = 0;

    while (!line) {
        int64_t tick = progress->to ? clock_mono_ms() + TICK_MS : deadline_ms;
        struct err why = ERR_INIT;

        if (deadline_ms >= 0 && tick > deadline_ms)
            tick = deadline_ms;
        line = conn_line(client->conn, &len, tick, &why);
        if (!line && (why.kind != ERR_TIMEOUT ||
                      (deadline_ms >= 0 && clock_mono_ms() >= deadline_ms))) {
            *err = why;
            return NULL;
        }
        if (!line)
            term_progress_tick(progress);
    }
    return json_parse(
        line, len,
        &(struct json_limits){LIMIT_DEPTH, PARSE_FACTOR * len + (1 << 20)},
        err);
}

static bool
is_event(const json_t *message)
{
    return json_is_string(json_object_get(message, "method"));
}

static void
hand_event(struct client *client, const json_t *message)
{
    if (client->event)
        client->event(client->ctx, json_object_get(message, "params"));
}

/* The error object in our terms, for the exit code and the message. */
static void
refused(const json_t *object, struct err *err)
{
    const json_t *data = json_object_get(object, "data");
    enum err_kind kind = err_kind_parse(json_get_text(data, "kind", ""));

    err_set(err, kind ? kind : ERR_INTERNAL, "%s",
            json_get_text(object, "message", "the daemon gave no reason"));
}

static json_t *
answer(json_t *message, json_t **refusal, struct err *err)
{
    json_t *result = json_object_get(message, "result");
    json_t *error = json_object_get(message, "error");

    if (result)
        return json_incref(result);
    if (!json_is_object(error)) {
        err_set(err, ERR_INTERNAL,
                "berthd answered with neither a result nor an error");
        return NULL;
    }
    *refusal = json_incref(error);
    refused(error, err);
    return NULL;
}

static json_t *
wait_answer(struct client *client, struct term_progress *progress,
            int64_t deadline_ms, json_t **refusal, struct err *err)
{
    for (;;) {
        CLEANUP_JSON json_t *message =
            next_message(client, progress, deadline_ms, err);
        const json_t *id = json_object_get(message, "id");

        if (!message)
            return NULL;
        if (is_event(message))
            hand_event(client, message);
        else if (json_is_null(id) || json_integer_value(id) == client->last_id)
            return answer(message, refusal, err);
    }
}

json_t *
client_call(struct client *client, const char *verb, const json_t *params,
            int64_t wait_ms, json_t **refusal, struct err *err)
{
    int64_t now = clock_mono_ms();
    int64_t deadline_ms = wait_ms < 0 ? -1 : now + wait_ms;
    struct term_progress progress = {client->progress, verb, now, 0};
    json_t *result;

    *refusal = NULL;
    if (send_request(client, verb, params, deadline_ms, err) < 0)
        return NULL;
    result = wait_answer(client, &progress, deadline_ms, refusal, err);
    term_progress_end(&progress);
    return result;
}

int
client_next_event(struct client *client, int64_t deadline_ms, struct err *err)
{
    struct term_progress quiet = {NULL, "", 0, 0};

    for (;;) {
        CLEANUP_JSON json_t *message =
            next_message(client, &quiet, deadline_ms, err);

        if (!message)
            return -1;
        if (!is_event(message))
            continue;
        hand_event(client, message);
        return 0;
    }
}
