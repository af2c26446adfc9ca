// SPDX-License-Identifier: Apache-2.0
/* The operating system among the capabilities, and the machine for
 * Host.getHardwareInfo. Any thread. */
#pragma once

#include "agent/verbs/vdsm_facts.h"
#include "agent/verbs/vdsm_field.h"

#define VDSM_CAPS_SYSTEM_VERSION "4.50.7" /* of VDSM, whose verbs these are */

extern const struct vdsm_field vdsm_caps_system_rows[];
extern const size_t vdsm_caps_system_nrows;

extern const struct vdsm_field vdsm_caps_system_hardware[];
extern const size_t vdsm_caps_system_nhardware;
