// SPDX-License-Identifier: Apache-2.0
/*
 * The environment of a script: made from nothing but what is listed here.
 * Custom properties come from the engine and from XML, so their names are
 * judged: none may steer a shell, an interpreter or the loader, nor take the
 * place of what berthd says itself. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/common/err.h"

#define ENVIRON_PROPERTIES_MAX 256
#define ENVIRON_VALUE_MAX 32768 /* bytes; Linux takes 128 KiB per variable */

struct environ_property { /* borrowed texts */
    const char *name, *value;
};

/* The variables that every script has; NULL: not set. */
struct environ_base {
    const char *python_path; /* directory of hooking.py */
    const char *payload_key; /* "_hook_domxml", "_hook_json" */
    const char *payload;     /* its path */
    const char *flags;       /* path of the launch flags */
    const char *vm;          /* UUID */
    const char *flow_id, *op_id;
    const char *point;
};

/* 0, or -1 + err (HOOK_UNSAFE) naming the property and the reason. */
int environ_check(const struct environ_property *props, size_t n,
                  struct err *err);

/* NULL-terminated "NAME=value", for execve; a later property of the same name
 * wins. Returns owned: environ_free. The properties have been checked. */
char **environ_make(const struct environ_base *base,
                    const struct environ_property *props, size_t n);
void environ_free(char **list);
