// SPDX-License-Identifier: Apache-2.0
/*
 * The payload on its way through the scripts of a point: what it was when the
 * last one had been accepted, and the judgement of what the next one wrote.
 * One owner; worker threads.
 */
#pragma once

#include "hooks/hook.h"
#include "hooks/payload.h"

struct result {
    const struct hook_call *call;
    const struct point *point;
    xmlDocPtr doc; /* owned; of XML that is used, else NULL */
    char *text;    /* owned; as it was read last */
    bool changed;
    bool privileged; /* a change that was granted or refused is of privileges */
};

/* What the call brings. -1 + err when that is no XML. */
int result_begin(struct result *r, const struct hook_call *call,
                 struct err *err);

/* Read what the script left and judge it; the changes go to row. -1 + err
 * (HOOK_FAILED) naming script, change and the key that would allow it. */
int result_take(struct result *r, const struct payload *payload,
                const struct script *script, json_t *row, struct err *err);

/* What all made of it, NULL when nobody changed anything. Returns owned. */
char *result_text(const struct result *r);

void result_clear(struct result *r);
