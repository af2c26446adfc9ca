// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's links as VDSM's clients see them: NICs, bonds, VLANs, bridges,
 * and as networks those bridges that lead out of the host. Pure.
 */
#pragma once

#include "agent/verbs/vdsm_facts.h"

/* {name: {…}} of the links of a kind ("nic", "bond", "vlan", "bridge");
 * returns owned. */
json_t *vdsm_net_links(const struct vdsm_facts *facts, const char *kind);

/* {name: {…}} of bridges with a NIC, bond or VLAN among their ports. */
json_t *vdsm_net_networks(const struct vdsm_facts *facts);

/* The link of the default route, "" without one; borrowed from facts. */
const char *vdsm_net_way_out(const struct vdsm_facts *facts);
