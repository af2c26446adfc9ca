// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt's <capabilities> and <domainCapabilities> as facts. Pure.
 */
#pragma once

#include "agent/common/json.h"

/*
 * {arch, cpu_model, cpu_vendor, tsc: {hz, scaling} | null, types: ["qemu",
 * "kvm"], machines: ["pc", "pc-q35-7.2", …], live_migration: bool,
 * cpu_models: [usable ones by name], backup: bool, rng: ["random", …]}.
 * The last three are those of domain_caps, and empty or false where that is
 * NULL. Machines and types are those of the host's own architecture. Returns
 * owned, NULL + err.
 */
json_t *host_caps_parse(const char *caps, const char *domain_caps,
                        struct err *err);
