// SPDX-License-Identifier: Apache-2.0
/* Verbs about hypervisors themselves: rows for verbs/table.c. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb hypervisor_verbs[];
extern const size_t hypervisor_nverbs;

/* {name, uri, connected, since, last_error, process} of each host by proxy,
 * added to list. */
void hypervisor_list_remote(struct env *env, json_t *list);
