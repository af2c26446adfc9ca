// SPDX-License-Identifier: Apache-2.0
/*
 * Kinds of error as the wire knows them, printed from codes.def. A kind that
 * the table does not know counts as INTERNAL: a number is always given.
 */
#include "protocol/codes.h"

#include <stdbool.h>

static const struct code {
    int number;
    int vdsm;
    const char *class;
    const char *text;
} codes[ERR_KINDS] = {
#define CODE(kind, number, vdsm, class, text) \
    [ERR_##kind] = {number, vdsm, #class, text},
#include "protocol/codes.def"
#undef CODE
};

static const struct code *
find(enum err_kind kind)
{
    bool known = kind > ERR_NONE && kind < ERR_KINDS;

    return &codes[known ? kind : ERR_INTERNAL];
}

int
codes_number(enum err_kind kind)
{
    return find(kind)->number;
}

int
codes_vdsm(enum err_kind kind)
{
    return find(kind)->vdsm;
}

const char *
codes_class(enum err_kind kind)
{
    return find(kind)->class;
}

const char *
codes_text(enum err_kind kind)
{
    return find(kind)->text;
}
