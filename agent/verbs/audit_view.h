// SPDX-License-Identifier: Apache-2.0
/* Verbs of the audit: reading it, and finding out whether it is whole. */
#pragma once

#include <stdio.h>

#include "agent/verbs/verb.h"

extern const struct verb audit_view_verbs[];
extern const size_t audit_view_nverbs;

/* What audit_verify found: JSON, or lines for people. */
void audit_view_print(const json_t *report, bool as_json, FILE *to);
