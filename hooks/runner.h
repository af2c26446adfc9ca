// SPDX-License-Identifier: Apache-2.0
/*
 * One run of one point: private directory, script after script, the judgement
 * of each, the result. The room's own; hooks/hooks.h is its face.
 */
#pragma once

#include "hooks/book.h"
#include "hooks/hook.h"

struct runner { /* borrowed; what all runs share */
    const char *helper, *python;
    struct book *book;
};

/* As hooks_run, but whatever fails is an error: -1 + err also at a point that
 * ignores failures. out->text is what was made of the payload by then. */
int runner_run(const struct runner *runner, const struct hook_call *call,
               struct hook_outcome *out, struct err *err);
