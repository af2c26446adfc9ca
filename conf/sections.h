// SPDX-License-Identifier: Apache-2.0
/* Keys of the sections that may be many, [role NAME], [peer NAME] … */
#pragma once

enum conf_named_id {
#define NAMED(id, ...) CONF_##id,
#include "conf/sections.def"
#undef NAMED
    CONF_NAMED_IDS
};
