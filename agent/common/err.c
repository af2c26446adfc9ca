// SPDX-License-Identifier: Apache-2.0
/*
 * Errors as values. Messages are cut to their field on a character's border,
 * so that what is cut can still be put into JSON.
 */
#include "agent/common/err.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/utf8.h"

static const char *const kind_names[ERR_KINDS] = {
    [ERR_NONE] = "NONE",
#define CODE(kind, number, vdsm, class, text) [ERR_##kind] = #kind,
#include "protocol/codes.def"
#undef CODE
};

static void
copy_text(char *to, size_t size, const char *from)
{
    size_t len = from ? strlen(from) : 0;

    if (len >= size)
        len = size - 1;
    memmove(to, from ? from : "", len);
    to[len] = '\0';
    utf8_trim(to);
}

int
err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    struct err fresh = {.kind = kind};
    va_list ap;

    if (!err)
        return -1;
    /* Built aside: the arguments may be fields of err itself. */
    va_start(ap, fmt);
    vsnprintf(fresh.message, sizeof(fresh.message), fmt, ap);
    va_end(ap);
    utf8_trim(fresh.message);
    *err = fresh;
    return -1;
}

int
err_param(struct err *err, enum err_kind kind, const char *param,
          const char *value, const char *expected)
{
    struct err fresh = {.kind = kind};

    if (!err)
        return -1;
    copy_text(fresh.param, sizeof(fresh.param), param);
    copy_text(fresh.value, sizeof(fresh.value), value);
    copy_text(fresh.expected, sizeof(fresh.expected), expected);
    if (value)
        snprintf(fresh.message, sizeof(fresh.message),
                 "%s: \"%s\" is not accepted; expected %s", fresh.param,
                 fresh.value, fresh.expected);
    else
        snprintf(fresh.message, sizeof(fresh.message),
                 "%s is missing; expected %s", fresh.param, fresh.expected);
    *err = fresh;
    return -1;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
    char context[256];
    char message[sizeof(err->message)];
    va_list ap;

    if (!err)
        return -1;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    utf8_trim(context);
    memcpy(message, err->message, sizeof(message));
    snprintf(err->message, sizeof(err->message), "%s: %.*s", context,
             (int)(sizeof(message) - strlen(context) - 3), message);
    utf8_trim(err->message);
    return -1;
}

const char *
err_kind_name(enum err_kind kind)
{
    return (unsigned)kind < ERR_KINDS ? kind_names[kind] : "INTERNAL";
}

enum err_kind
err_kind_parse(const char *name)
{
    for (int kind = ERR_NONE + 1; kind < ERR_KINDS; kind++)
        if (strcmp(kind_names[kind], name) == 0)
            return (enum err_kind)kind;
    return ERR_NONE;
}
