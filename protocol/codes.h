// SPDX-License-Identifier: Apache-2.0
/* Numbers and classes of error kinds, as the wire knows them. Pure. */
#pragma once

#include "agent/common/err.h"

int codes_number(enum err_kind kind);        /* -32602 … */
int codes_vdsm(enum err_kind kind); /* VDSM's; 0: that of the verb itself */
const char *codes_class(enum err_kind kind); /* "fix_input" …; static */
const char *codes_text(enum err_kind kind);  /* what the kind means; static */
