// SPDX-License-Identifier: Apache-2.0
/* One line of a hostile peer: parsed, and each item answered. */
#include <stddef.h>
#include <stdint.h>

#include "protocol/jsonrpc.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_init();
    return 0;
}

static void
answer(const struct jsonrpc_request *request)
{
    CLEANUP_JSON json_t *reply =
        request->method ? jsonrpc_result(request->id, json_object())
                        : jsonrpc_error(request->id, &request->err, NULL);

    free(json_text(reply, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jsonrpc_message message = {.count = 0};
    struct err err = ERR_INIT;

    if (jsonrpc_parse((const char *)data, size, &message, &err) < 0) {
        json_decref(jsonrpc_error(NULL, &err, NULL));
        return 0;
    }
    for (size_t i = 0; i < message.count; i++)
        answer(&message.requests[i]);
    jsonrpc_message_free(&message);
    return 0;
}
