// SPDX-License-Identifier: Apache-2.0
/*
 * Network links as the kernel has them. root as in sysfs.h: it is for the
 * links; addresses are always those of the process's network namespace. Any
 * thread.
 */
#pragma once

#include "agent/common/json.h"

/*
 * By name: {kind: "nic" | "bridge" | "bond" | "vlan" | "other", mac,
 * permanent_mac, mtu, up (has a carrier), speed (Mbit/s, 0: not known),
 * master (a bridge or bond), ports: [], bridge: {stp, options {}}, bond:
 * {mode, mode_number, active, options {}}, vlan: {id, link}, counters:
 * {rx_bytes, rx_dropped, rx_errors, tx_bytes, tx_dropped, tx_errors}};
 * null for what a link of its kind has not. Without lo. Returns owned.
 */
json_t *net_links(const char *root);

/* The counters alone, by name, with up and speed: what is sampled. */
json_t *net_counters(const char *root);

/*
 * By link: {ipv4: [{address, prefix, netmask}], ipv6: [{address, prefix}]};
 * link-local IPv6 included. Returns owned, {} when it cannot be asked.
 */
json_t *net_addresses(void);

/* By link: {gateway, gateway6}: those of its default routes, null: none. */
json_t *net_gateways(const char *root);
