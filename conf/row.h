// SPDX-License-Identifier: Apache-2.0
/* What a row of conf/params.def says about one setting. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum conf_type {
    CONF_TEXT,  /* any text */
    CONF_INT,   /* a number in min..max */
    CONF_BOOL,  /* yes, no */
    CONF_ENUM,  /* one of the words of range, "a|b|c" */
    CONF_LIST,  /* words separated by spaces or commas */
    CONF_MODE,  /* octal file mode */
};

struct conf_row {
    const char *section;
    const char *key;
    enum conf_type type;
    const char *deflt;
    int64_t min, max;
    const char *range; /* for CONF_ENUM, else NULL */
    bool reload;       /* SIGHUP and ReloadConfig put a change in force */
    const char *doc;
};
