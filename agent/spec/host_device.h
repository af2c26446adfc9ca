// SPDX-License-Identifier: Apache-2.0
/*
 * A device of the host, as libvirt describes it, in the form in which an
 * engine offers it to VMs. Pure.
 */
#pragma once

#include "agent/common/json.h"

/*
 * A <device>: {name, params: {capability, parent, driver, product,
 * product_id, vendor, vendor_id, iommu_group, numa_node, address: {},
 * is_assignable: "true" | "false", totalvfs, physfn, udev_path, block_path}};
 * what the device has not is left out. Returns owned, NULL + err.
 */
json_t *host_device_parse(const char *xml, struct err *err);
