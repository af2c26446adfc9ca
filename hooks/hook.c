// SPDX-License-Identifier: Apache-2.0
/* What has an owner in it is released here. */
#include "hooks/hook.h"

#include <stdlib.h>

#include "agent/common/mem.h"

void
hook_outcome_clear(struct hook_outcome *outcome)
{
    free(outcome->text);
    json_decref(outcome->scripts);
    *outcome = (struct hook_outcome){.flags = -1};
}

char *
hook_script_title(const struct hook_call *call, const struct script *script)
{
    return mem_printf("Hook script \"%.200s\" of %s", script->name,
                      points_row(call->point)->name);
}
