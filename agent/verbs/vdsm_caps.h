// SPDX-License-Identifier: Apache-2.0
/* What an engine is told of a host before it trusts it with VMs. */
#pragma once

#include "agent/verbs/verb.h"

extern const struct verb vdsm_caps_verbs[];
extern const size_t vdsm_caps_nverbs;

/* Host.getCapabilities of the machine below root (as in host/sysfs.h);
 * RECOVERING while libvirt was not asked yet. Returns owned. */
json_t *vdsm_caps_read(struct env *env, const char *root, struct err *err);

/* Host.getHardwareInfo of it. */
json_t *vdsm_caps_hardware(const char *root);
