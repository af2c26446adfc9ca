// SPDX-License-Identifier: Apache-2.0
/* The script of the fake backend: which call goes wrong, and how. Locked by
 * its owner. */
#pragma once

#include <stdbool.h>

#include "agent/common/err.h"

/* What the rules say of one call; all false: nothing. */
struct fault {
    bool fail;    /* answer kind and text */
    bool applied; /* … but take effect first */
    bool lost;    /* … and the connection is lost */
    bool stray_controller;
    bool wrong_address;
    bool silent;
    bool refused;
    bool hang;        /* until fake_go */
    unsigned slow_ms; /* or until fake_go */
    enum err_kind kind;
    char text[256];
};

struct fake_rules;

/* Rules as fake.h describes them, "#" begins a comment. Returns owned,
 * NULL + err (INVALID) naming the line. */
struct fake_rules *fake_rules_parse(const char *script, struct err *err);
void fake_rules_free(struct fake_rules *rules);

/* Count one call of that name; which faults it meets. rules may be NULL. */
struct fault fake_rules_count(struct fake_rules *rules, const char *call);

/* The fault as an error; returns -1. */
int fake_rules_fail(const struct fault *fault, struct err *err);
