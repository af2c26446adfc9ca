// SPDX-License-Identifier: Apache-2.0
/* LUNs and other devices of the host under VDSM's names. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_device_verbs[];
extern const size_t vdsm_device_nverbs;

/* Host.getDeviceList of the machine below root (as in host/sysfs.h), of a
 * storage type (0: any) and guids (empty: all). Returns owned. */
json_t *vdsm_device_luns(const char *root, json_int_t type, const json_t *guids,
                         bool status);

/* Host.getDevicesVisibility of it. */
json_t *vdsm_device_visible(const char *root, const json_t *guids);
