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
 * The connection: lost as when libvirt's daemon is killed (calls are
 * UNREACHABLE, domains run on), and back. A second call of the same changes
 * nothing.
 */
void fake_connect(void *backend, bool connected);

/* As libvirt is after a restart until it has asked QEMU: occupied with the
 * domain, its live XML as it is now whatever happens to the devices. */
void fake_freeze(void *backend, const char *uuid, bool frozen);

/* Take a device out of QEMU behind everybody's back: no event. */
void fake_take(void *backend, const char *uuid, const char *alias);

/*
 * Set the script of an open backend (NULL: none). One rule per line:
 * "CALL N fail KIND text…"   the Nth next CALL (attach, define, …) fails
 * "CALL N applied-fail …"    it takes effect and yet fails
 * "attach N stray-controller" the attach also adds a SCSI controller
 * "attach N wrong-address"    the disk arrives at another unit
 * "detach N silent"           accepted; the device stays, no event
 * "detach N refused"          REMOVAL_FAILED event
 * "autostart N silent"        accepted, and not done
 * "CALL N slow MS"            it begins so much later; other calls go on
 * "CALL N hang"               it begins at the next fake_go
 * "CALL N lost"               the connection is lost before it takes effect
 * "CALL N applied-lost"       … or after it
 */
int fake_script(void *backend, const char *script, struct err *err);

/* Whether sgio='unfiltered' is accepted, as libvirt 8 and older do; at first
 * it is not. */
void fake_unfiltered(void *backend, bool accepted);

/* Let calls that are slow or hang go on; how many there are. */
void fake_go(void *backend);
size_t fake_held(void *backend);

/* Let a silent device go now, with its event. */
void fake_release(void *backend, const char *uuid, const char *alias);
