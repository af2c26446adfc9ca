// SPDX-License-Identifier: Apache-2.0
/* One setting's value: text checked against its row, in the form it is used. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/common/err.h"
#include "conf/row.h"

struct value {
    char *text;   /* as written */
    char *origin; /* "default", "FILE:LINE", "--set" */
    int64_t number;
    char **list; /* NULL-terminated words of a CONF_LIST, else NULL */
};

/*
 * Check text and fill *value, releasing what it held before; on an error
 * (INVALID, param "section.key") it stays as it was.
 */
int value_set(struct value *value, const struct conf_row *row,
              const char *text, const char *origin, struct err *err);
void value_free(struct value *value);

/* What a row accepts, in words: "a whole number from 1 to 64". */
void value_expected(const struct conf_row *row, char *to, size_t size);
