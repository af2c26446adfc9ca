// SPDX-License-Identifier: Apache-2.0
/* Which language a peer begins to speak: the first byte tells. */
#include "agent/front/speech.h"

#include <string.h>

static const struct speech_kind *const kinds[] = {&speech_lines,
                                                  &speech_stomp};

int
speech_detect(const char *bytes, size_t len, const struct speech_kind **kind,
              struct err *err)
{
    size_t i = 0;

    *kind = NULL;
    while (i < len && (bytes[i] == '\r' || bytes[i] == '\n'))
        i++;
    if (i == len)
        return 0;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        if (bytes[i] && strchr(kinds[k]->first, bytes[i]))
            *kind = kinds[k];
    if (*kind)
        return 0;
    return err_set(err, ERR_PARSE,
                   "What is spoken here is STOMP 1.2, and JSON-RPC 2.0 in "
                   "lines, one object or batch per line, whose first byte is "
                   "'{' or '['.");
}

struct speech *
speech_new(const struct speech_kind *kind, const struct speech_owner *owner,
           void *ctx)
{
    struct speech *speech = kind->start();

    speech->kind = kind;
    speech->owner = owner;
    speech->ctx = ctx;
    return speech;
}
