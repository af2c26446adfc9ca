// SPDX-License-Identifier: Apache-2.0
/* From the settings to the rules of who may do what, and what of them is
 * policy. Any thread. */
#pragma once

#include "agent/common/json.h"
#include "agent/policy/access.h"
#include "conf/conf.h"

/* [role NAME], [peer NAME] and [access] of a snapshot. Returns owned, NULL +
 * err (INVALID: section and key, the word, what was expected). */
struct access *roles_load(const struct conf *conf, struct err *err);

/* {name: text} of every setting whose change the audit tells: roles, peers,
 * what may be used as a source, what hooks may, whom TLS trusts. What has its
 * default is left out. Returns owned. */
json_t *roles_policy(const struct conf *conf);
