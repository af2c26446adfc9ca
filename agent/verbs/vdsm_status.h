// SPDX-License-Identifier: Apache-2.0
/* How a VM stands, in VDSM's words. Any thread. */
#pragma once

#include "agent/common/json.h"
#include "agent/state/vm_info.h"

/* "Up", "Paused", "Powering down", "Down" …; static. */
const char *vdsm_status_word(const struct vm_info *info);

/* The same of a state as native verbs tell it ("running" …). */
const char *vdsm_status_of(const char *state);

/* Put status; of a VM that an I/O error has paused pauseCode and ioerror; of
 * one of an engine's that is down how it ended. */
void vdsm_status_put(json_t *obj, const struct vm_info *info);

/* Put exitCode, exitReason and exitMessage by libvirt's word for how a VM
 * stopped ("shutdown", "destroyed", "crashed" …). */
void vdsm_status_put_exit(json_t *obj, const char *reason);
