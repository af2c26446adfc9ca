// SPDX-License-Identifier: Apache-2.0
/*
 * Versions of the packages that an engine shows for a host, under the names
 * that it knows them by ("qemu-kvm", "libvirt" …), whatever the distribution
 * calls them. Worker threads: it reads a database of some megabytes, or runs
 * rpm.
 */
#pragma once

#include "agent/common/json.h"

/*
 * {"libvirt": {version, release}, …} of those that are installed, from
 * dpkg's database below root, or from rpm where there is none. The running
 * kernel is not a package here. Returns owned.
 */
json_t *packages_read(const char *root);
