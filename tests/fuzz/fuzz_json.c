// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as JSON: refused with a message, or a value whose canonical text
 * parses again into an equal value.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/common/json.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_limits limits = {16, 0};
    const struct json_limits wide = {16, 1 << 26};
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *value =
        json_parse((const char *)data, size, &limits, &err);
    CLEANUP_JSON json_t *again = NULL;
    CLEANUP_TEXT char *text = NULL;

    if (!value) {
        if (err.kind == ERR_NONE || !err.message[0])
            abort();
        return 0;
    }
    text = json_canonical(value);
    again = json_parse(text, strlen(text), &wide, &err);
    if (!again || !json_equal(value, again))
        abort();
    return 0;
}
