// SPDX-License-Identifier: Apache-2.0
/*
 * The operating system: its release, its kernel, and the switches of security
 * that an engine compares between hosts. root as in sysfs.h. Any thread.
 */
#pragma once

#include "agent/common/json.h"

/* {id, name, version, pretty_name, variant_id} of os-release(5), null where
 * it does not say; returns owned. */
json_t *release_read(const char *root);

/*
 * {release, version, arch, cmdline, boot_id, boot_time (seconds since the
 * epoch), features: {"SPECTRE_V2": "…"} (the kernel's own words per
 * vulnerability)}; returns owned.
 */
json_t *release_kernel(const char *root);

/* {selinux: -1 none | 0 permissive | 1 enforcing, fips: bool, kdump: -1 no
 * such thing | 0 not armed | 1 armed, nested: bool, numa_balancing: -1 | 0 |
 * 1, vnc_tls: bool, iommu: bool}; returns owned. */
json_t *release_switches(const char *root);

/* Servers of resolv.conf(5); returns owned. */
json_t *release_nameservers(const char *root);
