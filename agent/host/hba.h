// SPDX-License-Identifier: Apache-2.0
/*
 * How this host reaches storage: its Fibre Channel ports and its iSCSI name.
 * root as in sysfs.h. Any thread.
 */
#pragma once

#include "agent/common/json.h"

/* [{wwpn, wwnn, model, state, host}] of the Fibre Channel ports, numbers
 * without their 0x; returns owned. */
json_t *hba_fc(const char *root);

/* The name of iscsid's initiator; returns owned, NULL where it has none. */
char *hba_initiator(const char *root);
