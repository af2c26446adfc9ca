// SPDX-License-Identifier: Apache-2.0
/* From the settings to the rules of who may do what. Any thread. */
#pragma once

#include "agent/policy/access.h"
#include "conf/conf.h"

/* [role NAME], [peer NAME] and [access] of a snapshot. Returns owned, NULL +
 * err (INVALID: section and key, the word, what was expected). */
struct access *roles_load(const struct conf *conf, struct err *err);
