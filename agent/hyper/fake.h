// SPDX-License-Identifier: Apache-2.0
/*
 * A scripted backend for tests: domains are XML trees in memory, devices are
 * attached and removed in them, and faults come by script. URI:
 * "fake:?script=FILE" (or "fake:" with no faults). Events are delivered from
 * a thread of its own.
 */
#pragma once

#include "agent/hyper/ops.h"

extern const struct hyper_ops fake_ops;

/*
 * Set the script of an open backend (NULL: none). One rule per line:
 * "CALL N fail KIND text…"   the Nth next CALL (attach, define, …) fails
 * "CALL N applied-fail …"    it takes effect and yet fails
 * "attach N stray-controller" the attach also adds a SCSI controller
 * "attach N wrong-address"    the disk arrives at another unit
 * "detach N silent"           accepted; the device stays, no event
 * "detach N refused"          REMOVAL_FAILED event
 */
int fake_script(void *backend, const char *script, struct err *err);

/* Let a silent device go now, with its event. */
void fake_release(void *backend, const char *uuid, const char *alias);
